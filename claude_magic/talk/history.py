"""How much of a conversation is sent with the next question?

All of it, until it nears what the model can take or what the reader allows: then the oldest turns are left
out of what is sent, whole, never out of the thread. With `compact` the service sums up or clears what is old:
https://platform.claude.com/docs/en/build-with-claude/compaction and
https://platform.claude.com/docs/en/build-with-claude/context-editing
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings
from claude_magic.errors import ClaudeError
from claude_magic.protocol import catalog
from claude_magic.talk.thread import GO_ON, Thread, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from claude_magic.protocol.catalog import Model

    Counter = Callable[[Mapping[str, Any]], int | None]

MARGIN = 1.1  # an estimate may be that much short
NEAR = 0.6  # of what there is room for: from here on the service counts, where it can
STEP = 4  # turns are left out by quarters of the room, so that what is cached stays the same for a while


class Edit(NamedTuple):
    """A way in which the service shortens a conversation: its beta, and from how many tokens on it acts."""

    type: str
    beta: str
    trigger: int
    least: int  # tokens that a trigger may be set to


COMPACT = Edit("compact_20260112", "compact-2026-01-12", 150_000, 50_000)
CLEAR = Edit("clear_tool_uses_20250919", "context-management-2025-06-27", 100_000, 0)


def fit(
    thread: Thread,
    user: dict[str, Any] | None,
    body: dict[str, Any],
    estimate: Callable[[Mapping[str, Any]], int],
    *,
    history_tokens: int | None = None,
    compact: bool | None = None,
    count: Counter | None = None,
) -> dict[str, Any]:
    """Return a body, whose messages are the thread's and `user`, with as many turns as there is room for.

    `history_tokens` is the most for turns; `count` counts a body exactly, if it can. What is None is set.
    """
    most = settings.option("history_tokens", history_tokens).value
    summed_up = _summed_up(thread.turns)
    body = _announced(_without(body, thread.turns[:summed_up]))
    if settings.option("compact", compact).value:
        body = _shortened(body, estimate(body), most)
    turns = thread.turns[summed_up:]
    return _without(body, turns[: _first(turns, user, body, estimate, most, count)])


def left_out(thread: Thread, body: Mapping[str, Any]) -> int:
    """Return how many of a thread's turns a body lacks, but for those that the service has summed up."""
    messages = body["messages"]
    asks = bool(messages) and messages[-1].get("role") == "user"
    kept, turns = len(messages) - asks, 0
    for turn in reversed(thread.turns):
        kept -= len(turn.messages)
        turns += kept >= 0
    return max(len(thread.turns) - _summed_up(thread.turns) - turns, 0)


def notes(thread: Thread, body: Mapping[str, Any]) -> list[str]:
    """Return what a reader should know of the turns that are not sent."""
    if not (gone := left_out(thread, body)):
        return []
    turns = "the oldest turn is" if gone == 1 else f"the {gone} oldest turns are"
    return [f"There is no room for all of the conversation: {turns} not sent."]


def told(message: Mapping[str, Any]) -> str:
    """Return a line where an answer sums up or clears what was said before, else an empty text."""
    if any(_sums_up(block) for block in message.get("content") or ()):
        return "The service has summed up the conversation so far; from now on the summary is sent for it."
    edits = (message.get("context_management") or {}).get("applied_edits") or []
    cleared = sum(edit.get("cleared_tool_uses") or 0 for edit in edits if isinstance(edit, dict))
    return f"The service has left out the oldest {cleared} results of tools." if cleared else ""


def _without(body: dict[str, Any], turns: Sequence[Turn]) -> dict[str, Any]:
    gone = sum(len(turn.messages) for turn in turns)
    return {**body, "messages": body["messages"][gone:]} if gone else body


def _first(
    turns: Sequence[Turn],
    user: dict[str, Any] | None,
    body: Mapping[str, Any],
    estimate: Callable[[Mapping[str, Any]], int],
    most: int | None,
    count: Counter | None,
) -> int:
    """Return which turn is the first that is sent."""
    model = catalog.find(str(body["model"]))
    window = model.context_window if model else None
    if not turns or (window is None and most is None):
        return 0
    sizes = [estimate({"model": body["model"], "messages": list(turn.messages)}) for turn in turns]
    whole = max(estimate(body), sum(sizes))
    rest = whole - sum(sizes) + body["max_tokens"]  # the question, the system prompt, tools and the answer
    room = min(size for size in (most, window and window - rest) if size is not None)
    if sum(sizes) < NEAR * room:
        return 0
    scale = _exact(body, whole, count) or MARGIN
    over = sum(sizes) * scale - room
    step = max(room / STEP, 1)
    goal = math.ceil(over / step) * step if over > 0 else 0
    first, gone = 0, 0.0
    while gone < goal and first < len(turns) - _needed(user):
        gone += sizes[first] * scale
        first += 1
    return first


def _exact(body: Mapping[str, Any], guess: int, count: Counter | None) -> float | None:
    """Return by how much an estimate is to be multiplied, or None where nobody counts."""
    if count is None:
        return None
    try:
        tokens = count(body)
    except ClaudeError:
        return None
    return tokens / guess if tokens else None


def _needed(user: dict[str, Any] | None) -> bool:
    """Return whether a question cannot stand without the turn before: it goes on, or has tools' results."""
    content = user["content"] if user else [{"type": "text", "text": GO_ON}]
    return any(b.get("type") == "tool_result" or b.get("text") == GO_ON for b in content)


def _summed_up(turns: Sequence[Turn]) -> int:
    """Return how many turns the service's newest summary stands for."""
    for n in range(len(turns) - 1, 0, -1):
        if any(_sums_up(block) for message in turns[n].messages for block in message["content"]):
            return n
    return 0


def _sums_up(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "compaction" and bool(block.get("content"))


def _shortened(body: dict[str, Any], tokens: int, most: int | None) -> dict[str, Any]:
    """Return a body that lets the service shorten what is old, where it is long.

    A short one stays as it is: its cost then has a bound, which a budget needs.
    """
    if "context_management" in body or "compaction" in body:
        return body  # the reader's own
    edit = _edit(catalog.find(str(body["model"])))
    trigger = max(most, edit.least) if most else edit.trigger
    needless = edit is CLEAR and not _has(body, "tool_use")
    if needless or tokens * MARGIN < NEAR * trigger:
        return body
    own = {"trigger": {"type": "input_tokens", "value": trigger}} if most else {}
    return _with_beta({**body, "context_management": {"edits": [{"type": edit.type, **own}]}}, edit.beta)


def _announced(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with the beta that a summary in it needs."""
    return _with_beta(body, COMPACT.beta) if _has(body, "compaction") else body


def _with_beta(body: dict[str, Any], beta: str) -> dict[str, Any]:
    return {**body, "betas": list(dict.fromkeys((*body.get("betas", ()), beta)))}


def _has(body: Mapping[str, Any], kind: str) -> bool:
    return any(block.get("type") == kind for message in body["messages"] for block in message["content"])


def _edit(model: Model | None) -> Edit:
    """Return how a model's conversations are shortened: the service sums up for Claude 4.6 and newer."""
    older = model is not None and model.allows_thinking("adaptive") is False
    return CLEAR if older else COMPACT
