"""How is the worst case of a call held before it is sent, and what it cost settled after?

Two places hold it: the ledger, for the budgets of a session and a day, and the allowance of the question, for
what all its sends may cost together, in whatever thread they are.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic import limits, settings
from claude_magic.errors import APIError, BudgetError
from claude_magic.talk import compose, replaying, uploads
from claude_magic.talk.current import session_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.api.client import Client
    from claude_magic.ledger import Entry, Ledger
    from claude_magic.talk.call import Call

COUNT_MARGIN = 1.1  # the service calls its count of tokens an estimate
CODE_HAS_NO_MOST = (
    "Code and tools at the service may call the model again and again: ask without --skill or --tool in a "
    "new conversation, or lift the budget: %claude budget off."
)
SUMMARY_HAS_NO_MOST = (
    "What a summary costs has no known most: ask without --compact (%claude config compact off), or lift the "
    "budget: %claude budget off."
)


def allowance(max_cost: Any = None) -> limits.Allowance:
    """Return what a question may cost: USD as given, what the setting says where None, or an Allowance."""
    if isinstance(max_cost, limits.Allowance):
        return max_cost
    return limits.Allowance(settings.option("max_cost", max_cost).value)


def reserve(books: Ledger, call: Call, allowed: limits.Allowance) -> None:
    """Hold the worst case (M7); where a rough bound does not fit, have the service count before refusing.

    What is recorded costs nothing: nothing is held for it, and from here on the call can only be played.
    """
    if playing := replaying.certain(call.client, call.body):
        call.client, call.source = playing, "replay"
        allowed.ready()
        return
    worst = limits.worst_case_of(call.body)
    if allowed.closely and worst is not None and any((*budgets(), allowed.limit)):
        worst = min(worst, counted(call.body, call.client) or worst)
    try:
        _hold(books, call, allowed, worst)
    except BudgetError as error:
        closer = None if worst is None or allowed.closely else counted(call.body, call.client)
        at_the_service = limits.most_input_tokens(call.body) is None or call.body.get("mcp_servers")
        if worst is None and at_the_service:
            error.hint = CODE_HAS_NO_MOST
        elif worst is None and call.body.get("context_management"):
            error.hint = SUMMARY_HAS_NO_MOST
        if closer is None or worst is None or closer >= worst:
            raise
        _hold(books, call, allowed, closer)
    allowed.ready()


def settle(books: Ledger, call: Call, allowed: limits.Allowance, entry: Entry | None) -> None:
    """Record what became of a call, None where it was not sent, and end what was held for it."""
    reservation = call.reservation
    if reservation is None:
        if entry is not None:  # it was played; else it was refused
            books.record(entry)
        return
    allowed.settle(id(call), Decimal(0) if entry is None else entry.cost_usd)
    if entry is not None and limits.BUCKETS.get(entry.source, entry.source) == reservation.bucket:
        books.settle(reservation, entry)
        return
    books.release(reservation)  # nothing was sent, or what seemed live turned out to be practice
    if entry is not None:
        books.record(entry)


def counted(body: Mapping[str, Any], client: Client) -> Decimal | None:
    """Return a closer worst case in USD by the service's count of the input; None where it does not count."""
    body = {**body, "messages": uploads.unsent(body["messages"])}
    try:
        tokens = client.messages.count_tokens(**compose.countable(body))["input_tokens"]
    except APIError:
        return None
    return limits.worst_case(
        body["model"],
        int(tokens * COUNT_MARGIN) + 1,
        body["max_tokens"],
        fast=body.get("speed") == "fast",
        cache=limits.cached_for(body),
        geo=body.get("inference_geo"),
    )


def budgets() -> limits.Budgets:
    """Return the budgets of the session and the day in force."""
    return limits.Budgets(settings.option("session_budget").value, settings.option("day_budget").value)


@contextlib.contextmanager
def to_the_end() -> Iterator[list[Any]]:
    """Hold interrupts back while books are kept, so that no paid answer is lost; yield those that came."""
    late: list[Any] = []
    if threading.current_thread() is not threading.main_thread():
        yield late
        return
    before = signal.signal(signal.SIGINT, lambda *told: late.append(told))
    try:
        yield late
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


def _hold(books: Ledger, call: Call, allowed: limits.Allowance, most: Decimal | None) -> None:
    allowed.hold(id(call), most)
    with to_the_end() as late:
        try:
            call.reservation = books.reserve(most, budgets(), session=session_id(), source=call.source)
        except BudgetError:
            allowed.settle(id(call), Decimal(0))
            raise
    if late:
        raise KeyboardInterrupt
