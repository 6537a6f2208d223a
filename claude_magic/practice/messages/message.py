"""How does a draft become a Message: ids, stops, limits and usage?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.practice.messages.turns import sign
from claude_magic.protocol.catalog import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice.messages.answers import Draft
    from claude_magic.practice.messages.rules import Call
    from claude_magic.practice.messages.tokens import Split


def build(call: Call, made: Draft, split: Split, new_id: Callable[[str], str]) -> dict[str, Any]:
    """Return the Message; `new_id("msg")` gives ids."""
    message_id, left = new_id("msg"), call.body["max_tokens"]
    stop = _stopped(made.stop_reason, details=made.stop_details) if left else _stopped("max_tokens")
    content, thinking_tokens = [], 0
    if made.thinking is not None and left:
        budget = (call.body.get("thinking") or {}).get("budget_tokens", left)
        thought = clip(made.thinking, min(budget, max(1, left // 2)), call)
        thinking_tokens = estimate_tokens(thought, call.model.id)
        content.append(_thinking(call, thought))
    used = thinking_tokens
    for block in made.blocks if left else ():
        whole, hit = _stop_at(block, call.body.get("stop_sequences") or [])
        kept = _fitting(whole, left - used, call)
        if kept:
            used += output_tokens(kept, call)
            content.append(kept | ({"id": new_id("toolu")} if kept["type"] == "tool_use" else {}))
        if kept is not whole or hit is not None:
            stop = _stopped("max_tokens") if kept is not whole else _stopped("stop_sequence", hit)
            break
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": call.model.id,
        "content": content,
        **stop,
        "container": call.room.shown() if call.room else None,
        "diagnostics": None,
        "usage": _usage(call, split, max(used, 1) if left else 0, thinking_tokens),
    }


def output_tokens(block: dict[str, Any], call: Call) -> int:
    """Return the tokens a block takes as output; cited text and what code answered are free."""
    if block["type"].endswith("_tool_result"):
        return 0
    if block["type"] == "text":
        return estimate_tokens(block["text"], call.model.id)
    return estimate_tokens(f"{block['name']} {wire.encode(block['input']).decode()}", call.model.id)


def clip(words: str, tokens: int, call: Call) -> str:
    """Return the longest beginning of a text that takes no more than so many tokens."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if estimate_tokens(words[:middle], call.model.id) <= tokens:
            low = middle
        else:
            high = middle - 1
    return words[:low]


def _fitting(block: dict[str, Any], tokens: int, call: Call) -> dict[str, Any] | None:
    """Return what of a block fits: all, the beginning of a text, nothing of a tool call (half is no JSON)."""
    if output_tokens(block, call) <= tokens:
        return block
    if block["type"] != "text":
        return None
    words = clip(block["text"], tokens, call)
    return {**block, "text": words} if words else None


def _stop_at(block: dict[str, Any], sequences: list[str]) -> tuple[dict[str, Any], str | None]:
    """Return a text block up to the first stop sequence in it, and which one that is."""
    if block["type"] != "text":
        return block, None
    hits = [(at, -len(s), s) for s in sequences if s and (at := block["text"].find(s)) >= 0]
    if not hits:
        return block, None
    at, _, hit = min(hits)
    return {**block, "text": block["text"][:at]}, hit


def _stopped(
    reason: str, sequence: str | None = None, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}


def _thinking(call: Call, thought: str) -> dict[str, Any]:
    asked = (call.body.get("thinking") or {}).get("display")
    shown = (asked or call.model.thinking_display_default or "omitted") != "omitted"
    return {"type": "thinking", "thinking": thought if shown else "", "signature": sign(thought)}


def _usage(call: Call, split: Split, output: int, thinking: int) -> dict[str, Any]:
    geo = call.body.get("inference_geo") or ("global" if call.model.inference_geo_us_multiplier else None)
    usage = {
        "input_tokens": split.fresh,
        "cache_creation_input_tokens": split.written_5m + split.written_1h,
        "cache_read_input_tokens": split.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": split.written_5m,
            "ephemeral_1h_input_tokens": split.written_1h,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking} if thinking else None,
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": geo,
    }
    if call.body.get("speed"):
        billed = (call.model.fast or {}).get("billed_as", "fast")
        usage["speed"] = billed if call.body["speed"] == "fast" else "standard"
    return usage
