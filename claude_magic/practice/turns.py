"""Which sequences of messages and blocks does the service refuse?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from claude_magic import sizes
from claude_magic.practice import media, shapes
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.rules import Call

MOST_BREAKPOINTS = 4
OLD_WINDOW, MOST_IMAGES, MOST_IMAGES_OLD = 200_000, 600, 100
NOT_FROM_USERS = ("tool_use", "thinking", "redacted_thinking", "server_tool_use", *shapes.SERVER_RESULTS)
NOT_FROM_ASSISTANTS = ("tool_result", "image", "search_result", "container_upload")
SIGNED = "practice"


def sign(thinking: str) -> str:
    """Return a thinking block's signature, which says that practice wrote it and which text it holds."""
    import base64

    digest = hashlib.sha256(thinking.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return base64.b64encode(f"{SIGNED}:{digest}".encode()).decode()


def blocks(call: Call) -> None:
    """Refuse blocks that are empty, too large, altered, or not the role's."""
    images = 0
    for i, message in enumerate(call.body["messages"]):
        last = i == len(call.body["messages"]) - 1
        if message["content"] in ("", []) and not (last and message["role"] == "assistant"):
            refuse(f"messages.{i}.content", "all messages must have non-empty content")
    for where, role, block in call.blocks():
        kind = block["type"]
        if kind in (NOT_FROM_ASSISTANTS if role == "assistant" else NOT_FROM_USERS):
            refuse(where, f"`{kind}` blocks are not permitted in {role} messages")
        if kind == "text" and not block["text"]:
            refuse(f"{where}.text", "text content blocks must be non-empty")
        if kind == "thinking" and _altered(block):
            refuse(where, "Invalid `signature` in `thinking` block")
    for where, block in _media(call):
        images += _weigh(block, where)
    most = MOST_IMAGES_OLD if call.model.context_window == OLD_WINDOW else MOST_IMAGES
    if images > most:
        refuse("messages", f"too many images and pages: {images} > {most}")


def _altered(block: dict[str, Any]) -> bool:
    text, signature = str(block["thinking"]), str(block["signature"])
    ours = signature.startswith(sign("")[:10])  # other signatures are dropped silently, as by the service
    return ours and text != "" and signature != sign(text)


def _media(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, _, block in call.blocks():
        if block["type"] in ("image", "document"):
            yield where, block
        elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
            for k, inner in enumerate(block["content"]):
                if inner["type"] in ("image", "document"):
                    yield f"{where}.content.{k}", inner


def _weigh(block: dict[str, Any], where: str) -> int:
    """Refuse a bad image or PDF; return how many images or pages it counts for."""
    source = block["source"]
    if source["type"] != "base64":
        return int(block["type"] == "image")
    wanted = [k for k in sizes.SIGNATURES if k.startswith("image/") == (block["type"] == "image")]
    if source["media_type"] not in wanted:
        refuse(f"{where}.source.base64.media_type", f"Input should be {' or '.join(map(repr, wanted))}")
    data = media.raw(source, f"{where}.source")
    if block["type"] == "document":
        return sizes.pages(data)
    size = sizes.size(data)
    if size and max(size) > media.MOST_SIDE:
        refuse(
            f"{where}.source.base64.data",
            f"At least one of the image dimensions exceed max allowed size: {media.MOST_SIDE} pixels",
            error_code="image_dimensions_too_large",
            max_side_length_pixels=media.MOST_SIDE,
            paths=[where],
        )
    return 1


def order(call: Call) -> None:
    """Refuse a system message where none may be."""
    messages = call.body["messages"]
    for i, message in enumerate(messages):
        if message["role"] != "system":
            continue
        where = f"messages.{i}.role"
        if call.model.system_messages is False:
            refuse(
                where, f"'system' messages are not supported by {call.model.id}; use the `system` parameter"
            )
        before = messages[i - 1]["role"] if i else None
        after = messages[i + 1]["role"] if i + 1 < len(messages) else "assistant"
        if before not in ("user", "assistant") or after != "assistant":
            refuse(
                where,
                "a 'system' message must follow a user message and be last or before an assistant message",
            )


def tool_results(call: Call) -> None:
    """Refuse tool uses without results, results without uses, and ids used twice."""
    waiting: list[str] = []
    seen: set[str] = set()
    for i, (role, blocks_) in enumerate(_merged(call.body["messages"])):
        results = [b["tool_use_id"] for b in blocks_ if b["type"] == "tool_result"]
        uses = [b["id"] for b in blocks_ if b["type"] == "tool_use"]
        if role == "user":
            _answered(waiting, results, blocks_, i)
            waiting = []
        elif waiting:
            _missing(waiting, i)
        for use in uses:
            if use in seen:
                refuse(f"messages.{i}.content", f"`tool_use` ids must be unique: {use}")
            seen.add(use)
        waiting = uses or waiting
    if waiting and not call.counting:
        _missing(waiting, i)


def _answered(waiting: list[str], results: list[str], found: list[dict[str, Any]], i: int) -> None:
    for result in results:
        if result not in waiting:
            refuse(
                f"messages.{i}.content",
                f"unexpected `tool_use_id` found in `tool_result` blocks: {result}. Each `tool_result` block "
                "must have a corresponding `tool_use` block in the previous message.",
            )
    if len(set(results)) < len(results):
        refuse(f"messages.{i}.content", "each `tool_use` must have a single `tool_result`")
    if left := [use for use in waiting if use not in results]:
        _missing(left, i - 1)
    if any(b["type"] != "tool_result" for b in found[: len(results)]):
        refuse(f"messages.{i}.content", "`tool_result` blocks must come first in the message")


def _missing(ids: list[str], i: int) -> None:
    refuse(
        f"messages.{i}",
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message.",
    )


def _merged(messages: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield (role, blocks), neighbours of one role joined, as the service reads them."""
    role, joined = "", list[dict[str, Any]]()
    for message in messages:
        if message["role"] == "system":
            continue
        content = message["content"]
        if message["role"] != role:
            if role:
                yield role, joined
            role, joined = message["role"], []
        joined += [{"type": "text", "text": content}] if isinstance(content, str) else content
    if role:
        yield role, joined


def cache_control(call: Call) -> None:
    """Refuse too many cache breakpoints, or a longer time to live after a shorter one."""
    marks = [(where, block["cache_control"]) for where, block in marked(call) if block.get("cache_control")]
    automatic = call.body.get("cache_control")
    if automatic:
        places = [where for where, _ in marked(call)]
        if marks and places and marks[-1][0] == places[-1]:
            if marks[-1][1].get("ttl", "5m") != automatic.get("ttl", "5m"):
                refuse("cache_control", "the automatic breakpoint meets a block whose `ttl` differs")
        else:
            marks.append(("cache_control", automatic))
    if len(marks) > MOST_BREAKPOINTS:
        refuse(
            "",
            f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided. Found {len(marks)}.",
        )
    short = False
    for where, mark in marks:
        if mark.get("ttl", "5m") == "1h" and short:
            refuse(f"{where}.cache_control.ttl", "a ttl='1h' block must not come after a ttl='5m' block")
        short = short or mark.get("ttl", "5m") == "5m"


def marked(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, block) of everything that may carry a breakpoint, in the order of the prompt cache."""
    for i, tool in enumerate(call.body.get("tools") or ()):
        yield f"tools.{i}", tool
    system = call.body.get("system")
    if isinstance(system, list):
        for i, block in enumerate(system):
            yield f"system.{i}", block
    elif system:
        yield "system", {"type": "text", "text": system}
    for i, message in enumerate(call.body["messages"]):
        if isinstance(message["content"], list):
            for j, block in enumerate(message["content"]):
                yield f"messages.{i}.content.{j}", block
        elif message["content"]:
            yield f"messages.{i}.content", {"type": "text", "text": message["content"]}
