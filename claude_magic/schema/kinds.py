"""What does a Python type look like as JSON, and how do JSON values become that type?

msgspec reads the type and converts the values. On top of it: an Enum that is not of texts goes by its names,
a NamedTuple is an object, a Decimal a number, and a pydantic model checks itself wherever it stands.
"""

from __future__ import annotations

import datetime
import enum
import re
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import InputError
from claude_magic.grammar.words import short
from claude_magic.schema.sent import FLAT, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PLAIN: dict[str, dict[str, Any]] = {
    # msgspec's name of a type -> its JSON: https://jcristharif.com/msgspec/api.html#inspect
    "AnyType": {},
    "RawType": {},
    "NoneType": {"type": "null"},
    "BoolType": {"type": "boolean"},
    "IntType": {"type": "integer"},
    "FloatType": {"type": "number"},
    "DecimalType": {"type": "number"},
    "StrType": {"type": "string"},
    "DateTimeType": {"type": "string", "format": "date-time"},
    "DateType": {"type": "string", "format": "date"},
    "TimeType": {"type": "string", "format": "time"},
    "TimeDeltaType": {"type": "string", "format": "duration"},
    "UUIDType": {"type": "string", "format": "uuid"},
    "BytesType": {"type": "string", "contentEncoding": "base64"},
    "ByteArrayType": {"type": "string", "contentEncoding": "base64"},
}
LISTS = ("ListType", "VarTupleType", "CollectionType", "SetType", "FrozenSetType")
SETS = ("SetType", "FrozenSetType")
DICTS = ("DictType", "MappingType", "FrozenDictType")
BOUNDS = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "min_length": "minLength",
    "max_length": "maxLength",
}
MODULES = re.compile(r"(?<!['\"\w.])(?:[A-Za-z_]\w*\.|<locals>\.)+(?=[A-Za-z_])")
MOST_NAME = 80  # characters
BY_NAME: dict[str, Any] = {
    one.__name__: one for one in (str, int, float, bool, datetime.date, datetime.datetime)
}
"""The types of fields that may be given by their names; any other text describes a field."""
USABLE = "Use a dataclass, TypedDict, Enum, Literal, a pydantic model or a dict such as {'name': str}."


class Kind(NamedTuple):
    """A type as JSON: a schema without references, and what turns JSON values into the type."""

    said: dict[str, Any]
    load: Callable[[Any], Any]


def kind(wanted: Any, *, strict: bool = True) -> Kind:
    """Return a type as JSON; without `strict` the text "5" passes for a number.

    Raises InputError for what JSON cannot hold. `load` raises ValueError, which says where values do not fit.
    """
    import msgspec

    if labels := _names_of_any_values(wanted):
        return Kind({"enum": list(labels)}, lambda value: _member(labels, value))
    try:
        node = msgspec.inspect.type_info(wanted)
        made = _as_written(wanted, _said(node, ()))
    except (TypeError, NameError, RecursionError) as error:
        why = str(error).strip().rpartition("\n")[2] or "no JSON holds it"
        raise InputError(f"{name(wanted)} cannot be asked for: {why}", hint=USABLE) from None

    def load(value: Any) -> Any:
        try:
            return msgspec.convert(_prepared(node, value, "$"), wanted, strict=strict, dec_hook=_validated)
        except ValueError:
            raise
        except Exception as error:  # a class of the reader's may raise anything where it is made
            raise ValueError(f"{type(error).__name__}: {error}") from None

    return Kind(made, load)


def name(wanted: Any) -> str:
    """Return a type's name as a reader would write it, without the modules that its parts are from."""
    plain = isinstance(wanted, type) and not typing.get_args(wanted)
    text = str(wanted.__name__) if plain else MODULES.sub("", str(wanted))
    return short(text, MOST_NAME)


def told(annotation: Any) -> str:
    """Return what `Annotated[type, …]` says: a text, or the `description` of a Meta or Field."""
    for extra in getattr(annotation, "__metadata__", ()):
        said = extra if isinstance(extra, str) else getattr(extra, "description", None)
        said = said or getattr(extra, "documentation", None)  # typing_extensions.Doc
        if isinstance(said, str):
            return said
    return ""


def _names_of_any_values(wanted: Any) -> dict[str, enum.Enum]:
    """Return the members by name of an Enum whose values msgspec does not take, such as tuples."""
    if not (isinstance(wanted, type) and issubclass(wanted, enum.Enum)):
        return {}
    members = {member.name: member for member in wanted}
    kinds = {type(member.value) for member in wanted}
    return {} if kinds in ({str}, {int}) else members


def _member(labels: dict[str, enum.Enum], value: Any) -> enum.Enum:
    if isinstance(value, str) and value in labels:
        return labels[value]
    raise ValueError(f"Invalid enum value {value!r}")


def labels(cls: type[enum.Enum]) -> dict[str, Any]:
    """Return label -> value: texts stand for themselves, other values (1, 2, auto()) for their names."""
    if all(isinstance(member.value, str) for member in cls):
        return {str(member.value): member.value for member in cls}
    return {member.name: member.value for member in cls}


def _said(node: Any, within: tuple[type, ...]) -> dict[str, Any]:
    """Return the JSON schema of a type as msgspec sees it; `within` are the classes it stands in."""
    named = type(node).__name__
    if named == "Metadata":
        return {**_said(node.type, within), **(node.extra_json_schema or {})}
    if named in PLAIN:
        return {**PLAIN[named], **_bounds(node, BOUNDS)}
    if named == "EnumType":
        return {"enum": list(labels(node.cls)), **_documented(node.cls)}
    if named == "LiteralType":
        return {"enum": list(node.values)}
    if named == "UnionType":
        return {"anyOf": [_said(one, within) for one in node.types]}
    if named in LISTS:
        sized = _bounds(node, {"min_length": "minItems", "max_length": "maxItems"})
        unique = {"uniqueItems": True} if named in SETS else {}
        return {"type": "array", "items": _said(node.item_type, within), **sized, **unique}
    if named == "TupleType":
        return {"type": "array", "prefixItems": [_said(one, within) for one in node.item_types]}
    if named in DICTS:
        return {"type": "object", "additionalProperties": _said(node.value_type, within)}
    if hasattr(node, "fields"):
        return _object(node, within)
    return _own(node.cls)


def _bounds(node: Any, words: dict[str, str]) -> dict[str, Any]:
    found = {word: getattr(node, bound, None) for bound, word in words.items()}
    return {word: value for word, value in found.items() if value is not None}


def _object(node: Any, within: tuple[type, ...]) -> dict[str, Any]:
    cls = node.cls
    if cls in within:
        raise InputError(f"{cls.__name__} contains itself, which cannot be asked for", hint=FLAT)
    properties: dict[str, Any] = {}
    required: list[str] = []
    if getattr(node, "tag", None) is not None:
        properties[node.tag_field] = {"enum": [node.tag]}
        required.append(node.tag_field)
    notes = _hints(cls)
    order = {of: n for n, of in enumerate(notes)}  # msgspec has those of a TypedDict by the alphabet
    fields = sorted(node.fields, key=lambda f: order.get(f.name, -1)) if _is_typed_dict(cls) else node.fields
    for field in fields:
        said = _said(field.type, (*within, cls))
        note = told(notes.get(field.name))
        said = _as_written(notes.get(field.name), said)
        properties[field.encode_name] = {**said, "description": note} if note else said
        if field.required:
            required.append(field.encode_name)
    made = {"type": "object", "properties": properties, "required": required}
    return {**made, "additionalProperties": False, **_documented(cls)}


def _is_typed_dict(cls: Any) -> bool:
    return hasattr(typing.get_origin(cls) or cls, "__total__")


def is_type(wanted: Any) -> bool:
    """Say whether something is written as a type, and not a value such as a frame or a number."""
    package = type(wanted).__module__.partition(".")[0]
    plain = isinstance(wanted, type | types.GenericAlias | types.UnionType | None)
    return plain or package in ("typing", "typing_extensions")


def _as_written(hint: Any, said: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with a Literal's labels in the order they are written, which msgspec does not keep."""
    while hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    if typing.get_origin(hint) is not typing.Literal or "enum" not in said:
        return said
    return {**said, "enum": list(typing.get_args(hint))}


def _hints(cls: Any) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(typing.get_origin(cls) or cls, include_extras=True)
    except (NameError, TypeError):
        return {}
    return {n: _bare(hint) for n, hint in hints.items()}


def _bare(hint: Any) -> Any:
    """Take Required[…] and NotRequired[…] off."""
    return hint.__args__[0] if typing.get_origin(hint) in (typing.Required, typing.NotRequired) else hint


def _documented(cls: type) -> dict[str, Any]:
    text = str(vars(cls).get("__doc__") or "").strip() if isinstance(cls, type) else ""
    if not text or text.startswith(f"{cls.__name__}("):  # what dataclass and NamedTuple write themselves
        return {}
    return {"description": " ".join(text.split("\n\n")[0].split())}


def _own(cls: Any) -> dict[str, Any]:
    """Return the schema of a class that brings its own, as a pydantic model does."""
    if not _brings_its_own(cls):
        raise TypeError(f"{name(cls)} is not a type that JSON holds")
    return whole(cls.model_json_schema(), cls.__name__)


def _brings_its_own(cls: Any) -> bool:
    return hasattr(cls, "model_json_schema") and hasattr(cls, "model_validate_json")


def _validated(cls: Any, value: Any) -> Any:
    """Turn JSON values into a class that brings its own check; raises ValueError in one line."""
    if not _brings_its_own(cls):
        raise ValueError(f"{name(cls)} is not a type that JSON holds")
    try:
        return cls.model_validate_json(wire.encode(value))
    except ValueError as error:
        raise ValueError(_one_line(error)) from None


def _one_line(error: ValueError) -> str:
    errors: Callable[[], Sequence[dict[str, Any]]] | None = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    places = [(".".join(map(str, one.get("loc", ()))), str(one.get("msg", ""))) for one in errors()]
    return "; ".join(f"{where}: {why}" if where else why for where, why in places)


# -- JSON values as msgspec wants them: names of an Enum to its values, objects to tuples --------------------


def _prepared(node: Any, value: Any, where: str) -> Any:
    named = type(node).__name__
    if named == "Metadata":
        return _prepared(node.type, value, where)
    if named == "EnumType" and isinstance(value, str):
        known = labels(node.cls)
        if value not in known:
            raise ValueError(f"Invalid enum value {value!r} - at `{where}`")
        return known[value]
    if named == "UnionType":
        return _of_union(node, value, where)
    if isinstance(value, dict) and getattr(node, "tag", None) not in (None, value.get(_tag_field(node))):
        return value  # another class of a union
    if isinstance(value, list) and named in LISTS:
        return [_prepared(node.item_type, one, f"{where}[{i}]") for i, one in enumerate(value)]
    if isinstance(value, list) and named == "TupleType":
        inner = [*node.item_types, *[None] * len(value)]
        return [_prepared(n, v, where) for n, v in zip(inner, value, strict=False)]
    if isinstance(value, dict) and named in DICTS:
        return {key: _prepared(node.value_type, one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, dict) and hasattr(node, "fields"):
        known = {f.encode_name: f.type for f in node.fields}
        made = {k: _prepared(known.get(k), v, f"{where}.{k}") for k, v in value.items()}
        tuple_like = named == "NamedTupleType" or getattr(node, "array_like", False)
        return list(_in_order(node.fields, made, where)) if tuple_like else made
    return value


def _of_union(node: Any, value: Any, where: str) -> Any:
    """Prepare a value for the first type of a union that has something to prepare."""
    for one in node.types:
        try:
            made = _prepared(one, value, where)
        except ValueError:
            continue  # it may be of another type; if not, the conversion says so
        if made is not value:
            return made
    return value


def _tag_field(node: Any) -> str:
    return str(getattr(node, "tag_field", ""))


def _in_order(fields: Sequence[Any], values: dict[str, Any], where: str) -> Iterator[Any]:
    """Yield an object's values in the order of a tuple's fields; what is left out is what the class says."""
    for field in fields:
        if field.encode_name in values or not field.required:
            yield values.get(field.encode_name, field.default)
        else:
            raise ValueError(f"Object missing required field `{field.encode_name}` - at `{where}`")
