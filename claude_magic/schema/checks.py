"""Does a JSON value fit a JSON schema?

The keywords that say what an answer is: types, objects, lists, choices, bounds, patterns, and the formats
that Python has a type for. https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.grammar.words import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: _is_number(v) and v == int(v),
    "number": lambda v: _is_number(v),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}
RULES: tuple[tuple[str, str, Callable[[Any, Any], bool], str], ...] = (
    # keyword, the values it speaks of, whether a value keeps it, what it should be
    ("minimum", "number", lambda v, x: v >= x, "at least {}"),
    ("maximum", "number", lambda v, x: v <= x, "at most {}"),
    ("exclusiveMinimum", "number", lambda v, x: v > x, "more than {}"),
    ("exclusiveMaximum", "number", lambda v, x: v < x, "less than {}"),
    ("multipleOf", "number", lambda v, x: abs(v / x - round(v / x)) < 1e-9, "a multiple of {}"),
    ("minLength", "string", lambda v, x: len(v) >= x, "at least {} characters"),
    ("maxLength", "string", lambda v, x: len(v) <= x, "at most {} characters"),
    ("pattern", "string", lambda v, x: re.search(x, v) is not None, "a match of {}"),
    ("format", "string", lambda v, x: _has_format(v, x), "in the format {}"),
    ("minItems", "array", lambda v, x: len(v) >= x, "at least {} items"),
    ("maxItems", "array", lambda v, x: len(v) <= x, "at most {} items"),
    ("uniqueItems", "array", lambda v, x: not x or not _twice(v), "without an item twice"),
)


def check(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value that fits a schema without references; raises ValueError, which says where."""
    for where, why in faults(value, schema, "$"):
        raise ValueError(f"{why} - at `{where}`")
    return value


def faults(value: Any, schema: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Yield (place, what is wrong) for everything in a value that does not fit."""
    wanted = schema.get("type")
    kinds = wanted if isinstance(wanted, list) else [wanted] if wanted else []
    if kinds and not any(TYPES[kind](value) for kind in kinds if kind in TYPES):
        yield where, f"Expected {' or '.join(kinds)}, got {_kind(value)}"
        return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield where, f"{_short(value)} is none of {', '.join(map(_short, schema['enum']))}"
    if "const" in schema and not _same(value, schema["const"]):
        yield where, f"{_short(value)} is not {_short(schema['const'])}"
    for keyword, kind, keeps, should in RULES:
        if keyword in schema and TYPES[kind](value) and not _keeps(keeps, value, schema[keyword]):
            yield where, f"{_short(value)} should be {should.format(schema[keyword])}"
    for group in ("anyOf", "oneOf"):
        options = schema.get(group) or ()
        if options and all(any(faults(value, one, where)) for one in options):
            yield where, f"{_short(value)} fits none of the {len(options)} types it may have"
    if isinstance(value, dict):
        yield from _in_object(value, schema, where)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for i, one in enumerate(value):
            yield from faults(one, schema["items"], f"{where}[{i}]")


def _keeps(keeps: Callable[[Any, Any], bool], value: Any, bound: Any) -> bool:
    """Return whether a value keeps a rule; one that Python cannot read is the service's to keep."""
    try:
        return keeps(value, bound)
    except (TypeError, ArithmeticError, re.error):
        return True


def _in_object(value: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            yield where, f"Object missing required field `{name}`"
    for name, inner in value.items():
        if name in properties:
            yield from faults(inner, properties[name], f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            yield where, f"Object contains unknown field `{name}`"


def _has_format(text: str, named: str) -> bool:
    import datetime
    import uuid

    import msgspec

    types: dict[str, type] = {
        "date": datetime.date,
        "date-time": datetime.datetime,
        "time": datetime.time,
        "duration": datetime.timedelta,
        "uuid": uuid.UUID,
    }
    if named not in types:
        return True
    try:
        msgspec.convert(text, types[named])
    except msgspec.ValidationError:
        return False
    return True


def _twice(values: list[Any]) -> bool:
    return any(one in values[:i] for i, one in enumerate(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any, other: Any) -> bool:
    """Return whether JSON values are equal: true is not 1."""
    return bool(value == other) and isinstance(value, bool) is isinstance(other, bool)


def _kind(value: Any) -> str:
    return next(name for name, test in TYPES.items() if test(value))


def _short(value: Any) -> str:
    return short(repr(value))
