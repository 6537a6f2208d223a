"""Where are the server's objects kept, and how are they made, found, listed, changed and removed?

Each namespace of the endpoint table keeps objects of one shape (`practice.objects`). An object is known by
its place: its own id and those of its parents, by the names that the paths give them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.endpoints import ENDPOINTS
from claude_magic.practice.messages.rules import OLD_VERSION
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored.objects import KEPT, SEEDS, SHAPES, Maker, check

if TYPE_CHECKING:
    from claude_magic.practice import Exchange, Practice

ARCHIVED = {"Environment": {"error_code": "environment_archived"}}
OLD_NAMES = {"RBACRole": ("name", "display_name")}
"""A field that 2023-06-01 calls by another name: https://platform.claude.com/docs/en/api/versioning"""
MERGED = ("external_user_details", "settings", "traces")
"""Objects whose fields an update changes one by one."""
FILTERS = {
    "actor_ids": "actor.user_id",
    "agent_id": "agent.id",
    "agent_version": "agent.version",
    "api_key_id": "created_by.api_key_id",
    "ids": "id",
    "memory_store_id": "resources.memory_store_id",
    "owner_type": "owner.type",
    "owner_user_id": "owner.user_id",
    "scope_type": "scope.type",
    "service_account_id": "created_by.service_account_id",
    "session_id": "created_by.session_id",
    "slack_channel_id": "slack.channel_id",
    "slack_workspace_id": "slack.workspace_id",
    "statuses": "status",
    "target_type": "target.type",
    "trigger_type": "trigger_context.type",
    "types": "type",
    "user_ids": "actor.user_id",
    "workspace_id": "scope.workspace_id",
}
"""Query parameters that name a field by another name."""
NOT_FILTERS = {
    *("limit", "page", "after_id", "before_id", "order", "order_by", "include_archived", "include_inherited"),
    *("view", "depth", "path_prefix", "organization_id", "workspace_ids", "has_error", "event_deltas"),
}
BEFORE = {"gt": (1,), "gte": (0, 1), "lt": (-1,), "lte": (-1, 0)}
OTHER_NAMES = {"issuer_id": "federation_issuer_id"}


class KindRefusal(Refusal):
    """A refusal whose error type its status does not tell."""

    def __init__(self, status: int, kind: str, message: str, **details: Any) -> None:
        super().__init__(status, message, **details)
        self.kind = kind

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the error object of the API."""
        details = {"details": self.details} if self.details else {}
        error = {"type": self.kind, "message": self.message, **details}
        return {"type": "error", "error": error, "request_id": request_id}


@dataclass(slots=True)
class Item:
    """An object, its place, and what of it is told only when asked for: a token, its files."""

    place: dict[str, str]
    value: dict[str, Any]
    secret: str | None = None
    content: bytes = b""


class Store:
    """A server's objects, by shape, the oldest first.

    `past` has each agent's versions, `told` how many events of a session streams gave, `polled` when a worker
    took a piece of work (epoch seconds).
    """

    def __init__(self) -> None:
        self.items: dict[str, list[Item]] = {}
        self.past: dict[str, list[dict[str, Any]]] = {}
        self.told: dict[str, int] = {}
        self.polled: dict[str, float] = {}


@dataclass(slots=True)
class Asked:
    """A call, with the server's objects at hand."""

    practice: Practice
    exchange: Exchange
    body: dict[str, Any] = field(default_factory=dict)
    maker: Maker = field(init=False)

    def __post_init__(self) -> None:
        self.maker = Maker(self.practice, self.exchange)

    @property
    def space(self) -> str:
        """Return the namespace of the call."""
        return self.exchange.row.name.rpartition(".")[0]

    @property
    def names(self) -> dict[str, str]:
        """Return the path's parameters."""
        return self.exchange.names

    @property
    def store(self) -> Store:
        """Return the server's objects."""
        return self.practice.of(Store)

    def items(self, space: str | None = None) -> list[Item]:
        """Return all that a namespace keeps, the oldest first."""
        space = space or self.space
        shape = KEPT[space].shape
        if shape not in self.store.items:
            self.store.items[shape] = []
            if space in SEEDS:
                given, parent = SEEDS[space]
                place = {parent: self.items(owners()[parent])[0].value["id"]} if parent else {}
                self.put(space, given, place)
            elif KEPT[space].prefix == "=":
                self.put(space, {}, {})
        return self.store.items[shape]

    def found(self, space: str | None = None, **place: str) -> list[Item]:
        """Return what a namespace keeps at a place, or under it."""
        wanted = (place or self.names).items()
        return [i for i in self.items(space) if all(i.place.get(n) == v for n, v in wanted)]

    def own(self) -> Item:
        """Return the object that the path names; raises Refusal (404)."""
        name, value = next(reversed(self.names.items()), ("", ""))
        return _first(self.found(), name, value)

    def other(self, name: str, value: str) -> dict[str, Any]:
        """Return the object that a parameter such as vault_id names; raises Refusal (404)."""
        name = OTHER_NAMES.get(name, name)
        space = owners()[name]
        if space in KEPT:
            return _first(self.found(space, **{name: value}), name, value).value
        from claude_magic.practice import ANSWERS

        row = next(r for v in ("retrieve", "retrieve_metadata") if (r := ENDPOINTS.get(f"{space}.{v}")))
        response = ANSWERS[row.name](self.practice, replace(self.exchange, row=row, names={name: value}))
        told: dict[str, Any] = wire.decode_plain(
            b"".join(p for p in response.parts() if isinstance(p, bytes))
        )
        return told

    def parents(self) -> None:
        """Let a call pass whose path and body name objects that are there; raises Refusal."""
        known = owners()
        new = self.exchange.row.name.endswith((".list", ".create", ".add", ".set"))
        last = None if new else own_name(self.space)
        for name, value in self.names.items():
            if name != last and name in known:
                self.other(name, value)
        for name, value in self.body.items():
            several = name.endswith("_ids") and name[:-1] in known and isinstance(value, list)
            single = OTHER_NAMES.get(name, name) in known and isinstance(value, str)
            for one in value if several else [value] if single else ():
                if one != "default" and self.other(name[:-1] if several else name, one).get("archived_at"):
                    refuse(name, f"{one} is archived")

    def put(self, space: str, given: Any, place: dict[str, str]) -> Item:
        """Make an object and keep it; raises Refusal."""
        if not isinstance(given, dict):
            refuse("", "Input should be a valid dictionary")
        kept, own = KEPT[space], own_name(space)
        value = self.maker.make(kept.shape, {**place, **given})
        if kept.prefix not in "-=":
            value = {"id": self.practice.new_id(kept.prefix), **value}
        if own and own not in place:
            place = {**place, own: str(value.get(own) or value.get("id"))}
        item = Item(place, value)
        self.store.items.setdefault(kept.shape, []).append(item)
        return item

    def change(self, item: Item, given: dict[str, Any]) -> dict[str, Any]:
        """Change an object: what is given replaces, null empties, metadata merges; raises Refusal."""
        shape, old = KEPT[self.space].shape, item.value
        if old.get("archived_at"):
            refuse("", f"{old['id']} is archived", **ARCHIVED.get(shape, {}))
        new = {**old, **given}
        if isinstance(patch := given.get("metadata"), dict):
            new["metadata"] = {k: v for k, v in {**old["metadata"], **patch}.items() if v}
        for kept in SHAPES.get(shape, ()):
            if kept.name in MERGED and kept.kind in SHAPES and isinstance(part := given.get(kept.name), dict):
                new[kept.name] = {**old[kept.name], **part}
        item.value = {**({"id": old["id"]} if "id" in old else {}), **self.maker.make(shape, new)}
        if "updated_at" in item.value and item.value != old:
            item.value["updated_at"] = self.maker.now
        return item.value

    def answer(self, item: Item, **more: Any) -> dict[str, Any]:
        """Return an object as the row's answer has it."""
        row = self.exchange.row
        shape = row.name if row.name in SHAPES else row.answer
        if self.exchange.version == OLD_VERSION and shape in OLD_NAMES:
            old, new = OLD_NAMES[shape]
            return {old if name == new else name: value for name, value in item.value.items()}
        if shape not in SHAPES or shape == KEPT[self.space].shape:
            return {**item.value, **more}
        return self.maker.make(shape, {**item.place, **item.value, **more})

    def remove(self, item: Item) -> None:
        """Forget an object, and what is under it."""
        gone = item.place.items()
        for shape, kept in self.store.items.items():
            self.store.items[shape] = [i for i in kept if not gone <= i.place.items()]

    def listed(self, items: list[Item], *, newest: bool = True) -> dict[str, Any]:
        """Return the page of these objects that was asked for; raises Refusal."""
        order = self.exchange.one("order") or ("desc" if newest else "asc")
        check("asc|desc", False, order, "order")
        kept = [item for item in items if self._wanted(item.value)]
        if by := self.exchange.one("order_by"):
            kept.sort(key=lambda item: str(item.value.get(by) or ""))
        return self.paged([self.answer(i) for i in (kept[::-1] if order == "desc" else kept)])

    def paged(self, values: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the page of these values that was asked for; raises Refusal."""
        return page(values, self.exchange)

    def _wanted(self, value: dict[str, Any]) -> bool:
        one, params = self.exchange.one, self.exchange.row.params
        if value.get("archived_at") and "include_archived" in params and one("include_archived") != "true":
            return False
        for param in params.values():
            if not param.query or param.name in NOT_FILTERS:
                continue
            if param.type == "range":
                if not self._within(param.name, value):
                    return False
            elif wanted := self.exchange.many(param.name):
                name = param.name if param.name in value else FILTERS.get(param.name, param.name)
                if not {str(v) for v in _at(value, name.split("."))} & set(wanted):
                    return False
        return True

    def _within(self, name: str, value: dict[str, Any]) -> bool:
        then = time(value.get(name) or value.get("processed_at") or "", name)
        for sign, allowed in BEFORE.items():
            if text := self.exchange.one(f"{name}[{sign}]"):
                edge = time(text, f"{name}[{sign}]")
                if (then > edge) - (then < edge) not in allowed:
                    return False
        return True


def _first(found: list[Item], name: str, value: str) -> Item:
    if not found:
        raise Refusal(404, f"{name.removesuffix('_id').replace('_', ' ')} {value} not found")
    return found[0]


def put_or_refuse(asked: Asked) -> Item:
    """Keep a new object where none is in its place; raises Refusal (409)."""
    wanted = {**asked.names, **{k: v for k, v in asked.body.items() if isinstance(v, str)}}
    if KEPT[asked.space].prefix == "-" and any(i.place.items() <= wanted.items() for i in asked.items()):
        raise Refusal(409, "this is there already")
    return asked.put(asked.space, asked.body, dict(asked.names))


def time(text: str, where: str) -> datetime:
    """Return a time of the API as Python's, UTC where it names no zone; raises Refusal."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        refuse(where, "Input should be a valid datetime")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _at(value: Any, path: list[str]) -> list[Any]:
    """Return what is at a path, in each item where a list is on the way."""
    if isinstance(value, list):
        return [found for item in value for found in _at(item, path)]
    if not path:
        return [value]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


@functools.cache
def own_name(space: str) -> str | None:
    """Return the path parameter that names one object of a namespace."""
    rows = [row for row in ENDPOINTS.values() if row.name.rpartition(".")[0] == space]
    base = min(rows, key=lambda row: len(row.path)).names
    return next((row.names[len(base)] for row in rows if len(row.names) > len(base)), None)


@functools.cache
def owners() -> dict[str, str]:
    """Return which namespace a path parameter names an object of; not the words that several use."""
    spaces = {
        row.name.rpartition(".")[0]: row.path
        for row in ENDPOINTS.values()
        if row.path[:14] != "/v1/compliance"
    }
    found: dict[str, str] = {}
    for space in sorted(spaces, key=lambda s: spaces[s].count("/")):
        name = own_name(space)
        if name and name not in ("id", "version", "target"):
            found.setdefault(name, space)
    return found
