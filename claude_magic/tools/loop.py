"""How does Claude go on until it asks for no more tools?

`steps` sends, answers calls, and sends again. How a message is sent is the caller's; the list of messages is
valid at every moment: whatever stops the loop, every `tool_use` in it has its `tool_result`.
https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.talk.thread import settled
from claude_magic.tools.toolbox import INTERRUPTED, NOT_RUN, answered, uses
from claude_magic.wire import plain, returned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from claude_magic.tools.toolbox import Ran, Toolbox
    from claude_magic.wire import Message

MOST_STEPS = 10
MOST_SECONDS = 600.0
CUT = frozenset(("max_tokens", "model_context_window_exceeded"))
MAX_STEPS, MAX_SECONDS = "max_steps", "max_seconds"


class Step(NamedTuple):
    """An answer, and the calls that were run for it; `ended` is "" while the loop goes on.

    `ended` is the stop reason of the last answer, "max_steps" or "max_seconds".
    """

    number: int
    message: Message
    ran: tuple[Ran, ...] = ()
    ended: str = ""


def steps(
    ask: Callable[[list[dict[str, Any]]], Message],
    messages: list[dict[str, Any]],
    toolbox: Toolbox | None,
    *,
    max_steps: int = MOST_STEPS,
    max_seconds: float | None = MOST_SECONDS,
) -> Iterator[Step]:
    """Yield a Step for each answer until one asks for no tool; `ask(messages)` gets and returns an answer.

    `messages` grows by every answer and by the results for it. A refused answer is not added. At `max_steps`
    answers, or after `max_seconds`, open calls are answered as not run. An interrupt, and what `ask` raises,
    pass through. Without a toolbox calls are left open, and only pauses are gone on from.
    """
    if max_steps < 1:
        raise InputError("There must be one step at least", hint="Give --max-steps 10, for example.")
    end = None if max_seconds is None else time.monotonic() + max_seconds
    for number in range(1, max_steps + 1):
        message = ask(messages)
        reason = str(message.get("stop_reason") or "end_turn")
        if reason == "refusal":
            yield Step(number, message, ended=reason)
            return
        content = _kept(message, reason)
        if content:
            messages.append({"role": "assistant", "content": returned(content)})
        calls = uses(content) if toolbox else []
        ended = _ended(
            reason, calls, last=number == max_steps, late=end is not None and time.monotonic() > end
        )
        ran: list[Ran] = []
        if calls and toolbox:
            before = len(toolbox.calls)
            _answer(toolbox, calls, messages, _why_not(ended, max_steps))
            ran = toolbox.calls[before:]
        yield Step(number, message, tuple(ran), ended)
        if ended:
            return


def _ended(reason: str, calls: Sequence[Any], *, last: bool, late: bool) -> str:
    """Return what ends the loop, or ""."""
    if reason in CUT or not (calls or reason == "pause_turn"):
        return reason
    return MAX_SECONDS if late else MAX_STEPS if last else ""


def _why_not(ended: str, max_steps: int) -> str:
    """Return what open calls are told where the loop ends, or "" where they are run."""
    if ended == MAX_STEPS:
        return f"Not run: the limit of {max_steps} step{'' if max_steps == 1 else 's'} is reached."
    if ended == MAX_SECONDS:
        return "Not run: the time allowed is over."
    return "Not run: the answer was cut short." if ended else ""


def _answer(
    toolbox: Toolbox, calls: Sequence[Mapping[str, Any]], messages: list[dict[str, Any]], why_not: str
) -> None:
    """Add the user message with a result for every call, also where an interrupt comes in between."""
    results: list[dict[str, Any]] = []
    messages.append({"role": "user", "content": results})
    if why_not:
        results += [answered(block, why_not, is_error=True) for block in calls]
        return
    try:
        for result in toolbox.answer_each(calls):
            results.append(result)  # what ran before an interrupt is kept
    finally:
        for n, block in enumerate(calls[len(results) :]):
            results.append(answered(block, NOT_RUN if n else INTERRUPTED, is_error=True))


def _kept(message: Message, reason: str) -> list[dict[str, Any]]:
    """Return the blocks of an answer that a history may hold, unchanged; a call that was cut is none."""
    blocks: list[dict[str, Any]] = plain(message.get("content") or [])
    if reason == "pause_turn":
        return blocks  # the service goes on from all of it
    if reason in CUT and blocks and blocks[-1].get("type") in ("tool_use", "server_tool_use"):
        blocks.pop()
    return settled(blocks)
