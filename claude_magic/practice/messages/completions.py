"""How is a text completion answered, the older dialect with its Human and Assistant turns?

Any model we know answers it here, as from a message with the same turns.
https://platform.claude.com/docs/en/api/completions/create, https://docs.anthropic.com/en/api/prompt-validation
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check
from claude_magic.practice.messages import dialect, shapes, stream
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

SHARED = ("model", "stop_sequences", "stream", "metadata", "temperature", "top_p", "top_k")
FIELDS = {
    "prompt*": "text",
    "max_tokens_to_sample*": "whole",
    "model*": "text",
    **{name: shapes.CREATE[name] for name in SHARED[1:]},
}
TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):")
ROLES = {"Human": "user", "Assistant": "assistant"}
BUILT_IN_STOP = "\n\nHuman:"
RENAMED = ((re.compile(r"^max_tokens\b"), "max_tokens_to_sample"), (re.compile(r"^messages[\w.]*"), "prompt"))
"""What a rule of Messages names, and what the field is called here."""


def create(practice: Practice, exchange: Exchange) -> Response:
    """Answer POST /v1/complete."""
    body = exchange.body()
    check(body, FIELDS, "")
    if body["max_tokens_to_sample"] < 1:
        refuse("max_tokens_to_sample", "Input should be greater than or equal to 1")
    try:
        said, made = dialect.reply(practice, exchange, _translated(body))
    except Refusal as no:
        raise Refusal(no.status, _renamed(no.message), headers=no.headers, **no.details) from None
    tell = _teller(said, practice.new_id("compl"))
    if body.get("stream"):
        return dialect.streamed(said, made, practice.speed, exchange, lambda event: _frames(event, tell))
    text = dialect.text(said)
    return dialect.whole(said, made, practice.speed, tell(f" {text}" if text else "", last=True))


def _translated(body: dict[str, Any]) -> dict[str, Any]:
    """Return the Messages body with the turns of a prompt."""
    system, *turns = TURN.split(body["prompt"].strip())
    names, texts = turns[::2], [text.strip() for text in turns[1::2]]
    if names[:1] != ["Human"]:
        refuse("", r'prompt must start with "\n\nHuman:" turn after an optional system prompt')
    if names[-1] != "Assistant":
        refuse("", r'prompt must end with "\n\nAssistant:" turn')
    messages = [{"role": ROLES[name], "content": text} for name, text in zip(names, texts, strict=True)]
    if not texts[-1]:
        messages.pop()  # what is to be completed; with words in it, it is a prefill
    made = {name: body[name] for name in SHARED if name in body}
    made |= {"messages": messages, "max_tokens": body["max_tokens_to_sample"]}
    made["stop_sequences"] = [*body.get("stop_sequences", ()), BUILT_IN_STOP]
    return made | ({"system": system.strip()} if system.strip() else {})


def _renamed(message: str) -> str:
    for pattern, name in RENAMED:
        message = pattern.sub(name, message)
    return message


def _teller(said: dict[str, Any], compl_id: str) -> Callable[..., dict[str, Any]]:
    """Return what makes a completion of a piece of text; the last piece has the stop reason."""
    limited = said["stop_reason"] == "max_tokens"
    ended = {
        "stop_reason": "max_tokens" if limited else "stop_sequence",
        "stop": None if limited else said["stop_sequence"] or BUILT_IN_STOP,
    }

    def tell(text: str, *, last: bool = False) -> dict[str, Any]:
        start = {"type": "completion", "id": compl_id, "completion": text, "model": said["model"]}
        return start | (ended if last else dict.fromkeys(ended))

    return tell


def _frames(event: dict[str, Any], tell: Callable[..., dict[str, Any]]) -> Iterator[bytes]:
    """Yield what a completion's stream has in place of an event."""
    match event:
        case {"type": "ping" | "error"}:
            yield stream.frame(event)
        case {"type": "content_block_start", "content_block": {"type": "text"}, "index": 0}:
            yield stream.frame(tell(" "))
        case {"type": "content_block_delta", "delta": {"text": text}}:
            yield stream.frame(tell(text))
        case {"type": "message_stop"}:
            yield stream.frame(tell("", last=True))


ANSWERS: Answers = {"completions.create": create}
