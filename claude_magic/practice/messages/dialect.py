"""How does a message go out in another dialect than that of Messages?

Speed, pauses and drills are those of Messages: what goes out is made from the same stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.practice.messages import rules, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from claude_magic.practice import Exchange, Practice
    from claude_magic.practice.messages.answers import Draft

    Message = dict[str, Any]
    Tell = Callable[[dict[str, Any]], Iterable[bytes]]


def reply(practice: Practice, exchange: Exchange, body: dict[str, Any]) -> tuple[Message, Draft]:
    """Return the message that answers a Messages body, and its draft; raises Refusal.

    The body is read by the older version's rules, which know the sampling parameters that both dialects have.
    """
    call = rules.read(body, version=rules.OLD_VERSION, betas=exchange.betas)
    return practice.reply(call, exchange)


def whole(said: Message, made: Draft, speed: float | None, answer: dict[str, Any]) -> Response:
    """Return a plain answer in place of a message."""
    data = wire.encode(answer)
    half = len(data) // 2 if made.way == "cut" else None
    parts = stream.whole(said, made, speed)
    body = (data[:half] if isinstance(part, bytes) else part for part in parts)
    return Response(200, {"content-type": "application/json"}, body)


def streamed(said: Message, made: Draft, speed: float | None, exchange: Exchange, tell: Tell) -> Response:
    """Return a stream of what `tell` makes of each event of Messages."""
    parts = stream.chunks(said, exchange.id, made, speed)
    return Response(200, {**stream.EVENTS}, _told(parts, tell))


def _told(parts: Iterator[stream.Chunk], tell: Tell) -> Iterator[stream.Chunk]:
    for part in parts:
        if isinstance(part, bytes):
            yield from tell(wire.decode_plain(part.partition(b"data: ")[2]))
        else:
            yield part


def text(said: Message) -> str:
    """Return a message's text."""
    return "".join(block["text"] for block in said["content"] if block["type"] == "text")
