"""How does a batch of messages go its way?

It waits a second, then its requests end one by one, 1,000 a second, in their order: all by the server's
clock. `practice:silence@90` makes a request 90 seconds late, `practice:slow` makes it expire after a day, and
a drill that refuses gives an errored result. What is not needed is not worked out: answers are made when
results are read, or when somebody asks what was used.
https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from claude_magic import wire
from claude_magic.practice import drills
from claude_magic.practice.messages import reading, rules, stream, tokens
from claude_magic.practice.moments import DAY
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice import Exchange, Owner, Practice

QUEUE, RATE, CANCELING = 1.0, 1_000, 1.0  # seconds, requests a second, seconds
LIFE, KEPT = DAY, 29 * DAY
NOT_HERE = ("stream", "speed", "fallbacks", "thread")
LONG_OUTPUT = "output-300k"
BLOCK = 500  # results that are packed together
DRILL = b"practice:"
UNSURE = (DRILL, b'"file_id"', b'"container"')
"""What in a request makes its answer depend on more than its rules."""


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A request of a batch, its params as they came."""

    custom_id: str
    params: msgspec.Raw


class Due(NamedTuple):
    """A request that is known to succeed at a time, its answer still to be worked out."""

    item: Item
    at: float


Block = list[bytes | Due] | bytes
"""Results: lines and what becomes one; packed, when all of it has been worked out."""


@dataclass(slots=True)
class Batch:
    """A batch, and the exchange that made it; times are epoch seconds.

    `late` has the seconds by which drills hold requests up. `counts` and `blocks`, the results, are there
    once it has ended, and `items` no more.
    """

    id: str
    asked: Exchange
    owner: Owner
    items: list[Item]
    size: int = 0
    late: dict[int, float] = field(default_factory=dict)
    cancel_at: float | None = None
    counts: Counter[str] | None = None
    blocks: list[Block] = field(default_factory=list)
    deleted: bool = False

    def __post_init__(self) -> None:
        """Count the requests, and find those that a drill holds up."""
        self.size = len(self.items)
        self.late = {i: wait for i, item in enumerate(self.items) if (wait := _late(item, self.asked))}

    @property
    def created(self) -> float:
        """When it was made."""
        return self.asked.now

    @property
    def expires(self) -> float:
        """When what has not ended expires."""
        return self.created + LIFE

    @property
    def archived(self) -> float:
        """When its results are no longer kept."""
        return self.created + KEPT

    @property
    def cut(self) -> float:
        """When a request must have ended to have a result of its own."""
        return self.expires if self.cancel_at is None else self.cancel_at

    @property
    def ends(self) -> float:
        """When the last request ends."""
        if self.cancel_at is not None:
            return min(self.cancel_at + CANCELING, self.expires)
        return min(max(self.turn(i) for i in (self.size - 1, *self.late)), self.expires)

    def turn(self, i: int) -> float:
        """Return when a request ends."""
        return self.created + QUEUE + (i + 1) / RATE + self.late.get(i, 0.0)

    def status(self, now: float) -> str:
        """Return the processing status."""
        if now >= self.ends:
            return "ended"
        return "in_progress" if self.cancel_at is None else "canceling"


class Batches(dict[str, Batch]):
    """The batches of a server by id, the oldest first."""


def _late(item: Item, asked: Exchange) -> float:
    """Return by how many seconds a drill holds a request up."""
    if DRILL not in bytes(item.params):
        return 0.0
    try:
        order = drills.ordered(reading.read(_call(item, asked)).prompt)
    except (Refusal, RecursionError):
        return 0.0
    if order and order.drill.way == "silence":
        return stream.SILENCE if order.figure is None else order.figure
    return math.inf if order and order.drill.way == "slow" else 0.0


def _call(item: Item, asked: Exchange) -> rules.Call:
    """Return a request as a checked call; raises Refusal."""
    try:
        body = wire.decode_plain(bytes(item.params))
    except ValueError as problem:
        refuse("params", f"not valid JSON: {problem}")
    for name in NOT_HERE:
        if body.get(name):
            refuse(name, "not supported in a batch")
    if body.get("max_tokens") == 0:
        refuse("max_tokens", "0 is not supported in a batch")
    call = rules.read(_within_most(body, asked), version=asked.version, betas=asked.betas)
    if not call.model.batch:
        refuse("model", f"{call.model.id} takes no batches")
    return replace(call, body={**call.body, "max_tokens": body["max_tokens"]})


def _within_most(body: dict[str, Any], asked: Exchange) -> dict[str, Any]:
    """Return a body for the rules of Messages: a batch may ask for longer answers where a beta allows it."""
    model, wanted = catalog.find(str(body.get("model"))), body.get("max_tokens")
    most = model.batch_max_output_tokens if model else None
    allowed = any(beta.startswith(LONG_OUTPUT) for beta in asked.betas)
    if model and model.max_output_tokens and most and allowed and isinstance(wanted, int) and wanted <= most:
        return {**body, "max_tokens": min(wanted, model.max_output_tokens)}
    return body


def _succeeds(item: Item, asked: Exchange) -> bool:
    """Say whether a request succeeds for sure, at a fraction of the cost of its answer."""
    params = bytes(item.params)
    if any(word in params for word in UNSURE):
        return False
    try:
        call = _call(item, asked)
    except (Refusal, RecursionError):
        return False
    return tokens.count(call) <= (call.model.context_window or math.inf)


def settle(practice: Practice, batch: Batch, now: float) -> None:
    """Give every request of a batch that has ended its result."""
    if batch.counts is not None or now < batch.ends:
        return
    counts, lines, sure = Counter[str](), list[bytes | Due](), not practice.lesson.lines
    for i, item in enumerate(batch.items):
        at = batch.turn(i)
        if at > batch.cut:
            kind = "expired" if batch.cancel_at is None else "canceled"
            line: bytes | Due = _line(item, {"type": kind})
        elif sure and _succeeds(item, batch.asked):
            kind, line = "succeeded", Due(item, at)
        else:
            kind, line = _answered(practice, batch, Due(item, at))
        counts[kind] += 1
        lines.append(line)
    lines = lines[1::2] + lines[::2]  # the service promises no order, so it is not that of the requests
    batch.counts, batch.items = counts, []
    batch.blocks = [lines[n : n + BLOCK] for n in range(0, len(lines), BLOCK)]


def _answered(practice: Practice, batch: Batch, due: Due) -> tuple[str, bytes]:
    """Return what became of a request, and the line that says so."""
    try:
        said = _said(practice, batch, due)
    except Refusal as no:
        return "errored", _line(due.item, {"type": "errored", "error": no.body(batch.asked.id)})
    practice.charge(said, due.at, batch.owner, "message_batches_api")
    return "succeeded", _line(due.item, {"type": "succeeded", "message": said})


def _said(practice: Practice, batch: Batch, due: Due) -> dict[str, Any]:
    try:
        said, made = practice.say(_call(due.item, batch.asked), replace(batch.asked, now=due.at))
    except RecursionError:
        refuse("params", "nested too deeply")
    if made.way == "error":
        raise Refusal(529, "Overloaded")
    said["usage"]["service_tier"] = "batch"
    return said


def _line(item: Item, result: dict[str, Any]) -> bytes:
    return wire.encode({"custom_id": item.custom_id, "result": result}) + b"\n"


def told(practice: Practice, batch: Batch) -> Iterator[bytes]:
    """Yield the results of a batch that has ended, in pieces, each worked out when it is its turn."""
    blocks = batch.blocks  # also when it is deleted meanwhile
    for n in range(len(blocks)):
        yield zlib.decompress(_packed(practice, batch, blocks, n))


def _packed(practice: Practice, batch: Batch, blocks: list[Block], n: int) -> bytes:
    """Return a block of results packed, worked out and charged for if that has not been done."""
    with practice.lock:
        block = blocks[n]
        if not isinstance(block, bytes):
            lines = (_answered(practice, batch, one)[1] if isinstance(one, Due) else one for one in block)
            block = blocks[n] = zlib.compress(b"".join(lines), 1)
        return block


def bill(practice: Practice) -> None:
    """Charge for the answers of all batches that have ended; then forget those that are deleted."""
    kept, now = practice.of(Batches), practice.clock()
    for batch in [*kept.values()]:
        settle(practice, batch, now)
        for n in range(len(batch.blocks)):
            _packed(practice, batch, batch.blocks, n)
        if batch.deleted:
            del kept[batch.id]
        elif now >= batch.archived:
            batch.blocks = []
