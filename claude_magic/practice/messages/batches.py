"""How are the calls about batches of messages answered?

How a batch goes its way is told in `practice.batchrun`.
https://platform.claude.com/docs/en/api/messages/batches
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.practice import organization, pages
from claude_magic.practice.messages.batchrun import Batch, Batches, Item, settle, told
from claude_magic.practice.moments import DAY, moment
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice import Answers, Exchange, Practice

MOST_REQUESTS = 100_000
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FAULT = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)
COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What creates a batch."""

    requests: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=MOST_REQUESTS)]


BODY = msgspec.json.Decoder(Body)


def create(practice: Practice, exchange: Exchange) -> Response:
    """Answer POST /v1/messages/batches."""
    owner = organization.owner(practice, exchange)
    practice.pool(exchange, "batches").admit(exchange.now)
    items = _items(exchange)
    _queue(practice, len(items), exchange.now)
    asked = replace(exchange, request=replace(exchange.request, body=b""), pool=None)
    about = hashlib.sha256(exchange.request.body).hexdigest()[:8]  # jobs outlive the server that counts
    made = Batch(f"{practice.new_id('msgbatch')}_{about}", asked, owner, items)
    practice.of(Batches)[made.id] = made
    return practice.json(_shown(practice, made, exchange))


def _items(exchange: Exchange) -> list[Item]:
    """Return the requests of a body; raises Refusal."""
    try:
        items = _body(exchange).requests
    except msgspec.ValidationError as problem:
        fault = cast("re.Match[str]", FAULT.fullmatch(str(problem)))
        refuse(re.sub(r"\[(\d+)\]", r".\1", fault["where"] or "requests"), fault["why"])
    seen = dict[str, int]()
    for i, item in enumerate(items):
        where = f"requests.{i}"
        if not CUSTOM_ID.fullmatch(item.custom_id):
            refuse(f"{where}.custom_id", f"String should match pattern '^{CUSTOM_ID.pattern}$'")
        if (first := seen.setdefault(item.custom_id, i)) != i:
            refuse(f"{where}.custom_id", f"{item.custom_id!r} is already that of requests.{first}")
        params = bytes(item.params)
        if not params.startswith(b"{"):
            refuse(f"{where}.params", "Input should be a valid dictionary")
        if b'"stream"' in params and _streams(params):
            refuse(f"{where}.params.stream", "a batch cannot be streamed")
    return items


def _body(exchange: Exchange) -> Body:
    try:
        return BODY.decode(exchange.request.body)
    except msgspec.DecodeError:  # also for halves of characters, which `exchange.body` mends
        return BODY.decode(wire.encode(exchange.body()))


def _streams(params: bytes) -> bool:
    try:
        return bool(wire.decode_plain(params).get("stream"))
    except ValueError:  # an errored result will tell
        return False


def _queue(practice: Practice, more: int, now: float) -> None:
    """Refuse with 429 what the queue has no room for."""
    waiting = [batch for batch in practice.of(Batches).values() if now < batch.ends]
    most = practice.limits.queued
    if sum(batch.size for batch in waiting) + more > most:
        why = f"This would exceed your organization's limit of {most:,} batch requests in the queue"
        wait = math.ceil(min((batch.ends - now for batch in waiting), default=DAY))
        raise Refusal(429, f"{why} (practice server).", headers={"retry-after": str(wait)})


def _shown(practice: Practice, batch: Batch, exchange: Exchange) -> dict[str, Any]:
    """Return a batch as the service shows it."""
    now = exchange.now
    settle(practice, batch, now)
    counts = batch.counts or Counter(processing=batch.size)
    ended, archived = batch.counts is not None, now >= batch.archived
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": batch.status(now),
        "request_counts": {name: counts[name] for name in COUNTS},
        "created_at": moment(batch.created),
        "expires_at": moment(batch.expires),
        "ended_at": moment(batch.ends) if ended else None,
        "cancel_initiated_at": None if batch.cancel_at is None else moment(batch.cancel_at),
        "archived_at": moment(batch.archived) if archived else None,
        "results_url": _url(batch, exchange) if ended and not archived else None,
    }


def _url(batch: Batch, exchange: Exchange) -> str:
    host = exchange.request.headers.get("host")
    return f"{f'http://{host}' if host else ''}/v1/messages/batches/{batch.id}/results"


def _asked(practice: Practice, exchange: Exchange) -> Batch:
    """Return the batch that a call is about; raises Refusal."""
    batch_id, owner = exchange.names["message_batch_id"], organization.owner(practice, exchange)
    practice.pool(exchange, "batches").admit(exchange.now)
    batch = practice.of(Batches).get(batch_id)
    if batch is None or batch.deleted or batch.owner[1] != owner[1]:
        raise Refusal(404, f"Message batch {batch_id!r} not found")
    return batch


def listed(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/messages/batches."""
    _, workspace = organization.owner(practice, exchange)
    practice.pool(exchange, "batches").admit(exchange.now)
    kept = practice.of(Batches)
    own = [b for b in reversed(kept.values()) if not b.deleted and b.owner[1] == workspace]
    page = pages.page([{"id": batch.id} for batch in own], exchange)
    page["data"] = [_shown(practice, kept[item["id"]], exchange) for item in page["data"]]
    return practice.json(page)


def retrieve(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/messages/batches/{message_batch_id}."""
    return practice.json(_shown(practice, _asked(practice, exchange), exchange))


def cancel(practice: Practice, exchange: Exchange) -> Response:
    """Answer POST …/cancel; once more changes nothing."""
    batch = _asked(practice, exchange)
    if batch.status(exchange.now) == "ended":
        refuse("", f"{batch.id} has ended: only a batch that is in progress can be canceled")
    if batch.cancel_at is None:
        batch.cancel_at = exchange.now
    return practice.json(_shown(practice, batch, exchange))


def delete(practice: Practice, exchange: Exchange) -> Response:
    """Answer DELETE /v1/messages/batches/{message_batch_id}."""
    batch = _asked(practice, exchange)
    if batch.status(exchange.now) != "ended":
        refuse("", f"{batch.id} has not ended: cancel it first, and delete it once it has ended")
    batch.deleted = True
    return practice.json({"id": batch.id, "type": "message_batch_deleted"})


def results(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET …/results."""
    batch = _asked(practice, exchange)
    shown = _shown(practice, batch, exchange)
    if shown["results_url"] is None:
        why = "are no longer kept" if shown["archived_at"] else "are there once it has ended"
        raise Refusal(404, f"The results of {batch.id} {why}")
    return Response(200, {"content-type": "application/x-jsonl"}, told(practice, batch))


ANSWERS: Answers = {
    "messages.batches.create": create,
    "messages.batches.list": listed,
    "messages.batches.retrieve": retrieve,
    "messages.batches.cancel": cancel,
    "messages.batches.delete": delete,
    "messages.batches.results": results,
}
