"""How many tokens does a request take, and which of them come from the prompt cache?

Text is estimated by `catalog.estimate_tokens`, images by their size, PDFs by their pages; a message adds 4
tokens, a request with tools the model's hidden tool prompt. Usage and count_tokens use the same count.
Cache rules: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import sizes, wire
from claude_magic.catalog import estimate_tokens
from claude_magic.practice import media

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.rules import Call

MESSAGE_TOKENS = 4
TOOL_PROMPT_TOKENS = 400  # where the catalogue knows no figure
LOOK_BACK = 20  # blocks
LIVES = {"5m": 300.0, "1h": 3600.0}  # seconds


class Part(NamedTuple):
    """A block of the prompt: what it is, its tokens, the time to live of a breakpoint on it."""

    block: Any
    tokens: int
    ttl: str | None = None


class Split(NamedTuple):
    """A prompt's tokens: not cached, read from the cache, written for 5 minutes and for an hour."""

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        """All input tokens."""
        return sum(self)


def count(call: Call) -> int:
    """Return the input tokens of a request."""
    return sum(part.tokens for part in parts(call))


def parts(call: Call) -> list[Part]:
    """Return the prompt in the order of the cache: tools, system, messages."""
    return [*_tools(call), *_system(call), *_messages(call)]


def of_block(block: dict[str, Any], call: Call) -> int:
    """Return the tokens of a content block."""
    kind, model = block["type"], call.model.id
    if kind == "text":
        return estimate_tokens(block["text"], model)
    if kind in ("image", "document"):
        return _of_source(block, call) + estimate_tokens(
            (block.get("title") or "") + (block.get("context") or ""), model
        )
    if kind == "tool_result" and isinstance(block.get("content"), list):
        return sum(of_block(inner, call) for inner in block["content"]) + MESSAGE_TOKENS
    if kind == "thinking":
        return estimate_tokens(block["thinking"], model)
    if kind == "redacted_thinking":
        return 0
    return estimate_tokens(
        wire.encode({k: v for k, v in block.items() if k != "cache_control"}).decode(), model
    )


def _of_source(block: dict[str, Any], call: Call) -> int:
    source = block["source"]
    match source["type"]:
        case "text":
            return estimate_tokens(source["data"], call.model.id)
        case "content" if isinstance(source["content"], str):
            return estimate_tokens(source["content"], call.model.id)
        case "content":
            return sum(of_block(inner, call) for inner in source["content"])
        case "base64" if block["type"] == "image":
            return sizes.tokens(sizes.size(media.raw(source)), call.model.image_tier)
        case "base64":
            return sizes.pages(media.raw(source)) * sizes.PDF_PAGE_TOKENS
    return sizes.UNKNOWN_IMAGE_TOKENS


def _tools(call: Call) -> Iterator[Part]:
    tools = call.body.get("tools") or ()
    if tools:
        known = (call.model.tool_prompt_tokens or {}).get("any" if call.forced else "auto")
        yield Part(["tool prompt", call.forced], known or TOOL_PROMPT_TOKENS)
    for tool in tools:
        text = wire.encode({k: v for k, v in tool.items() if k != "cache_control"}).decode()
        yield Part(tool, estimate_tokens(text, call.model.id), _ttl(tool))


def _system(call: Call) -> Iterator[Part]:
    system = call.body.get("system") or ()
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    for block in blocks:
        yield Part(block, of_block(block, call), _ttl(block))


def _messages(call: Call) -> Iterator[Part]:
    messages = call.body["messages"]
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        extra = MESSAGE_TOKENS
        for block in blocks:
            yield Part([message["role"], block], of_block(block, call) + extra, _ttl(block))
            extra = 0


def _ttl(block: dict[str, Any]) -> str | None:
    mark = block.get("cache_control")
    return mark.get("ttl", "5m") if mark else None


class Cache:
    """The prompt cache of a server: prefixes it has seen, and until when it keeps them."""

    def __init__(self) -> None:
        self._until: dict[bytes, tuple[float, float]] = {}  # prefix -> (last moment, seconds it lives)

    def split(self, call: Call, now: float) -> Split:
        """Say how the prompt is billed, and remember what its breakpoints write."""
        prompt = parts(call)
        automatic = call.body.get("cache_control")
        marks = [(i, part.ttl) for i, part in enumerate(prompt) if part.ttl]
        if automatic and prompt and not (marks and marks[-1][0] == len(prompt) - 1):
            marks.append((len(prompt) - 1, automatic.get("ttl", "5m")))
        total = sum(part.tokens for part in prompt)
        if not marks:
            return Split(total)
        prefixes, upto = _prefixes(prompt, call)
        self._forget(now)
        hit = self._hit(prefixes, marks, now)
        least = call.model.min_cache_tokens or 0
        for i, ttl in marks:
            if i > hit and upto[i] >= least:
                self._until[prefixes[i]] = (now + LIVES[ttl], LIVES[ttl])
        written = [(i, ttl) for i, ttl in marks if i > hit and upto[i] >= least]
        read = upto[hit] if hit >= 0 else 0
        hour = max((upto[i] for i, ttl in written if ttl == "1h"), default=read)
        last = max((upto[i] for i, _ in written), default=read)
        return Split(total - last, read, last - max(hour, read), hour - read)

    def _hit(self, prefixes: list[bytes], marks: list[tuple[int, str]], now: float) -> int:
        """Return the last block up to which an earlier write is still kept, or -1; its life starts again."""
        for i, _ in reversed(marks):
            for j in range(i, max(-1, i - LOOK_BACK - 1), -1):
                if kept := self._until.get(prefixes[j]):
                    self._until[prefixes[j]] = (now + kept[1], kept[1])
                    return j
        return -1

    def _forget(self, now: float) -> None:
        for prefix in [p for p, (until, _) in self._until.items() if until <= now]:
            del self._until[prefix]


def _prefixes(prompt: list[Part], call: Call) -> tuple[list[bytes], list[int]]:
    """Return for each block the hash of everything up to it, and the tokens up to it."""
    body = call.body
    digest = hashlib.sha256(wire.encode([call.model.id, body.get("speed") or "standard"]))
    settings = wire.encode([body.get(name) for name in ("tool_choice", "thinking", "output_config")])
    first = len(list(_tools(call))) + len(list(_system(call)))
    prefixes, upto, tokens = [], [], 0
    for i, part in enumerate(prompt):
        if i == first:
            digest.update(settings)
        digest.update(wire.encode(_unmarked(part.block)))
        tokens += part.tokens
        prefixes.append(digest.digest())
        upto.append(tokens)
    return prefixes, upto


def _unmarked(block: Any) -> Any:
    if isinstance(block, list):
        return [_unmarked(item) for item in block]
    return {k: v for k, v in block.items() if k != "cache_control"} if isinstance(block, dict) else block
