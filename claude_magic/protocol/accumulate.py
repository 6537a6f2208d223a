"""How do events add up to a Message?

The rules are those of https://docs.claude.com/en/docs/build-with-claude/streaming. What is not known is kept
where it has a place (blocks, fields) and skipped where it has none (events, deltas).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import StreamError
from claude_magic.wire import Message, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Delta(NamedTuple):
    """A kind of delta: the block type it was made for, its field, the block's field, its helper event."""

    home: str
    piece: str
    field: str
    helper: str


DELTAS = {
    "text_delta": Delta("text", "text", "text", "text"),
    "thinking_delta": Delta("thinking", "thinking", "thinking", "thinking"),
    "input_json_delta": Delta("tool_use", "partial_json", "input", "input_json"),
    "citations_delta": Delta("text", "citation", "citations", "citation"),
    "signature_delta": Delta("thinking", "signature", "signature", "signature"),
    "compaction_delta": Delta("compaction", "content", "content", "compaction"),
}
REPLACING = frozenset(("signature_delta", "compaction_delta"))  # the others grow by pieces
FIXED = frozenset(("type", "delta", "usage", "id", "role", "content"))  # not for a message_delta to replace
NULLABLE = frozenset(("stop_reason", "stop_sequence", "stop_details"))  # a null is meant: it overwrites

CUT = ("max_tokens", "model_context_window_exceeded")  # stop reasons of a message that is not at its end
DEEPEST = 256  # brackets within brackets; more is not read

_tokens = re.compile(r'"(?:[^"\\]++|\\.)*+"|[][{},"]', re.DOTALL).finditer
_TEXTUAL = {kind: DELTAS[kind].piece for kind in ("text_delta", "thinking_delta", "input_json_delta")}


class Accumulator:
    """Add up the plain events of one stream; `message()` is what they come to so far.

    `done` is true once the message was stopped as it should be. Tool arguments that ended as broken JSON are
    the text that came in a message that was not cut, so that nobody takes a part of them for all (O2).
    """

    def __init__(self) -> None:
        self.done = False
        self._message: dict[str, Any] | None = None
        self._blocks: list[Block] = []
        self._open: dict[int, Block] = {}  # by the index that events use

    def add(self, event: dict[str, Any]) -> None:
        """Take one event, a plain decoded dict; none raises, however malformed."""
        try:
            if event["type"] == "content_block_delta":
                delta = event["delta"]
                kind = delta["type"]
                piece = delta[_TEXTUAL[kind]]
                if type(piece) is str:
                    self._open[event["index"]].pieces[kind].append(piece)
                return
        except (KeyError, TypeError):  # a delta of another kind, or one that has no place
            pass
        self._add_other(event)

    def message(self) -> Message | None:
        """Return a copy of the message so far, or None before `message_start`."""
        if self._message is None:
            return None
        whole = self.done and self._message.get("stop_reason") not in CUT
        content = [{**block.now(), **(block.broken if whole else {})} for block in self._blocks]
        return Message(_record({**self._message, "content": content}))

    def block(self, event: dict[str, Any]) -> Block | None:
        """Return the block that an event is about, or None where there is none."""
        index = event.get("index")
        return self._open.get(index) if isinstance(index, int) else None

    def _add_other(self, event: dict[str, Any]) -> None:
        kind = event.get("type") if isinstance(event, dict) else None
        if self._message is None:
            if kind == "message_start" and wire.is_message(event.get("message")):
                self._message = dict(event["message"])
        elif kind == "content_block_start":
            self._start_block(event.get("index"), event.get("content_block"))
        elif kind == "content_block_delta" and (block := self.block(event)):
            block.add(event.get("delta"))
        elif kind == "content_block_stop" and (block := self.block(event)):
            block.settle()
        elif kind == "message_delta":
            self._change(event, self._message)
        elif kind == "message_stop":
            self.done = True
            for block in self._blocks:
                block.settle()

    def _start_block(self, index: Any, fields: Any) -> None:
        kind = fields.get("type") if isinstance(fields, dict) else None
        if kind in ("text", "thinking") and not isinstance(fields.get(kind), str):
            fields = {**fields, kind: ""}
        if not wire.is_block(fields):
            return
        block = Block(fields)
        self._open[index if isinstance(index, int) else len(self._blocks)] = block
        self._blocks.append(block)
        if kind == "fallback" and isinstance(to := fields.get("to"), dict) and self._message:
            # another answers from here on
            self._message["model"] = to.get("model", self._message.get("model"))

    def _change(self, event: dict[str, Any], message: dict[str, Any]) -> None:
        delta, usage = event.get("delta"), event.get("usage")
        changes = {**event, **(delta if isinstance(delta, dict) else {})}
        kept = {k: v for k, v in changes.items() if k not in FIXED and (v is not None or k in NULLABLE)}
        if not isinstance(kept.get("stop_reason"), str | None):
            del kept["stop_reason"]
        message.update(kept)
        if isinstance(usage, dict):  # totals, never increments; a null leaves what was there
            counted = {name: value for name, value in usage.items() if value is not None}
            message["usage"] = {**(message.get("usage") or {}), **counted}


class Block:
    """One content block: its fields as they began, and the pieces that came since, by kind of delta.

    `broken` has its `input` as text where that ended as no JSON.
    """

    __slots__ = ("broken", "fields", "pieces")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields, self.broken = dict(fields), dict[str, str]()
        self.pieces = _seeds(self.fields)

    def now(self) -> dict[str, Any]:
        """Return the block as it is so far."""
        grown = {DELTAS[kind].field: _join(kind, had) for kind, had in self.pieces.items() if any(had)}
        return {**self.fields, **grown}

    def add(self, delta: Any) -> None:
        """Take a delta that is not text; one that has no place here is skipped."""
        match delta:
            case {"type": str(kind)} if kind in REPLACING & self.pieces.keys():
                self.fields.update((name, value) for name, value in delta.items() if name != "type")
            case {"type": "citations_delta" as kind, "citation": dict(citation)} if kind in self.pieces:
                self.pieces[kind].append(citation)

    def settle(self) -> None:
        """Close the block."""
        text = "".join(self.pieces.get("input_json_delta") or ())
        if text and not wire.is_json(text):
            self.broken = {"input": text}
        self.fields = self.now()
        self.pieces = _seeds(self.fields)  # new lists: a snapshot may still read the old ones


class LazyEvent(Record):
    """A helper event whose `snapshot`, the whole so far, is made when it is first read.

    It is what the block held at this event, however much later it is read.
    """

    __slots__ = ("_make",)
    _make: Callable[[], Any]

    def __init__(self, fields: dict[str, Any], make: Callable[[], Any]) -> None:
        super().__init__(fields)
        object.__setattr__(self, "_make", make)

    def __missing__(self, name: str) -> Any:
        if name != "snapshot":
            raise KeyError(name)
        self[name] = value = self._make()
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, the snapshot among them."""
        return {**super().to_dict(), "snapshot": wire.plain(self["snapshot"])}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Record, (self.to_dict(),))


def helper_events(event: dict[str, Any], total: Accumulator) -> list[Record]:
    """Return an event that was just added to `total` as Records: itself, then what is derived from it.

    Names and fields are those of the official SDK's `.stream()`: `text`, `thinking`, `input_json` and
    `citation` (each with a `snapshot`), `signature` and `compaction` follow their delta; `content_block_stop`
    has its `content_block` and `message_stop` the `message`.
    """
    if not isinstance(event, dict):
        return []
    made, block = _record(event), total.block(event)
    match event.get("type"):
        case "message_stop":
            made["message"] = total.message()
        case "content_block_stop" if block:
            made["content_block"] = _record(block.now())
        case "content_block_delta" if block:
            return [made, *_derived(event.get("delta"), block)]
    return [made]


def _derived(delta: Any, block: Block) -> Iterator[Record]:
    kind = delta.get("type") if isinstance(delta, dict) else None
    if not isinstance(kind, str) or kind not in block.pieces or DELTAS[kind].piece not in delta:
        return
    rule, pieces = DELTAS[kind], block.pieces[kind]
    piece, size = delta[rule.piece], len(pieces)
    if kind in REPLACING:
        yield Record({**delta, "type": rule.helper})
    elif pieces and pieces[-1] is piece:  # the block took it
        fields = {"type": rule.helper, rule.piece: _record(piece)}
        yield LazyEvent(fields, lambda: _record(_join(kind, pieces[:size])))


def partial_json(text: str) -> Any:
    """Return what is complete in JSON that is cut short, or None where nothing is.

    An unfinished string or word is left out, and so is a key without its value.
    """
    closers, end, end_closers = "", 0, ""
    for token in _tokens(text):
        mark = token.group()
        if mark == '"' or (mark in "]}" and mark != closers[:1]) or len(closers) > DEEPEST:
            break
        if mark in "[{":
            closers = "]}"["[{".index(mark)] + closers
        elif mark in "]}":
            closers = closers[1:]
        if len(mark) == 1:  # not a string: here the text can be cut and closed
            end, end_closers = (token.start() if mark == "," else token.end()), closers
    for candidate in (text + closers, text[:end] + end_closers):
        with suppress(ValueError):
            return wire.decode_plain(candidate)
    return None


def _seeds(fields: dict[str, Any]) -> dict[str, list[Any]]:
    """Return a list of pieces for each kind of delta that fits a block, with what the block began with."""
    fit = [kind for kind, rule in DELTAS.items() if rule.field in fields or rule.home == fields.get("type")]
    seeds: dict[str, list[Any]] = {kind: [] for kind in fit}
    for kind, wanted in (("text_delta", str), ("thinking_delta", str), ("citations_delta", list)):
        began = fields.get(DELTAS[kind].field)
        if kind in seeds and isinstance(began, wanted):
            seeds[kind] += began if wanted is list else [began]
    return seeds


def _join(kind: str, pieces: list[Any]) -> Any:
    if kind == "citations_delta":
        return list(pieces)
    text = "".join(pieces)
    if kind != "input_json_delta":
        return text
    with suppress(ValueError):
        return wire.decode_plain(text)
    read = partial_json(text)
    return read if isinstance(read, dict) else {}


def _record(value: Any) -> Any:
    try:
        return wire.record(value)
    except RecursionError:
        text = "The answer is nested too deeply to be read"
        raise StreamError(text, hint="Ask again for a simpler answer.") from None
