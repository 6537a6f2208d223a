"""What does an object that the server keeps look like?

`data/objects.txt` has one shape a line: its fields, their types and what they are when nobody says. A shape
makes a whole object of what a caller sent: unknown fields stay out, missing ones are filled or asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.practice import kinds
from claude_magic.practice.moments import DAY, HOUR, moment
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.practice import Practice

NEEDED = object()
KINDS = {
    "any": "any",
    "bool": "flag",
    "dict": "object",
    "float": "number",
    "int": "whole",
    "str": "text",
    "time": "time",
}
TEXTS = ("metadata", "tags")
"""Objects that hold texts only, which an update changes one by one."""
NOW = re.compile(r"\$now(?:([+-]\d+)([hd]))?")
WORDS = re.compile(r'(?:[^\s"]|"[^"]*")+')
WORD = re.compile(r"(\w+)(\[\]|\{\})?(!)?(?::([\w|.]+))?(?:(\?)|=(.*))?", re.DOTALL)


class Field(NamedTuple):
    """One field: its type (of `KINDS`, words to choose from, any or a shape) and what it is unsaid."""

    name: str
    kind: str
    many: bool
    unsaid: Any


Fields = tuple[Field, ...]


class Kept(NamedTuple):
    """What a namespace keeps; `prefix` begins the ids, "-" is no id, "=" a single object."""

    shape: str
    prefix: str


class Maker:
    """Makes objects of one server at one moment (seconds since 1970)."""

    def __init__(self, practice: Practice, seconds: float) -> None:
        self.practice, self.seconds, self.now = practice, seconds, moment(seconds)

    def when(self, text: Any) -> Any:
        """Return the moment that a text such as `$now-30d` stands for; all else as it is."""
        if not (isinstance(text, str) and (found := NOW.fullmatch(text))):
            return text
        return moment(self.seconds + int(found[1] or 0) * (HOUR if found[2] == "h" else DAY))

    def make(self, shape: str, given: Any, where: str = "") -> dict[str, Any]:
        """Return an object of a shape from what was given; raises Refusal naming the field."""
        fields = SHAPES.get(shape)
        if isinstance(given, str):
            given = {fields[0].name if fields else "type": given}
        if not isinstance(given, dict):
            refuse(where, "Input should be a valid dictionary")
        made: dict[str, Any] = {}
        if not fields:
            tags, tag = TAGS[shape], str(given.get("type"))
            if tag not in tags:
                refuse(where or "type", f"Input should have a type of {', '.join(map(repr, tags))}")
            fields, made["type"] = tags[tag], tag
        for field in fields:
            if field.name == "*":
                made = {**given, **made}
            elif (value := given.get(field.name)) is not None and field.name != "type":
                made[field.name] = self._value(field, value, _under(where, field.name))
            else:
                made[field.name] = self._unsaid(field, {**given, **made}, _under(where, field.name))
        return made

    def _value(self, field: Field, value: Any, where: str) -> Any:
        check(field.kind, field.many, value, where)
        if field.name in TEXTS:
            for name, text in value.items():
                check("str", False, text, f"{where}.{name}")
        if not shaped(field.kind):
            return value
        if field.many:
            return [self.make(field.kind, item, f"{where}.{n}") for n, item in enumerate(value)]
        return self.make(field.kind, value, where)

    def _unsaid(self, field: Field, known: Mapping[str, Any], where: str) -> Any:
        value = field.unsaid
        if value is NEEDED:
            refuse(where, "Field required")
        if isinstance(value, str) and value[:1] == "$":
            match value:
                case "$id":
                    return self.practice.new_id(field.name.removesuffix("_id"))
                case "$secret":
                    return self.practice.new_id("practice-secret")
            return self.when(value) if NOW.fullmatch(value) else known[value[1:]]
        if isinstance(value, dict) and shaped(field.kind):
            return self.make(field.kind, value, where)
        return value.copy() if isinstance(value, dict | list) else value


def check(kind: str, many: bool, value: Any, where: str) -> None:
    """Let a value of a type, in the words of the tables, pass; raises Refusal."""
    one: Any = "any" if shaped(kind) else KINDS.get(kind) or tuple(kind.split("|"))
    kinds.check(value, [one] if many else one, where)


def shaped(kind: str) -> bool:
    """Say whether a field's type is a shape of its own."""
    return kind in SHAPES or kind in TAGS


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _field(word: str) -> Field:
    if word == "*":
        return Field("*", "any", False, None)
    found = WORD.fullmatch(word)
    if found is None:
        raise ValueError(f"data/objects.txt cannot be read here: {word}")
    name, form, needed, kind, null, unsaid = found.groups()
    kind = kind or ("dict" if form == "{}" else "any" if form else "str")
    if needed or (not form and not null and unsaid is None):
        return Field(name, kind, form == "[]", NEEDED)
    plain: Any = {"[]": [], "{}": {}}.get(form)
    return Field(name, kind, form == "[]", plain if unsaid is None else _said(unsaid))


def _said(text: str) -> Any:
    try:
        return wire.decode_plain(text.encode())
    except ValueError:
        return text


def _lines() -> Iterator[str]:
    text = (Path(__file__).parents[2] / "data" / "objects.txt").read_text("utf-8")
    for line in re.sub(r"\n {6}", " ", text).splitlines():
        if line and not line.startswith("#"):
            yield line


def _read() -> tuple[
    dict[str, Fields], dict[str, dict[str, Fields]], dict[str, Kept], dict[str, list[dict[str, Any]]]
]:
    shapes: dict[str, Fields] = {}
    tags: dict[str, dict[str, Fields]] = {}
    kept: dict[str, Kept] = {}
    seeds: dict[str, list[dict[str, Any]]] = {}
    for line in _lines():
        head, _, words = line.partition(":")
        if line.startswith("+"):
            _, space, *texts = WORDS.findall(line)
            seeds[space] = [wire.decode_plain(text.encode()) for text in texts]
            continue
        shape, *where = head.split()
        fields = tuple(_field(word) for word in WORDS.findall(words))
        if where:
            kept |= dict.fromkeys(where[0].split(","), Kept(shape, where[1]))
        name, _, found = shape.partition(".")
        if found and name[:1].isupper():
            tags.setdefault(name, {}).update(dict.fromkeys(found.split("|"), fields))
        elif fields:
            shapes[shape] = fields
    for space in kept:
        if kept[space].prefix == "=":
            seeds[space] = [{}]
    return shapes, tags, kept, seeds


SHAPES, TAGS, KEPT, SEEDS = _read()
"""Shapes by name; by name and tag; what a namespace keeps; what it keeps from the start."""
