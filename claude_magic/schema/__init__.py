"""How does a Python type become a JSON schema, and an answer become that type?

A dataclass, TypedDict, NamedTuple, msgspec Struct, pydantic model, Enum, Literal, a plain or generic type, a
dict of name to type, or a JSON schema. An Enum of texts goes by its values, any other by its names.
What the service does not compile is said in words instead, and checked when the answer is there.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import InputError
from claude_magic.schema import sent
from claude_magic.schema.checks import TYPES, check
from claude_magic.schema.kinds import BY_NAME, USABLE, Kind, is_type, kind, name

VALUE = "value"  # the one property of an answer whose type is no object
LABELS = 'Give --choices yes,no, in Python choices=["yes", "no"].'


class Shape(NamedTuple):
    """What an answer is to be: the schema that is sent, and what turns JSON values into the type.

    `load` raises ValueError for values that do not fit. `bare` says that the type is no object, so that it
    travels as {"value": …}.
    """

    schema: dict[str, Any]
    load: Callable[[Any], Any]
    name: str
    bare: bool = False


class Arguments(NamedTuple):
    """What a tool takes: its schema, whether the service compiles it, and what turns JSON into the types."""

    schema: dict[str, Any]
    strict: bool
    load: Callable[[dict[str, Any]], dict[str, Any]]


def shape(wanted: Any) -> Shape:
    """Return the shape of a type; raises InputError for one that cannot be asked for."""
    if isinstance(wanted, Shape):
        return wanted
    wanted = _table(wanted)
    named = _name(wanted)
    try:
        said, load = _read(wanted)
        made = sent.compiled(said, named)
    except RecursionError:
        raise InputError(f"{named} is nested too deeply", hint="Ask for less at once.") from None
    bare = made.get("type") != "object"
    if bare:
        made = {"type": "object", "properties": {VALUE: made}, "required": [VALUE]}
        made["additionalProperties"] = False
    weight = sent.weight(made)
    if not weight.fits:
        raise InputError(
            f"{named} has {weight.optional} optional fields and {weight.unions} of several types; "
            f"at most {sent.MOST_OPTIONAL} and {sent.MOST_UNIONS} can be asked for",
            hint="Give fewer fields a default or None, or ask in two questions.",
        )
    return Shape(made, load, named, bare)


def _name(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return str(wanted.get("title", sent.UNNAMED))
    return name(wanted) if is_type(wanted) else sent.UNNAMED


def _table(wanted: Any) -> Any:
    """Return `list[{'name': str}]`, which Python takes for a type, as the list of fields that it means."""
    inner = typing.get_args(wanted) if typing.get_origin(wanted) is list else ()
    return [inner[0]] if inner and isinstance(inner[0], Mapping) else wanted


def _a(wanted: Any) -> str:
    """Return a word for a value, whatever it is, by its type."""
    what = type(wanted).__name__
    return f"{'An' if what[:1].lower() in 'aeiou' else 'A'} {what}"


def choices(labels: Iterable[str]) -> Shape:
    """Return the shape of an answer that is one of these labels."""
    named = list(dict.fromkeys(labels))
    if len(named) < 2:
        raise InputError("There must be two labels or more to choose from", hint=LABELS)
    return shape(typing.Literal[tuple(named)])


def output_format(wanted: Shape) -> dict[str, Any]:
    """Return what goes into `output_config.format` of a request."""
    return {"type": "json_schema", "schema": wanted.schema}


def value(wanted: Shape, text: str) -> Any:
    """Return an answer's JSON values, unchecked; raises ValueError where the text is not JSON."""
    found = wire.decode_plain(text)
    if not wanted.bare:
        return found
    if not isinstance(found, dict) or VALUE not in found:
        raise ValueError(f"there is no {VALUE!r}")
    return found[VALUE]


def read(wanted: Shape, text: str) -> Any:
    """Return an answer's text as the type; raises ValueError, which says where it does not fit."""
    return wanted.load(value(wanted, text))


def describe(wanted: Shape, error: ValueError, text: str) -> str:
    """Return the message that asks once more for an answer that did not fit."""
    if not text.strip():
        return "Your answer was empty. Answer with JSON of the form asked for."
    lines = str(error).strip().splitlines() or [type(error).__name__]
    place = f" (`$` is the content of {VALUE!r})" if wanted.bare and "`$" in lines[0] else ""
    return (
        f"Your answer cannot be used as {wanted.name}: {lines[0]}{place}. "
        "Answer again with JSON of the form asked for; keep what was right and mend this."
    )


def arguments(
    kinds: Mapping[str, Any], *, notes: Mapping[str, str], optional: Collection[str] = ()
) -> Arguments:
    """Return what a tool takes, by the types of its parameters; `notes` describes them.

    Raises InputError for a type that JSON cannot hold. `load` raises ValueError for values that do not fit.
    """
    made = {of: _argument(of, wanted) for of, wanted in kinds.items()}
    said = {of: one.said | ({"description": notes[of]} if notes.get(of) else {}) for of, one in made.items()}
    needed = [of for of in made if of not in optional]
    whole = {"type": "object", "properties": said, "required": needed, "additionalProperties": False}
    load = functools.partial(_fields, {of: one.load for of, one in made.items()}, optional)
    try:
        compiled = sent.compiled(whole, "it")
    except InputError:  # fine for a tool that is not strict
        return Arguments(sent.loose(whole), False, load)
    return Arguments(compiled, sent.weight(compiled).fits, load)


def _argument(of: str, wanted: Any) -> Kind:
    try:
        return kind(wanted, strict=False)
    except InputError as error:
        raise InputError(f"{of}: {error.message}", hint=error.hint) from None


def _read(wanted: Any) -> Kind:
    if isinstance(wanted, str):
        hint = f"Write {wanted} without quotes; a text describes a field: {{'{wanted}': 'what it is'}}."
        raise InputError(f"{wanted!r} is a text, not a type", hint=hint)
    if isinstance(wanted, list | tuple | set) and wanted:
        return _field("it", wanted)
    if not isinstance(wanted, Mapping):
        if not is_type(wanted):
            what = name(wanted) if isinstance(wanted, int | float | list) else _a(wanted)
            raise InputError(f"{what} cannot be asked for: it is a value, not a type", hint=USABLE)
        return kind(wanted)
    if _is_schema(wanted):
        said = sent.whole(wanted, str(wanted.get("title", "answer")))
        closed = _closed(said)
        return Kind(closed, lambda found: check(found, closed))
    made = {of: _field(of, inner) for of, inner in wanted.items()}
    if not made:
        hint = "Give names and types: {'name': str, 'age': int}."
        raise InputError("There is no field in the schema", hint=hint)
    return Kind(
        {
            "type": "object",
            "properties": {of: one.said for of, one in made.items()},
            "required": list(made),
            "additionalProperties": False,
        },
        functools.partial(_fields, {of: one.load for of, one in made.items()}, ()),
    )


def _is_schema(wanted: Mapping[str, Any]) -> bool:
    named = wanted.get("type")
    of_json = (isinstance(named, str) and named in TYPES) or isinstance(named, list)
    groups = ("properties", "anyOf", "oneOf", "allOf", "enum", "$defs")
    return of_json or "$ref" in wanted or any(isinstance(wanted.get(group), dict | list) for group in groups)


def _closed(said: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose objects take no other fields than those named."""
    groups = ("anyOf", "oneOf")
    made = {key: [_closed(one) for one in inner] if key in groups else inner for key, inner in said.items()}
    if isinstance(said.get("items"), dict):
        made["items"] = _closed(said["items"])
    if isinstance(said.get("properties"), dict) and said["properties"]:
        made["properties"] = {of: _closed(one) for of, one in said["properties"].items()}
        if not isinstance(said.get("additionalProperties"), dict):
            made["additionalProperties"] = False
    return made


def _field(of: str, wanted: Any) -> Kind:
    """Return a field of a dict: a type or its name, a description, labels, a list of one thing, or a dict."""
    if not isinstance(of, str):
        raise InputError(f"{of!r} cannot be the name of a field", hint="Use a text.")
    if isinstance(wanted, str) and wanted not in BY_NAME:
        return Kind({"type": "string", "description": wanted}, kind(str).load)
    if isinstance(wanted, list) and len(wanted) == 1:
        item = _field(of, wanted[0])
        return Kind({"type": "array", "items": item.said}, functools.partial(_items, item.load))
    if isinstance(wanted, list | tuple | set) and wanted and all(isinstance(label, str) for label in wanted):
        return kind(typing.Literal[tuple(sorted(wanted) if isinstance(wanted, set) else wanted)])
    return _read(BY_NAME[wanted] if isinstance(wanted, str) else wanted)


def _fields(
    loads: Mapping[str, Callable[[Any], Any]], optional: Collection[str], found: Any
) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"Expected object, got {type(found).__name__}")  # noqa: TRY004 # one kind of error here
    for of in loads:
        if of not in found and of not in optional:
            raise ValueError(f"{of} is missing")
    if left := [of for of in found if of not in loads]:
        raise ValueError(f"there is no {left[0]}; there {'are' if len(loads) > 1 else 'is'} {_listed(loads)}")
    return {of: _at(of, load, found[of]) for of, load in loads.items() if of in found}


def _items(load: Callable[[Any], Any], found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise ValueError(f"Expected array, got {type(found).__name__}")  # noqa: TRY004
    return [_at(f"item {i}", load, one) for i, one in enumerate(found, 1)]


def _at(where: str, load: Callable[[Any], Any], found: Any) -> Any:
    try:
        return load(found)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "nothing to give"
