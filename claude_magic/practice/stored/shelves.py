"""Where are the server's objects kept, and how are they made, found, listed, changed and removed?

Each namespace of the endpoint table keeps objects of one shape (`stored.objects`). An object is known by its
place: its own id and those of its parents, by the names that the paths give them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from claude_magic.practice import kinds
from claude_magic.practice.messages.rules import OLD_VERSION
from claude_magic.practice.moments import seconds
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored.objects import KEPT, SEEDS, SHAPES, TEXTS, Maker, check
from claude_magic.protocol.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from claude_magic.practice import Exchange, Practice

ARCHIVED = {"Environment": {"error_code": "environment_archived"}}
MERGED = ("data_residency", "external_user_details", "settings", "traces")
"""Objects whose fields an update changes one by one."""
FILTERS = {
    "actor_ids": "actor.user_id",
    "agent_id": "agent.id",
    "agent_version": "agent.version",
    "api_key_id": "created_by.api_key_id",
    "created_by_user_id": "created_by.id",
    "ids": "id",
    "memory_store_id": "resources.memory_store_id",
    "owner_type": "owner.type",
    "owner_user_id": "owner.user_id",
    "roles": "role",
    "scope_type": "scope.type",
    "service_account_id": "created_by.service_account_id",
    "session_id": "created_by.session_id",
    "slack_channel_id": "slack.channel_id",
    "slack_workspace_id": "slack.workspace_id",
    "statuses": "status",
    "target_type": "target.type",
    "trigger_type": "trigger_context.type",
    "types": "type",
    "workspace_id": "scope.workspace_id",
}
"""Query parameters that name a field by another name."""
NOT_FILTERS = {
    *("limit", "page", "after_id", "before_id", "order", "order_by", "include_archived", "include_inherited"),
    *("view", "depth", "path_prefix", "organization_id", "workspace_ids", "has_error", "event_deltas"),
    *("email", "include_default"),
}
MOST_IDS = 100
DEFAULT_WORKSPACE = "wrkspc_practice"
BEFORE = {"gt": (1,), "gte": (0, 1), "lt": (-1,), "lte": (-1, 0)}
OTHER_NAMES = {"issuer_id": "federation_issuer_id"}


@dataclass(slots=True)
class Item:
    """An object, its place, and what else is kept of it: a token, its files, its versions."""

    place: dict[str, str]
    value: dict[str, Any]
    kept: Any = None


class Store:
    """A server's objects by shape, the oldest first."""

    def __init__(self) -> None:
        self.items: dict[str, list[Item]] = {}

    def settle(self) -> None:
        """Hold on to what is kept now, whatever becomes of the call."""
        self._settled = {shape: [(i, i.value) for i in items] for shape, items in self.items.items()}

    def undo(self) -> None:
        """Keep what was kept when it was last settled, and as it was where `change` has replaced it."""
        for shape, settled in self._settled.items():
            self.items[shape] = [item for item, _ in settled]
            for item, value in settled:
                item.value = value

    def keep(
        self, maker: Maker, space: str, given: Any, place: dict[str, str], id: str | None = None
    ) -> Item:
        """Make an object and keep it; raises Refusal."""
        kept, own = KEPT[space], own_name(space)
        value = maker.make(kept.shape, {**place, **given} if isinstance(given, dict) else given)
        if kept.prefix not in "-=":
            value = {"id": id or maker.practice.new_id(kept.prefix), **value}
        if own and own not in place:
            place = {**place, own: str(value.get(own) or value.get("id"))}
        item = Item(place, value)
        self.items[kept.shape].append(item)
        return item


def store(practice: Practice) -> Store:
    """Return a server's objects, with those that it has from the start."""
    found = practice.of(Store)
    if not found.items:
        found.items = {kept.shape: [] for kept in KEPT.values()}
        maker = Maker(practice, practice.clock())
        for space, seeds in SEEDS.items():
            for seed in seeds:
                given = {name: maker.when(value) for name, value in seed.items()}
                place = {name: given[name] for name in parent_names(space)}
                found.keep(maker, space, given, place, given.get("id"))
    return found


def objects(practice: Practice, space: str) -> dict[str, dict[str, Any]]:
    """Return what a namespace keeps, by id, the oldest first."""
    return {item.value["id"]: item.value for item in store(practice).items[KEPT[space].shape]}


@dataclass(slots=True)
class Asked:
    """A call, with the server's objects at hand."""

    practice: Practice
    exchange: Exchange
    body: dict[str, Any] = field(default_factory=dict)
    maker: Maker = field(init=False)

    def __post_init__(self) -> None:
        self.maker = Maker(self.practice, self.exchange.now)

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
        return store(self.practice)

    def items(self, space: str | None = None) -> list[Item]:
        """Return all that a namespace keeps, the oldest first."""
        return self.store.items[KEPT[space or self.space].shape]

    def found(self, space: str | None = None, **place: str) -> list[Item]:
        """Return what a namespace keeps at a place, or under it."""
        wanted = (place or self.names).items()
        return [i for i in self.items(space) if all(i.place.get(n) == v for n, v in wanted)]

    def own(self) -> Item:
        """Return the object that the path names; raises Refusal (404)."""
        name, value = next(reversed(self.names.items()), ("", ""))
        return first(self.found(), name, value)

    def other(self, name: str, value: str) -> dict[str, Any]:
        """Return the object that a parameter such as vault_id names; raises Refusal (404)."""
        name = OTHER_NAMES.get(name, name)
        return first(self.found(owners()[name], **{name: value}), name, value).value

    def parents(self) -> None:
        """Let a call pass whose path and body name objects that are there; raises Refusal."""
        known = {name for name, space in owners().items() if space in KEPT}
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
        return self.store.keep(self.maker, space, given, place)

    def change(self, item: Item, given: dict[str, Any]) -> dict[str, Any]:
        """Change an object: what is given replaces, null empties, metadata merges; raises Refusal."""
        shape, old = KEPT[self.space].shape, item.value
        if old.get("archived_at"):
            refuse("", f"{old['id']} is archived", **ARCHIVED.get(shape, {}))
        new = {**old, **given}
        for name in TEXTS:
            if isinstance(patch := given.get(name), dict):
                new[name] = {k: v for k, v in {**old[name], **patch}.items() if v}
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
        if shape in SHAPES and shape != KEPT[self.space].shape:
            return self.maker.make(shape, {**item.place, **item.value, **more})
        return self.dated({**item.value, **more})

    def dated(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an object as the version of the call has it.

        https://platform.claude.com/docs/en/api/versioning
        """
        if self.exchange.version != OLD_VERSION:
            return value
        value = dict(value)
        match value:
            case {"type": "rbac_role"}:
                value["name"] = value.pop("display_name")
            case {"type": "rate_limit" | "workspace_rate_limit"}:
                value["group_type"] = value.pop("group")["type"]
            case {"type": "api_key"}:
                home = value.pop("scope").get("workspace_id")
                value["workspace_id"] = None if home == DEFAULT_WORKSPACE else home
        return value

    def remove(self, item: Item) -> None:
        """Forget an object, and what is under it."""
        gone = item.place.items()
        for shape, kept in self.store.items.items():
            self.store.items[shape] = [i for i in kept if not gone <= i.place.items()]

    def listed(self, items: list[Item], *, newest: bool = True) -> dict[str, Any]:
        """Return the page of these objects that was asked for; raises Refusal."""
        order = self.exchange.one("order") or ("desc" if newest else "asc")
        check("asc|desc", False, order, "order")
        filters = self._filters()
        kept = [item for item in items if self._wanted(item.value, filters)]
        if by := self.exchange.one("order_by"):
            kept.sort(key=lambda item: str(item.value.get(by) or ""))
        return self.paged([self.answer(i) for i in (kept[::-1] if order == "desc" else kept)])

    def paged(self, values: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the page of these values that was asked for; raises Refusal."""
        return page(values, self.exchange)

    def _filters(self) -> dict[str, list[str]]:
        """Return the query's filters; raises Refusal."""
        found = {}
        choices = {f.name: f.kind for f in SHAPES.get(KEPT[self.space].shape, ()) if "|" in f.kind}
        for param in self.exchange.row.params.values():
            given = self.exchange.many(param.name)
            if param.query and param.name not in NOT_FILTERS and given:
                field = FILTERS.get(param.name, param.name)
                kinds.check(given, kinds.sized(0, MOST_IDS, ["text"]), param.name)
                check(choices.get(field, "str"), True, given, param.name)
                found[param.name] = given
        return found

    def _wanted(self, value: dict[str, Any], filters: dict[str, list[str]]) -> bool:
        one, params = self.exchange.one, self.exchange.row.params
        if value.get("archived_at") and "include_archived" in params and one("include_archived") != "true":
            return False
        if not all(self._within(p.name, value) for p in params.values() if p.type == "range"):
            return False
        for name, wanted in filters.items():
            path = name if name in value else FILTERS.get(name, name)
            if not {str(v) for v in _at(value, path.split("."))} & set(wanted):
                return False
        return True

    def _within(self, name: str, value: dict[str, Any]) -> bool:
        for sign, allowed in BEFORE.items():
            if text := self.exchange.one(f"{name}[{sign}]"):
                then = seconds(value.get(name) or value.get("processed_at") or "", name)
                edge = seconds(text, f"{name}[{sign}]")
                if (then > edge) - (then < edge) not in allowed:
                    return False
        return True


def first(found: list[Item], name: str, value: str) -> Item:
    """Return the first of what was found by a parameter such as skill_id; raises Refusal (404)."""
    if not found:
        raise Refusal(404, f"{name.removesuffix('_id').replace('_', ' ')} {value} not found")
    return found[0]


def put_or_refuse(asked: Asked) -> Item:
    """Keep a new object where none is in its place; raises Refusal (409)."""
    wanted = {**asked.names, **{k: v for k, v in asked.body.items() if isinstance(v, str)}}
    if KEPT[asked.space].prefix == "-" and any(i.place.items() <= wanted.items() for i in asked.items()):
        raise Refusal(409, "this is there already")
    return asked.put(asked.space, asked.body, dict(asked.names))


def _at(value: Any, path: list[str]) -> list[Any]:
    """Return what is at a path, in each item where a list is on the way; of an object its type."""
    if isinstance(value, list):
        return [found for item in value for found in _at(item, path)]
    if not path:
        return [value.get("type") if isinstance(value, dict) else value]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


@functools.cache
def parent_names(space: str) -> tuple[str, ...]:
    """Return the path parameters that name the parents of a namespace's objects."""
    rows = [row for row in ENDPOINTS.values() if row.name.rpartition(".")[0] == space]
    return min(rows, key=lambda row: len(row.path)).names


@functools.cache
def own_name(space: str) -> str | None:
    """Return the path parameter that names one object of a namespace."""
    names = [row.names for row in ENDPOINTS.values() if row.name.rpartition(".")[0] == space]
    at = len(parent_names(space))
    return next((found[at] for found in names if len(found) > at), None)


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
