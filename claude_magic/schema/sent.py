"""Which part of a JSON schema does the service compile, and how is the rest said in words?

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.schema.checks import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SPOKEN = {
    # keyword the service does not compile -> how the description says it
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching the regular expression {}",
    "format": "in the format {}",
    "contentEncoding": "in {}",
}
KEPT = ("type", "enum", "const")
FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)
BEYOND = re.compile(r"\(\?|\\[bB1-9]")  # what the service's regular expressions do not have
SILENT = """title default examples description properties required additionalProperties items prefixItems
anyOf oneOf uniqueItems $schema $id $comment $anchor readOnly writeOnly deprecated discriminator"""
HANDLED = frozenset((*KEPT, *SPOKEN, *SILENT.split()))
MOST_OPTIONAL, MOST_UNIONS = 24, 16  # of a whole request
MOST_NODES = 2_000
UNNAMED = "answer"  # what a schema without a title is called
FLAT = "Give it a fixed depth, or ask for a flat list with the parent's id."
ANY_KEYS = "Name the fields, or ask for a list: list[{'key': str, 'value': int}]."


class Weight(NamedTuple):
    """What a schema adds to a request's totals: optional fields, and fields of several types."""

    optional: int = 0
    unions: int = 0

    @property
    def fits(self) -> bool:
        """Whether a request takes it."""
        return self.optional <= MOST_OPTIONAL and self.unions <= MOST_UNIONS


def whole(schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a JSON schema with every `$ref` and `allOf` written out; raises InputError."""
    made: dict[str, Any] = _written_out(schema, schema, where, ())
    if sum(1 for _ in _nodes(made)) > MOST_NODES:
        raise InputError(f"The schema {where} is too large", hint="Ask for less at once.")
    return {key: value for key, value in made.items() if key not in ("$defs", "definitions")}


def _written_out(node: Any, root: Mapping[str, Any], where: str, within: tuple[str, ...]) -> Any:
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if isinstance(ref := node.pop("$ref", None), str):
        if ref in within:
            raise InputError(f"{_last(ref)} contains itself, which cannot be asked for", hint=FLAT)
        within = (*within, ref)
        node = {**_target(root, ref, where), **node}
        return _written_out(node, root, where, within)
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties" and isinstance(value, dict):
            made[key] = {n: _written_out(v, root, f"{where}.{n}", within) for n, v in value.items()}
        elif key in ("items", "additionalProperties"):
            made[key] = _written_out(value, root, f"an item of {where}", within)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
            made[key] = [_written_out(one, root, where, within) for one in value]
        else:
            made[key] = value
    for part in made.pop("allOf", ()):
        made = _joined(part, made)
    return made


def _target(root: Mapping[str, Any], ref: str, where: str) -> dict[str, Any]:
    """Return what a reference such as `#/$defs/Point` points at: https://www.rfc-editor.org/rfc/rfc6901."""
    node: Any = root if ref.startswith("#") else None
    for step in filter(None, ref.removeprefix("#").split("/")):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        hint = "Write what it points at into $defs of the same schema."
        raise InputError(f"{where} refers to {ref}, which is not in the schema", hint=hint)
    return node


def _last(ref: str) -> str:
    return ref.rpartition("/")[2].removeprefix("#") or "The schema"


def _joined(part: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    properties = {**part.get("properties", {}), **made.get("properties", {})}
    required = list(dict.fromkeys([*part.get("required", ()), *made.get("required", ())]))
    more = {"properties": properties, "required": required} if properties else {}
    return {**part, **made, **more}


def compiled(node: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a schema as the service compiles it; raises InputError for what it cannot say."""
    made = {word: node[word] for word in KEPT if word in node}
    kinds = kind if isinstance(kind := node.get("type"), list) else [kind]
    for one in kinds if "type" in node else ():
        if not isinstance(one, str) or one not in TYPES:
            hint = f"There are {', '.join(TYPES)}."
            raise InputError(f"{where} has a type that JSON has not: {one!r:.40}", hint=hint)
    if "prefixItems" in node:
        raise InputError(
            f"{where} is a tuple, which cannot be asked for",
            hint="Name the fields: {'first': str, 'second': int}.",
        )
    if not all(isinstance(label, str | int | float | None) for label in node.get("enum", ())):
        raise InputError(f"{where} chooses among values that are not plain", hint="Choose among texts.")
    made |= {word: node[word] for word in ("format", "pattern", "minItems") if _compiles(word, node)}
    for group in ("anyOf", "oneOf"):
        if options := node.get(group):
            made["anyOf"] = [compiled(one, where) for one in options]
    if isinstance(node.get("items"), dict):
        made["items"] = compiled(node["items"], f"an item of {where}")
    if node.get("type") == "object" or "properties" in node:
        made |= _object(node, where)
    elif node.get("type") == "array" and "items" not in made:
        raise InputError(
            f"{where} is a list of anything, which cannot be asked for", hint="Say of what: list[str]."
        )
    elif not {"type", "enum", "const", "anyOf"} & made.keys():
        raise InputError(f"{where} may be anything, which cannot be asked for", hint="Give it a type: str.")
    if text := _description(node, made):
        made["description"] = text
    return made


def _compiles(word: str, node: dict[str, Any]) -> bool:
    value = node.get(word)
    if word == "format":
        return value in FORMATS
    if word == "pattern":
        return isinstance(value, str) and not BEYOND.search(value.replace("\\\\", "").replace("(?:", ""))
    return value in (0, 1)


def _object(node: dict[str, Any], where: str) -> dict[str, Any]:
    properties = node.get("properties")
    closed = node.get("additionalProperties") is False
    if isinstance(node.get("additionalProperties"), dict) or not (properties or closed):
        raise InputError(f"{where} is a dict of any keys, which cannot be asked for", hint=ANY_KEYS)
    inner = {name: compiled(one, f"{where}.{name}") for name, one in (properties or {}).items()}
    required = [name for name in inner if name in node.get("required", ())]
    return {"type": "object", "properties": inner, "required": required, "additionalProperties": False}


def _description(node: dict[str, Any], made: dict[str, Any]) -> str:
    said = [words.format(node[word]) for word, words in SPOKEN.items() if word in node and word not in made]
    if node.get("uniqueItems"):
        said.append("no item twice")
    left = [word for word in node if word not in HANDLED and not word.startswith("x-")]
    said += [f"{word}: {json.dumps(node[word], ensure_ascii=False, default=str)}" for word in left]
    text = str(node.get("description", "")).strip()
    return (
        f"{text}{' ' if text.endswith(('.', '!', '?')) else '; '}{', '.join(said)}"
        if text and said
        else (text or ", ".join(said))
    )


def loose(node: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for a tool that is not strict: all of it, but for where it comes from."""
    return {key: value for key, value in node.items() if key not in ("title", "$schema", "$id", "$comment")}


def weight(schema: Any) -> Weight:
    """Return what a compiled schema adds to a request's totals."""
    nodes = list(_nodes(schema))
    optional = sum(len(set(n.get("properties", ())) - set(n.get("required", ()))) for n in nodes)
    return Weight(optional, sum("anyOf" in n or isinstance(n.get("type"), list) for n in nodes))


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema inside one that is written out, itself first."""
    if not isinstance(node, dict):
        return
    yield node
    properties = node.get("properties")
    for inner in properties.values() if isinstance(properties, dict) else ():
        yield from _nodes(inner)
    for group in ("anyOf", "oneOf", "prefixItems"):
        for inner in node.get(group) or ():
            yield from _nodes(inner)
    yield from _nodes(node.get("items"))
    yield from _nodes(node.get("additionalProperties"))
