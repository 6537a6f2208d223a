"""How many tokens does a request take, and which of them come from the prompt cache?

Text is estimated by `catalog.estimate_tokens`, images by their size, PDFs by their pages; a message adds 4
tokens, a request with tools the model's hidden tool prompt. Usage and count_tokens use the same count.
Cache rules: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""

from __future__ import annotations

import hashlib
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.practice.messages import media
from claude_magic.practice.refusal import refuse
from claude_magic.prompts import sizes
from claude_magic.protocol.catalog import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.messages.rules import Call

MESSAGE_TOKENS = 4
TOOL_PROMPT_TOKENS = 400  # where the catalogue knows no figure
MOST_BREAKPOINTS = 4
LOOK_BACK = 20  # blocks
SWEEP = 60.0  # seconds between two looks for what is no longer kept
LIVES = {"5m": 300.0, "1h": 3600.0}  # seconds


class Part(NamedTuple):
    """A block of the prompt: its place, what it is, its tokens, the time to live of a breakpoint on it."""

    where: str
    block: Any
    tokens: int
    ttl: str | None = None


class Split(NamedTuple):
    """A prompt's tokens: not cached, read from the cache, written for 5 minutes and for an hour."""

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


def count(call: Call) -> int:
    """Return the input tokens of a request."""
    return sum(part.tokens for part in parts(call))


def parts(call: Call) -> Iterator[Part]:
    """Yield the prompt in the order of the cache: tools, system, messages."""
    tools = call.body.get("tools") or ()
    if tools:
        known = (call.model.tool_prompt_tokens or {}).get("any" if call.forced else "auto")
        yield Part("tools", ["tool prompt", call.forced], known or TOOL_PROMPT_TOKENS)
    for i, tool in enumerate(tools):
        yield Part(f"tools.{i}", _unmarked(tool), _of_json(tool, call), _ttl(tool))
    for i, block in enumerate(call.body["system"]):
        yield Part(f"system.{i}", _unmarked(block), of_block(block, call), _ttl(block))
    for i, message in enumerate(call.body["messages"]):
        for j, block in enumerate(message["content"]):
            tokens = of_block(block, call) + (0 if j else MESSAGE_TOKENS)
            yield Part(f"messages.{i}.content.{j}", [message["role"], _unmarked(block)], tokens, _ttl(block))


def of_block(block: dict[str, Any], call: Call) -> int:
    """Return the tokens of a content block."""
    match block["type"]:
        case "text" | "thinking" as kind:
            return estimate_tokens(block[kind], call.model.id)
        case "image" | "document":
            about = f"{block.get('title') or ''}{block.get('context') or ''}"
            return _of_source(block, call) + estimate_tokens(about, call.model.id)
        case "tool_result":
            return sum(of_block(inner, call) for inner in block["content"]) + MESSAGE_TOKENS
        case "redacted_thinking":
            return 0
    return _of_json(block, call)


def _of_json(value: dict[str, Any], call: Call) -> int:
    return estimate_tokens(wire.encode(_unmarked(value)).decode(), call.model.id)


def _of_source(block: dict[str, Any], call: Call) -> int:
    source = block["source"]
    match source["type"]:
        case "text":
            return estimate_tokens(source["data"], call.model.id)
        case "content":
            return sum(of_block(inner, call) for inner in source["content"])
        case "base64" if block["type"] == "image":
            return sizes.tokens(sizes.size(media.raw(source)), call.model.image_tier)
        case "base64":
            return sizes.pages(media.raw(source)) * sizes.PDF_PAGE_TOKENS
    return sizes.UNKNOWN_IMAGE_TOKENS


def _ttl(block: dict[str, Any]) -> str | None:
    mark = block.get("cache_control")
    return mark.get("ttl", "5m") if mark else None


def _unmarked(block: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in block.items() if k != "cache_control"}


def _marks(prompt: list[Part], call: Call) -> list[tuple[int, str]]:
    """Return the breakpoints, the automatic one included: the part each is on, and its time to live."""
    found = [(i, part.ttl) for i, part in enumerate(prompt) if part.ttl]
    automatic = _ttl(call.body)
    if automatic and prompt and not prompt[-1].ttl:
        found.append((len(prompt) - 1, automatic))
    return found


def breakpoints(call: Call) -> None:
    """Refuse too many cache breakpoints, or a longer time to live after a shorter one."""
    prompt = [*parts(call)]
    marks = _marks(prompt, call)
    if len(marks) > MOST_BREAKPOINTS:
        most = f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided"
        refuse("", f"{most}. Found {len(marks)}.")
    for (_, before), (i, ttl) in pairwise(marks):
        if before == "5m" and ttl == "1h":
            where = f"{prompt[i].where}.cache_control.ttl"
            refuse(where, "a ttl='1h' block must not come after a ttl='5m' block")


class Cache:
    """The prompt cache of a server: prefixes it has seen, and until when it keeps them."""

    def __init__(self) -> None:
        self._swept = float("-inf")
        self._until: dict[bytes, tuple[float, float]] = {}  # prefix -> (last moment, seconds it lives)

    def split(self, call: Call, now: float) -> Split:
        """Say how the prompt is billed, and remember what its breakpoints write."""
        prompt = [*parts(call)]
        marks, upto = _marks(prompt, call), [*accumulate(part.tokens for part in prompt)]
        if not marks:
            return Split(sum(part.tokens for part in prompt))
        prefixes = _prefixes(prompt, call)
        self._forget(now)
        hit = self._hit(prefixes, marks, now)
        written = [(i, ttl) for i, ttl in marks if i > hit and upto[i] >= (call.model.min_cache_tokens or 0)]
        for i, ttl in written:
            self._until[prefixes[i]] = (now + LIVES[ttl], LIVES[ttl])
        read = upto[hit] if hit >= 0 else 0
        hour = max((upto[i] for i, ttl in written if ttl == "1h"), default=read)
        last = max((upto[i] for i, _ in written), default=read)
        return Split(upto[-1] - last, read, last - hour, hour - read)

    def _hit(self, prefixes: list[bytes], marks: list[tuple[int, str]], now: float) -> int:
        """Return the last block up to which an earlier write is still kept, or -1; its life starts again."""
        for i, _ in reversed(marks):
            for j in range(i, max(-1, i - LOOK_BACK - 1), -1):
                if (kept := self._until.get(prefixes[j])) and kept[0] > now:
                    self._until[prefixes[j]] = (now + kept[1], kept[1])
                    return j
        return -1

    def _forget(self, now: float) -> None:
        if now < self._swept + SWEEP:
            return
        self._swept = now
        for prefix in [p for p, (until, _) in self._until.items() if until <= now]:
            del self._until[prefix]


def _prefixes(prompt: list[Part], call: Call) -> list[bytes]:
    """Return for each part the hash of everything up to it; settings count from the first message on."""
    body = call.body
    settings = [body.get(name) for name in ("tool_choice", "thinking", "output_config")]
    digest = hashlib.sha256(wire.encode([call.model.id, body.get("speed") or "standard"]))
    found = []
    for part in prompt:
        if part.where == "messages.0.content.0":
            digest.update(wire.encode(settings))
        digest.update(wire.encode(part.block))
        found.append(digest.digest())
    return found
