"""Is a value of a request of the kind that it should be?

A kind is a word (`"text"`), a tuple of the values allowed, a one-item list (a list of that kind), a dict
(an object with these fields and no others; `*` marks a required one), or a function `(value, where)` for
what needs a look at the value.
"""

from __future__ import annotations

import re
from typing import Any

from claude_magic.practice.refusal import refuse

MOST_DIGITS = 9
WORDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "text": (str, "a valid string"),
    "whole": (int, "a valid integer"),
    "number": ((int, float), "a valid number"),
    "flag": (bool, "a valid boolean"),
    "list": (list, "a valid list"),
    "object": (dict, "a valid dictionary"),
    "time": (str, "a valid datetime"),
    "any": (object, "anything"),
}


def check(value: Any, kind: Any, where: str) -> None:
    """Refuse what is not of the kind; None passes for a kind whose word ends in `?`."""
    if isinstance(kind, str):
        _word(value, kind, where)
    elif isinstance(kind, tuple):
        if not any(value is choice or (isinstance(value, str) and value == choice) for choice in kind):
            refuse(where, f"Input should be {_either(kind)}")
    elif isinstance(kind, list):
        _word(value, "list", where)
        for i, item in enumerate(value):
            check(item, kind[0], f"{where}.{i}")
    elif isinstance(kind, dict):
        _fields(value, kind, where)
    else:
        kind(value, where)


def _word(value: Any, kind: str, where: str) -> None:
    if kind.endswith("?"):
        if value is None:
            return
        kind = kind[:-1]
    wanted, name = WORDS[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind in ("whole", "number")):
        refuse(where, f"Input should be {name}")


def _fields(value: Any, fields: dict[str, Any], where: str) -> None:
    _word(value, "object", where)
    prefix = f"{where}." if where else ""
    kinds = {name.rstrip("*"): kind for name, kind in fields.items()}
    for name in fields:
        if name.endswith("*") and name[:-1] not in value:
            refuse(prefix + name[:-1], "Field required")
    for name, item in value.items():
        if name not in kinds:
            refuse(prefix + name, "Extra inputs are not permitted")
        check(item, kinds[name], prefix + name)


def _either(choices: tuple[Any, ...]) -> str:
    texts = [repr(c) for c in choices if c is not None]
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def tagged(table: dict[str, Any], default: str | None = None) -> Any:
    """Return a kind: an object whose `type` chooses its fields in the table; None there takes any fields."""

    def by_type(value: Any, where: str) -> None:
        _word(value, "object", where)
        tag = value.get("type", default)
        if not isinstance(tag, str):
            refuse(f"{where}.type", "Field required")
        if tag not in table:
            tags = ", ".join(map(repr, table))
            why = f"Input tag {tag!r} found using 'type' does not match any of the expected tags: {tags}"
            refuse(where, why)
        if table[tag] is not None:
            _fields(value, {"type": "text", **table[tag]}, where)

    return by_type


def text_or(kind: Any) -> Any:
    """Return a kind that takes a string too."""
    return lambda value, where: None if isinstance(value, str) else check(value, kind, where)


def nullable(kind: Any) -> Any:
    """Return a kind that takes null too."""
    return lambda value, where: None if value is None else check(value, kind, where)


def sized(least: int, most: int, kind: Any = "text") -> Any:
    """Return a kind: a text or a list of so many characters or items."""

    def fits(value: Any, where: str) -> None:
        check(value, kind, where)
        if not least <= len(value) <= most:
            what, of = ("String", "characters") if isinstance(value, str) else ("List", "items")
            size = f"{least} to {most}" if least else f"at most {most}"
            refuse(where, f"{what} should have {size} {of}")

    return fits


def written(pattern: str, what: str) -> Any:
    """Return a kind: a text that a regular expression matches whole."""

    def matches(value: Any, where: str) -> None:
        check(value, "text", where)
        if not re.fullmatch(pattern, value):
            refuse(where, f"Input should be {what}")

    return matches


def number(text: str, least: int, most: int, where: str) -> int:
    """Return the whole number, of at most nine digits, in a query or a form; raises Refusal."""
    if not text.isdecimal() or len(text) > MOST_DIGITS or not least <= int(text) <= most:
        refuse(where, f"Input should be a whole number from {least} to {most}")
    return int(text)
