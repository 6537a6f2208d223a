"""Which JSON schemas does the service take for an answer or a strict tool?

https://docs.claude.com/en/docs/build-with-claude/structured-outputs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = """minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength maxItems
uniqueItems contains minProperties maxProperties patternProperties"""
KEYWORDS_REFUSED = REFUSED.split()
KINDS: dict[str, tuple[Any, type]] = {
    # keyword -> (what its value is, what is in that value)
    **dict.fromkeys(("properties", "$defs", "definitions"), (dict, dict)),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), (list, dict)),
    **dict.fromkeys(("$ref", "pattern", "format", "description"), (str, object)),
    "required": (list, str),
    "enum": (list, object),
    "type": ((str, list), str),
    "items": (dict, object),
}
TYPES = frozenset(("object", "array", "string", "integer", "number", "boolean", "null"))
MOST_OPTIONAL, MOST_UNIONS, MOST_STRICT_TOOLS = 24, 16, 20


class Weight(NamedTuple):
    """What a schema adds to a request's totals."""

    optional: int = 0
    unions: int = 0


def check(schema: dict[str, Any], where: str) -> Weight:
    """Refuse a schema the service would not compile; return what counts against a request's totals."""
    well_formed(schema, where)
    optional = unions = 0
    for place, node in walk(schema, where):
        for keyword in KEYWORDS_REFUSED:
            if keyword in node:
                refuse(place, f"For '{node.get('type', 'any')}' type, property '{keyword}' is not supported")
        if node.get("minItems", 0) not in (0, 1):
            refuse(place, "For 'array' type, 'minItems' values other than 0 or 1 are not supported")
        if node.get("type") == "object" or "properties" in node:
            if node.get("additionalProperties") is not False:
                refuse(place, "For 'object' type, 'additionalProperties' must be explicitly set to false")
            optional += len(set(node.get("properties", ())) - set(node.get("required", ())))
        unions += "anyOf" in node or isinstance(node.get("type"), list)
        if "$ref" in node and _reaches(schema, node["$ref"], node["$ref"], frozenset()):
            refuse(place, f"Recursive schemas are not supported: {node['$ref']}")
    return Weight(optional, unions)


def well_formed(schema: dict[str, Any], where: str) -> None:
    """Refuse what is no JSON schema."""
    for place, node in walk(schema, where):
        for keyword, (kind, inside) in KINDS.items():
            if keyword in node and not _is(node[keyword], kind, inside):
                refuse(place, f"JSON schema is invalid: '{keyword}' has a wrong value")
        kind = node.get("type", [])
        if not TYPES.issuperset(kind if isinstance(kind, list) else [kind]):
            refuse(place, "JSON schema is invalid: 'type' has a wrong value")
        if isinstance(node.get("$ref"), str) and resolve(schema, node["$ref"]) is None:
            refuse(place, f"$ref {node['$ref']!r} points outside the schema or at nothing")


def _is(value: Any, kind: Any, inside: type) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return isinstance(value, kind) and all(isinstance(item, inside) for item in items)


def walk(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema inside a schema, itself first, with its place."""
    if not isinstance(schema, dict):
        return
    yield where, schema
    for group in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(group), dict):
            for name, inner in schema[group].items():
                yield from walk(inner, f"{where}.{group}.{name}")
    for group in ("anyOf", "allOf", "oneOf", "prefixItems"):
        if isinstance(schema.get(group), list):
            for i, inner in enumerate(schema[group]):
                yield from walk(inner, f"{where}.{group}.{i}")
    yield from walk(schema.get("items"), f"{where}.items")


def resolve(root: dict[str, Any], reference: str) -> dict[str, Any] | None:
    """Return what a local `$ref` such as `#/$defs/Point` points at, or None."""
    node: Any = root if reference.startswith("#") else None
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _reaches(root: dict[str, Any], start: str, goal: str, seen: frozenset[str]) -> bool:
    node = resolve(root, start)
    found = {goal}
    if node is not root:
        found = {n["$ref"] for _, n in walk(node, "") if isinstance(n.get("$ref"), str)}
    return goal in found or any(_reaches(root, r, goal, seen | {start}) for r in found - seen - {start})
