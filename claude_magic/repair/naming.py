"""Which values does a piece of code name, and what of them is sent along with it?

Nobody has asked for these values one by one, so they are short, no file is opened and no picture made for
them, and what could be a secret stays here.
"""

from __future__ import annotations

import builtins
import io
import keyword
import os
import re
import tokenize
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.prompts import private, values
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST = 2_000  # characters of one value
MOST_ALL = 10_000  # characters of them all
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_MAGIC = re.compile(r"\s*(?:[^\W\d][\w, ]*=\s*)?[%!]")


class Named(NamedTuple):
    """A value that code names: as it is sent, and its kind in a few words."""

    name: str
    text: str
    what: str


def names(code: str) -> list[str]:
    """Return the names in a piece of code in order, each once; what follows a dot is none, nor are words.

    Code that cannot be read as Python, such as the line of a magic, is looked through by pattern.
    """
    lines = code.split("\n")
    python = "\n".join("" if _MAGIC.match(line) else line for line in lines)
    by_pattern = [name for line in lines if _MAGIC.match(line) for name in _NAME.findall(line)]
    found = [*_tokens(python), *by_pattern]
    return [n for n in dict.fromkeys(found) if not keyword.iskeyword(n) and not hasattr(builtins, n)]


def _tokens(code: str) -> list[str]:
    found: list[str] = []
    dot = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.NAME and not dot:
                found.append(token.string)
            elif token.type == tokenize.STRING and re.match(r"[rR]?[fF]", token.string):
                found += _NAME.findall(token.string)  # in one piece before Python 3.12
            dot = token.string == "."
    except (tokenize.TokenError, SyntaxError, ValueError):
        return _NAME.findall(re.sub(r"#.*", "", code))
    return found


def sent(wanted: Iterable[str], namespace: Mapping[str, Any]) -> tuple[list[Named], list[str]]:
    """Return the values of names as they are sent, and the names of those that are kept back or too much."""
    found: list[Named] = []
    left: list[str] = []
    room = MOST_ALL
    for name in wanted:
        if name.startswith("_") or name not in namespace:
            continue
        try:
            made = _named(name, namespace[name])
        except InputError:  # it could be a secret
            left.append(name)
            continue
        if made and len(made.text) > room:
            left.append(name)
        elif made:
            room -= len(made.text)
            found.append(made)
    return found, left


def _named(name: str, value: Any) -> Named | None:
    """Return a value as it is sent, None for what everybody knows; raises InputError for a secret."""
    if private.is_secret(name, value):
        raise private.refusal(name, "is named like a secret")
    if isinstance(value, ModuleType):
        version = getattr(value, "__version__", "")
        return Named(
            name, f"{value.__name__} {version if isinstance(version, str) else ''}".strip(), "module"
        )
    if callable(value) and getattr(value, "__module__", "__main__") != "__main__":
        where = f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        return Named(name, where, "callable")
    if isinstance(value, os.PathLike | bytes | bytearray | memoryview):
        text = repr(value if isinstance(value, os.PathLike) else bytes(value[:100]))
        return Named(name, private.check(name, cut(text, MOST)), type(value).__name__)
    of = type(value)
    if of.__module__.partition(".")[0] in _DRAWN or of.__name__ in _RUN:
        return Named(name, f"<{of.__module__}.{of.__qualname__}>", of.__name__)
    shown = values.show(value, name)
    if shown is None or shown.block:
        return Named(name, f"<{of.__qualname__}>", of.__name__)
    return Named(name, cut(private.check(name, shown.text), MOST), shown.what)


_DRAWN = frozenset(("matplotlib", "PIL", "plotly", "altair", "IPython", "bokeh"))
"""Packages whose values are pictures."""
_RUN = frozenset(("LazyFrame", "DuckDBPyRelation"))
"""Classes of queries, which would run."""
