"""How do nested Python values become JSON of a bounded size, without secrets?

Dicts, lists, sets, dataclasses, named tuples, and what msgspec, attrs and pydantic make. What is not in it is
told in place and in `left`.
"""

from __future__ import annotations

import json
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from claude_magic.prompts import private
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TEXT = 20_000  # characters of a text in it
MOST_REPR = 4_000
MOST_ITEMS = 500
MOST_DEPTH = 12
INLINE = 200  # characters up to which it is written on one line


def is_structure(value: Any) -> bool:
    """Return whether a value is one of these, and no class."""
    return isinstance(value, dict | list | tuple | set | frozenset | deque) or fields(value) is not None


def fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of a dataclass, named tuple, Struct, attrs or pydantic object, or None.

    A field that its class keeps out of the repr is kept out here too, with a word in its place.
    """
    kind = type(value)
    if isinstance(value, type):
        return None
    for mark, shown in _RECORDS.items():
        if mark == "_fields" and not isinstance(value, tuple):
            continue
        if (made := getattr(kind, mark, None)) is not None:
            return {name: getattr(value, name, None) if show else HIDDEN for name, show in shown(made)}
    return None


def text(value: Any, left: list[str]) -> str:
    """Return a value as JSON; raises ValueError or TypeError for one that JSON cannot hold."""
    plain = _plain(value, MOST_DEPTH, left)
    made = json.dumps(plain, ensure_ascii=False)
    return made if len(made) <= INLINE else json.dumps(plain, ensure_ascii=False, indent=1)


def size(value: Any) -> int:
    """Return how many items or fields a value has."""
    return len(value) if hasattr(value, "__len__") else len(fields(value) or ())


def represented(value: Any) -> str:
    """Return a value's repr, whatever it does, without an address in memory."""
    try:
        return private.without_addresses(repr(value))
    except Exception as error:  # a reader's own __repr__ may raise anything
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


HIDDEN = "[left out: repr=False]"
_RECORDS: dict[str, Callable[[Any], list[tuple[str, bool]]]] = {
    # what marks such a class -> its fields, and whether the class shows them
    "__dataclass_fields__": lambda marks: [(f.name, f.repr) for f in marks.values()],
    "__attrs_attrs__": lambda marks: [(f.name, bool(f.repr)) for f in marks],
    "__struct_fields__": lambda names: [(name, True) for name in names],
    "__pydantic_fields__": lambda marks: [(name, f.repr) for name, f in marks.items()],
    "_fields": lambda names: [(name, True) for name in names],
}


def _plain(value: Any, depth: int, left: list[str]) -> Any:
    """Return a copy that JSON can hold, bounded, without secrets; `left` gets words on what is not in it."""
    if isinstance(value, str):
        return cut(str(value), MOST_TEXT)
    if value is None or isinstance(value, bool | int | float):
        return value
    if private.is_environment(value):
        left.append("the environment held back")
        return "[left out: the environment]"
    record = None if isinstance(value, dict) else fields(value)
    if not depth and (record is not None or isinstance(value, dict | list | tuple | set | frozenset)):
        left.append(f"nothing deeper than {MOST_DEPTH} levels sent")
        return f"[left out: deeper than {MOST_DEPTH} levels]"
    if record is not None or isinstance(value, dict):
        return _members(value if record is None else record, depth, left)
    if isinstance(value, list | tuple | set | frozenset | deque):
        beyond = _beyond(len(value), depth, left)
        items = sorted(value, key=_rank) if isinstance(value, set | frozenset) else list(value)
        made = [_plain(v, depth - 1, left) for v in items[:MOST_ITEMS]]
        return made + [f"[… {beyond:,} more left out]"] * (beyond > 0)
    return _scalar(value)


def _members(value: dict[Any, Any], depth: int, left: list[str]) -> dict[str, Any]:
    beyond = _beyond(len(value), depth, left)
    items = list(value.items())[:MOST_ITEMS]
    made: dict[str, Any] = {}
    for k, v in items:
        name = str(k) if isinstance(k, str) else private.without_addresses(str(k))
        name = f"{name} #{len(made) + 1}" if name in made else name  # of two objects, or 1 and "1"
        made[name] = _secret(name, v, left) or _plain(v, depth - 1, left)
    return made | ({"…": f"{beyond:,} more left out"} if beyond > 0 else {})


def _rank(value: Any) -> tuple[str, Any]:
    """Return what puts a set, whose order changes with every run, in order."""
    number = isinstance(value, int | float)
    return ("", value) if number else (type(value).__name__, represented(value))


def _beyond(items: int, depth: int, left: list[str]) -> int:
    if items > MOST_ITEMS:
        of = "" if depth == MOST_DEPTH else " items of a longer one"
        left.append(f"first {MOST_ITEMS:,}{of} sent")
    return items - MOST_ITEMS


def _secret(name: str, value: Any, left: list[str]) -> str:
    if value == HIDDEN:
        left.append(f"{name} held back as its class hides it")
        return HIDDEN
    if not private.is_secret(name, value):
        return ""
    left.append(f"{name} held back as named like a secret")
    return "[left out: named like a secret]"


def _scalar(value: Any) -> Any:
    """Return a number of numpy as Python's, a date or a path as text, anything else as its repr."""
    if not _kinds(value).isdisjoint((("numpy", "number"), ("numpy", "bool"))):
        return value.item()
    simple = isinstance(value, os.PathLike | complex) or is_simple(value)
    return str(value) if simple else cut(represented(value), MOST_REPR)


def is_simple(value: Any) -> bool:
    """Return whether a value is a date, an exact number, an id or a number of numpy, told by its str."""
    return not _SIMPLE.isdisjoint(_kinds(value))


def _kinds(value: Any) -> set[tuple[str, str]]:
    return {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__}


_SIMPLE = {
    *(("datetime", name) for name in ("date", "time", "timedelta")),
    ("numpy", "generic"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
}
