"""Which parts of a request should the service keep, and what does that save?

A prefix is kept up to a marked block, for 5 minutes or an hour after it was last read. To write it costs a
quarter more than to send it (twice as much for an hour), to read it again a tenth or less: so only what the
next question begins with too is marked.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import limits, wire
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

MOST = 4  # marks of a request
UNMARKED = frozenset(("thinking", "redacted_thinking"))  # blocks that take no mark
FILES = frozenset(("document", "image", "search_result", "container_upload"))

Place = tuple[str, int, int]
"""Where a mark goes: ("tools", 0, n), ("system", 0, n) or ("messages", message, block)."""


def marked(
    body: Mapping[str, Any],
    mode: str,
    estimate: Callable[[Mapping[str, Any]], int],
    *,
    talks: bool,
    calls: bool = False,
) -> dict[str, Any]:
    """Return a body with marks where they can pay; `mode` is "auto", "5m", "1h" or "off".

    `talks` says that the question is one of a conversation, which the next one sends again, and `calls` that
    tools may be called, which sends all of it again at once. Marks of the reader's own are left alone.
    """
    made = dict(body)
    if mode == "off" or next(limits.cache_marks(body), None) is not None:
        return made
    model = catalog.find(str(body.get("model")))
    least = model.min_cache_tokens if model else None
    prices = catalog.price(str(body.get("model")))
    if mode == "auto" and (least is None or prices is None or prices.cache_write_5m is None):
        return made  # whether it pays is not known
    enough = not least
    for place in _places(body, talks=talks, calls=calls, always=mode != "auto")[-MOST:]:
        part = {} if enough else _upto(body, place)
        enough = enough or _has_upload(part) or estimate(part) >= (least or 0)
        if enough:  # and so is every longer prefix
            made = _with_mark(made, place, "5m" if mode == "auto" else mode)
    return made


def saved(usage: Mapping[str, Any], model: str) -> Decimal | None:
    """Return the USD that the cache has saved, below 0 where writing cost more; None: not known."""
    fresh = {
        **usage,
        "input_tokens": wire.Usage(usage).total_input_tokens,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_creation": None,
    }
    without, paid = catalog.cost(fresh, model), catalog.cost(usage, model)
    return None if without is None or paid is None else without - paid


def _places(body: Mapping[str, Any], *, talks: bool, calls: bool, always: bool) -> list[Place]:
    """Return where marks can pay, in the order of the prefix: each ends what will be sent again."""
    messages = body["messages"]
    found: list[Place] = []
    for part in ("system", "tools"):
        if body.get(part):
            found.append((part, 0, len(body[part]) - 1 if isinstance(body[part], list) else 0))
            break  # the system prompt comes after the tools
    if files := _files(messages):
        found.append(files)
    asked = [n for n, message in enumerate(messages) if message.get("role") == "user"]
    goes_on = asked[-1:] > [0]
    if calls or (talks and (always or goes_on)) or (always and not found):
        # the next question reads what this one writes, and this one what the one before has written
        found += [place for n in asked[-2:] if (place := _last(messages, n))]
    return list(dict.fromkeys(sorted(found, key=_order)))


def _order(place: Place) -> tuple[int, int, int]:
    part, n, m = place
    return (("tools", "system", "messages").index(part), n, m)


def _files(messages: list[dict[str, Any]]) -> Place | None:
    """Return the last file, or text before a text, so that another question about it finds it kept."""
    for n in range(len(messages) - 1, -1, -1):
        blocks = messages[n].get("content")
        if messages[n].get("role") != "user" or not isinstance(blocks, list):
            continue
        kinds = [block.get("type") for block in blocks]
        files = [m for m, kind in enumerate(kinds) if kind in FILES or kinds[m : m + 2] == ["text", "text"]]
        if files:
            return ("messages", n, files[-1])
    return None


def _has_upload(body: Mapping[str, Any]) -> bool:
    """Return whether there is a file whose size is not seen here; one is uploaded because it is large."""
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    return any((block.get("source") or {}).get("type") == "file" for block in blocks)


def _last(messages: list[dict[str, Any]], n: int) -> Place | None:
    blocks = messages[n].get("content")
    if not isinstance(blocks, list):
        return None
    able = [m for m, block in enumerate(blocks) if block.get("type") not in UNMARKED]
    return ("messages", n, able[-1]) if able else None


def _upto(body: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return the beginning of a body that a mark would keep."""
    part, n, m = place
    kept = {name: body[name] for name in ("model", "tools", "system") if body.get(name)}
    if part == "tools":
        kept.pop("system", None)
    if part != "messages":
        return {**kept, "messages": []}
    *before, last = body["messages"][: n + 1]
    return {**kept, "messages": [*before, {**last, "content": last["content"][: m + 1]}]}


def _with_mark(body: dict[str, Any], place: Place, ttl: str) -> dict[str, Any]:
    part, n, m = place
    control = {"type": "ephemeral", **({"ttl": ttl} if ttl != "5m" else {})}
    if part == "messages":
        messages = [*body["messages"]]
        messages[n] = {**messages[n], "content": _put(messages[n]["content"], m, control)}
        return {**body, "messages": messages}
    blocks = body[part]
    blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
    return {**body, part: _put(blocks, m, control)}


def _put(blocks: list[dict[str, Any]], at: int, control: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**block, "cache_control": control} if n == at else block for n, block in enumerate(blocks)]
