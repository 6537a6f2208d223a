"""What happens to the texts in a memory store?

A memory has a path, a hash that a change can insist on, and a version for every change.
https://platform.claude.com/docs/en/managed-agents/memory
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import number
from claude_magic.practice.organization import KEY
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked, Item

MEMORIES, VERSIONS = "memory_stores.memories", "memory_stores.memory_versions"
MOST_CONTENT, MOST_PATH, MOST_SEGMENTS = 102_400, 1024, 20  # bytes, bytes, names
BY = {"type": "api_actor", "api_key_id": KEY}
REDACTED = ("content", "path", "content_size_bytes", "content_sha256")


def create(asked: Asked) -> dict[str, Any]:
    """Keep a new memory; raises Refusal."""
    _open(asked)
    path, content = _path(asked, asked.body["path"]), _content(asked.body["content"] or "")
    given = {"path": path, **content, "memory_version_id": ""}
    item = asked.put(MEMORIES, given, dict(asked.names))
    _version(asked, item, "created")
    return shown(asked, item.value)


def update(asked: Asked) -> dict[str, Any]:
    """Change a memory's content, its path or both, where the precondition holds; raises Refusal."""
    item = asked.own()
    _open(asked)
    _expect(item, (asked.body.get("precondition") or {}).get("content_sha256"))
    path, content = asked.body.get("path"), asked.body.get("content")
    changed = {"path": _path(asked, path)} if path and path != item.value["path"] else {}
    changed |= {} if content is None else _content(content)
    if changed:
        item.value = {**item.value, **changed, "updated_at": asked.maker.now}
        _version(asked, item, "modified")
    return shown(asked, item.value)


def delete(asked: Asked) -> dict[str, Any]:
    """Forget a memory and keep its versions; raises Refusal."""
    item = asked.own()
    _open(asked)
    _expect(item, asked.exchange.one("expected_content_sha256"))
    _version(asked, item, "deleted")
    asked.store.items["Memory"].remove(item)
    return asked.answer(item)


def retrieve(asked: Asked) -> dict[str, Any]:
    """Return a memory or a version, whole unless only the outline is asked for."""
    return shown(asked, asked.own().value)


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of memories by path, those too deep as the folder they are in; raises Refusal."""
    prefix = asked.exchange.one("path_prefix") or "/"
    depth = number(asked.exchange.one("depth") or "0", 0, MOST_SEGMENTS, "depth")
    if not prefix.endswith("/"):
        refuse("path_prefix", "must end with /")
    found: dict[str, dict[str, Any]] = {}
    for item in sorted(asked.found(), key=lambda i: i.value["path"]):
        path: str = item.value["path"]
        names = path.removeprefix(prefix).split("/")
        if path.startswith(prefix) and depth and len(names) > depth:
            folder = prefix + "/".join(names[:depth]) + "/"
            found[folder] = {"path": folder, "type": "memory_prefix"}
        elif path.startswith(prefix):
            found[path] = shown(asked, item.value)
    return asked.paged([*found.values()])


def versions(asked: Asked) -> dict[str, Any]:
    """Return a page of versions, the newest first; raises Refusal."""
    kept = asked.listed(asked.found())
    return {**kept, "data": [shown(asked, v) for v in kept["data"]]}


def redact(asked: Asked) -> dict[str, Any]:
    """Take the text out of a version that is not its memory's present one; raises Refusal."""
    item = asked.own()
    if any(i.value["memory_version_id"] == item.value["id"] for i in asked.items(MEMORIES)):
        refuse("", f"{item.value['id']} is the memory's current version: change or delete the memory first")
    gone: dict[str, Any] = dict.fromkeys(REDACTED)
    item.value = {**item.value, **gone, "redacted_at": asked.maker.now, "redacted_by": BY}
    return item.value


def shown(asked: Asked, value: dict[str, Any]) -> dict[str, Any]:
    """Return a memory or a version with its content or without, as `view` has it."""
    name = asked.exchange.row.name
    view = asked.exchange.one("view") or ("full" if name.endswith("retrieve") else "basic")
    if view not in ("basic", "full"):
        refuse("view", "Input should be 'basic' or 'full'")
    return value if view == "full" else {**value, "content": None}


def _open(asked: Asked) -> None:
    store = asked.names["memory_store_id"]
    if asked.other("memory_store_id", store)["archived_at"]:
        refuse("", f"{store} is archived")


def _expect(item: Item, wanted: str | None) -> None:
    if wanted not in (None, item.value["content_sha256"]):
        message = f"the memory's content_sha256 is {item.value['content_sha256']}, not {wanted}"
        raise Refusal(409, message, kind="memory_precondition_failed_error")


def _content(text: Any) -> dict[str, Any]:
    if not isinstance(text, str):
        refuse("content", "Input should be a valid string")
    data = text.encode()
    if len(data) > MOST_CONTENT:
        refuse("content", f"must be at most {MOST_CONTENT} bytes")
    return {
        "content": text,
        "content_sha256": hashlib.sha256(data).hexdigest(),
        "content_size_bytes": len(data),
    }


def _path(asked: Asked, path: Any) -> str:
    names = path.split("/")[1:] if isinstance(path, str) and path.startswith("/") else [""]
    odd = not all(names) or {".", ".."} & set(names) or len(names) > MOST_SEGMENTS
    if odd or len(path.encode()) > MOST_PATH or path != unicodedata.normalize("NFC", path):
        refuse("path", f"begins with / and has 1 to {MOST_SEGMENTS} names, none of them empty, . or ..")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in path):
        refuse("path", "holds a control, format or separator character")
    place = asked.names["memory_store_id"]
    if any(i.value["path"] == path for i in asked.found(MEMORIES, memory_store_id=place)):
        raise Refusal(409, f"there is a memory at {path} already", kind="memory_path_conflict_error")
    return str(path)


def _version(asked: Asked, item: Item, operation: str) -> None:
    memory = item.value
    told: dict[str, Any] = {name: None if operation == "deleted" else memory[name] for name in REDACTED}
    given = {
        **told,
        "path": memory["path"],
        "memory_id": memory["id"],
        "operation": operation,
        "created_by": BY,
    }
    place = {"memory_store_id": memory["memory_store_id"]}
    item.value = {**memory, "memory_version_id": asked.put(VERSIONS, given, place).value["id"]}


RULES = {
    f"{MEMORIES}.create": create,
    f"{MEMORIES}.update": update,
    f"{MEMORIES}.delete": delete,
    f"{MEMORIES}.retrieve": retrieve,
    f"{MEMORIES}.list": listed,
    f"{VERSIONS}.list": versions,
    f"{VERSIONS}.retrieve": retrieve,
    f"{VERSIONS}.redact": redact,
}
