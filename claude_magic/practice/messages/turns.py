"""Which sequences of messages and blocks does the service refuse?"""

from __future__ import annotations

import base64
import hashlib
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages import media, shapes
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.messages.rules import Call

OLD_WINDOW, MOST_IMAGES, MOST_IMAGES_OLD = 200_000, 600, 100
NOT_FROM = {
    "user": ("tool_use", "thinking", "redacted_thinking", "server_tool_use", *shapes.SERVER_RESULTS),
    "assistant": ("tool_result", "image", "search_result", "container_upload"),
    "system": (),
}
SIGNED = "practice"


def sign(thinking: str) -> str:
    """Return a thinking block's signature, which says that practice wrote it and which text it holds."""
    digest = hashlib.sha256(thinking.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return base64.b64encode(f"{SIGNED}:{digest}".encode()).decode()


def blocks(call: Call) -> None:
    """Refuse blocks that are empty, too large, altered, or not the role's."""
    *others, last = call.body["messages"]
    for i, message in enumerate([*others, last]):
        if not message["content"] and (message is not last or message["role"] != "assistant"):
            refuse(f"messages.{i}.content", "all messages must have non-empty content")
    images = 0
    for where, role, block in call.blocks():
        kind = block["type"]
        if kind in NOT_FROM[role]:
            refuse(where, f"`{kind}` blocks are not permitted in {role} messages")
        if kind == "text" and not block["text"]:
            refuse(f"{where}.text", "text content blocks must be non-empty")
        if kind == "thinking" and _altered(block):
            refuse(where, "Invalid `signature` in `thinking` block")
        if kind in ("image", "document"):
            images += media.weigh(block, where)
    most = MOST_IMAGES_OLD if call.model.context_window == OLD_WINDOW else MOST_IMAGES
    if images > most:
        refuse("messages", f"too many images and pages: {images} > {most}")


def _altered(block: dict[str, Any]) -> bool:
    text, signature = str(block["thinking"]), str(block["signature"])
    ours = signature.startswith(sign("")[:10])  # other signatures are dropped silently, as by the service
    return ours and text != "" and signature != sign(text)


def order(call: Call) -> None:
    """Refuse a system message where none may be."""
    roles = [message["role"] for message in call.body["messages"]]
    for i, role in enumerate(roles):
        if role != "system":
            continue
        if call.model.system_messages is False:
            why = f"'system' messages are not supported by {call.model.id}; use the `system` parameter"
            refuse(f"messages.{i}.role", why)
        if roles[max(0, i - 1)] == "system" or roles[i + 1 : i + 2] not in ([], ["assistant"]):
            why = "a 'system' message must follow a user message and be last or before an assistant message"
            refuse(f"messages.{i}.role", why)


def tool_results(call: Call) -> None:
    """Refuse tool uses without results, results without uses, and ids used twice."""
    waiting, seen, turns = list[str](), list[str](), [*_merged(call.body["messages"])]
    for i, found in enumerate(turns):
        where = f"messages.{i}.content"
        results = [b["tool_use_id"] for b in found if b["type"] == "tool_result"]
        for result in results:
            if result not in waiting:
                refuse(
                    where, f"unexpected `tool_use_id` found in `tool_result` blocks: {result}. {EACH_RESULT}"
                )
        if len(set(results)) < len(results):
            refuse(where, "each `tool_use` must have a single `tool_result`")
        _all_answered([use for use in waiting if use not in results], i - 1)
        if any(b["type"] != "tool_result" for b in found[: len(results)]):
            refuse(where, "`tool_result` blocks must come first in the message")
        waiting = [b["id"] for b in found if b["type"] == "tool_use"]
        seen += waiting
        if len(set(seen)) < len(seen):
            refuse(where, "`tool_use` ids must be unique")
    if not call.counting:
        _all_answered(waiting, len(turns) - 1)


EACH_RESULT = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
EACH_USE = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."


def _all_answered(left: list[str], i: int) -> None:
    if left:
        ids = ", ".join(left)
        why = f"`tool_use` ids were found without `tool_result` blocks immediately after: {ids}. {EACH_USE}"
        refuse(f"messages.{i}", why)


def _merged(messages: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the blocks of each turn, neighbours of one role joined, as the service reads them."""
    spoken = [message for message in messages if message["role"] != "system"]
    for _, group in groupby(spoken, key=itemgetter("role")):
        yield [block for message in group for block in message["content"]]
