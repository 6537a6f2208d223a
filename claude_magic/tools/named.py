"""What does a name after --tool mean?

`fn` and `obj.method` are the notebook's, `$tools` is a variable that holds tools, `web_search` a tool of the
API. A function of the notebook comes before a tool of the API with the same name.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError, nearest
from claude_magic.tools.functions import Tool, define
from claude_magic.tools.server import KNOWN, OF_TYPE, Mcp, server_tool
from claude_magic.tools.toolbox import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def resolve(names: Iterable[str], namespace: Mapping[str, Any]) -> list[Any]:
    """Return what a Toolbox takes for each name; raises InputError for one that means nothing."""
    words = dict.fromkeys(part.strip() for name in names for part in name.split(","))
    return [one for word in words if word for one in _meant(word, namespace)]


def _meant(word: str, namespace: Mapping[str, Any]) -> list[Any]:
    if word.startswith("$"):
        value = _value(word[1:], namespace, word)
        return [_one(one, word) for one in listed(value)]
    service = word in KNOWN or word in OF_TYPE
    if word.partition(".")[0] in namespace:
        value = _value(word, namespace, word)
        return [server_tool(word) if service and not callable(value) else _one(value, word)]
    if service:
        return [server_tool(word)]
    if hasattr(builtins, word):
        hint = "Write a small function around it, with types: def name(x: int): …"
        raise InputError(f"{word} is Python's own and does not say what it takes", hint=hint)
    close = nearest(word, [*_functions(namespace), *KNOWN])
    hint = (
        f"Did you mean {close}?"
        if close
        else f"Define a function {word} in a cell, or give one of {_known()}."
    )
    raise InputError(f"There is no function {word} in this notebook", hint=hint)


def _value(path: str, namespace: Mapping[str, Any], word: str) -> Any:
    first, *steps = path.split(".")
    if first not in namespace:
        raise InputError(f"{word}: no such variable", hint=f"Assign {first} in a cell first.")
    value = namespace[first]
    for step in steps:
        if step.startswith("_") or not hasattr(value, step):
            close = nearest(step, [name for name in dir(value) if not name.startswith("_")])
            hint = f"Did you mean {close}?" if close else f"Look at {first} in a cell of its own."
            raise InputError(f"{first} has no {step} to call", hint=hint)
        value = getattr(value, step)
    return value


def _one(value: Any, word: str) -> Any:
    if isinstance(value, str) and (value in KNOWN or value in OF_TYPE):
        return server_tool(value)
    if isinstance(value, dict) and ("type" in value or "input_schema" in value):
        return value
    if isinstance(value, Tool | Mcp):
        return value
    if callable(value):
        return _defined(value, word)
    what = type(value).__name__
    raise InputError(
        f"{word} is no tool but of type {what}",
        hint="Name a function, or a list of functions with a $ before it.",
    )


def _defined(function: Any, word: str) -> Tool:
    try:
        return define(function)
    except InputError as error:
        if "." in word and getattr(function, "__module__", "__main__") != "__main__":
            # its parameters are not the reader's to write
            error.hint = f"Write a small function around {word}, with types: def name(x: str): …"
        raise


def _functions(namespace: Mapping[str, Any]) -> list[str]:
    return [name for name, value in namespace.items() if callable(value) and not name.startswith("_")]


def _known() -> str:
    return ", ".join(word for word, known in KNOWN.items() if not known.here)
