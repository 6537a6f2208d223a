"""May this call go now; if not, why, and what can be typed next?

Pure rules: amounts come in, a decision goes out. The ledger applies them in one transaction, so that threads
and kernels that race for one budget cannot both have its last cent.
"""

from __future__ import annotations

import threading
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import BudgetError
from claude_magic.prompts import sizes
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

BUCKETS = {"live": "live", "batch": "live", "practice": "practice"}
"""Which budget a row's source counts for; other sources (a replay) cost nothing and count for none."""
TOOL_PROMPT_TOKENS = 1000
"""Allowed for the hidden tool prompt of a model whose own figure is not known (the largest known is 804)."""
HIDDEN_TOKENS = 1000
"""Allowed for what the service adds for each tool that it defines itself (the text editor's takes 700), and
for a form of the answer: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing."""
UNBOUNDED = ("fallbacks", "compaction", "context_management", "mcp_servers")
"""Parameters that let one request bill for more than its own input and `max_tokens`."""


class Budgets(NamedTuple):
    """The most that may be spent, in USD: by this session, today (UTC), by one call. None: no such budget."""

    session: Decimal | None = None
    day: Decimal | None = None
    call: Decimal | None = None


class Counted(NamedTuple):
    """An amount in USD as seen by each budget that adds up."""

    session: Decimal = Decimal(0)
    day: Decimal = Decimal(0)


class Reservation(NamedTuple):
    """The worst case of a call that is under way, counted as spent until it is settled."""

    id: str
    amount: Decimal | None
    session: str
    day: str
    bucket: str


class Allowance:
    """What one question or map may cost in USD, however many sends and threads it takes; None: no limit."""

    closely = False  # whether the service counts before a send is held, not only where that decides

    def __init__(self, limit: Decimal | None, covers: str = "one question") -> None:
        self.limit, self.covers, self._spent = limit, covers, Decimal(0)
        self._held: dict[int, Decimal] = {}
        self._lock = threading.Lock()

    def hold(self, name: int, amount: Decimal | None) -> None:
        """Set the worst case of a send aside; raises BudgetError where it could cost more than is left."""
        with self._lock, localcontext(catalog.EXACT):
            used = self._spent + sum(self._held.values())
            if self.limit is not None and (amount is None or used + amount > self.limit):
                raise _more_than_left(self.limit, used, amount, self.covers)
            self._held[name] = amount or Decimal(0)

    def ready(self) -> None:
        """Wait until a send whose worst case is held everywhere may go: at once, where it goes alone."""

    def settle(self, name: int, cost: Decimal | None) -> None:
        """Say what a send has cost; None, which is not known, counts as its worst case."""
        with self._lock, localcontext(catalog.EXACT):
            held = self._held.pop(name, Decimal(0))
            self._spent += held if cost is None else cost


def worst_case(
    model: str,
    input_tokens: int,
    max_tokens: int,
    *,
    fast: bool = False,
    cache: str | None = None,
    geo: str | None = None,
    at: date | None = None,
) -> Decimal | None:
    """Return the most a call can cost in USD, or None when a price is not known.

    `input_tokens` is all input, at most; `cache` is the longest time ("5m", "1h") it may be written for.
    Without `geo` the workspace's default is not known, and US inference is allowed for.
    """
    prices = catalog.price(model, total_input_tokens=input_tokens, fast=fast, at=at)
    if prices is None:
        return None
    rates = [prices.input, getattr(prices, f"cache_write_{cache}") if cache else prices.input]
    if prices.output is None or None in rates:
        return None
    found = catalog.find(model)
    us = found.inference_geo_us_multiplier if found else None
    with localcontext(catalog.EXACT):
        whole = input_tokens * max(r for r in rates if r is not None) + max_tokens * prices.output
        return whole / catalog.MILLION * (us if us and geo != "global" else Decimal(1))


def worst_case_of(body: Mapping[str, Any]) -> Decimal | None:
    """Return the most a Messages request with this body can cost in USD, or None when it has no bound."""
    model, most = str(body.get("model")), body.get("max_tokens")
    tokens = most_input_tokens(body)
    if tokens is None or type(most) is not int or any(body.get(name) for name in UNBOUNDED):
        return None
    return worst_case(
        model,
        tokens,
        most,
        fast=body.get("speed") == "fast",
        cache=cached_for(body),
        geo=body.get("inference_geo"),
    )


def cached_for(body: Mapping[str, Any]) -> str | None:
    """Return the longest time a request asks to keep its input for, "5m" or "1h"; None where it does not."""
    times = [mark.get("ttl") for mark in cache_marks(body)]
    return "1h" if "1h" in times else "5m" if times else None


def most_input_tokens(body: Mapping[str, Any]) -> int | None:
    """Return the most input tokens a request can be billed for, or None with tools that the server runs.

    A token is at least one byte of the request's JSON; an image has a largest size; a PDF or a file that only
    the server sees can fill the context window. It is a bound, several times `catalog.estimate_tokens`.
    """
    model = catalog.find(str(body.get("model")))
    window = (model and model.context_window) or 1_000_000
    tools = body.get("tools")
    served = [tool for tool in _items(tools) if tool.get("type") not in (None, "custom")]
    if any(tool.get("name") not in _CLIENT_TOOLS for tool in served):
        return None
    total = len(wire.encode({k: body.get(k) for k in ("system", "messages", "tools", "output_config")}))
    if tools:
        known = (model and model.tool_prompt_tokens) or {}
        total += max((n for n in known.values() if n), default=TOOL_PROMPT_TOKENS)
    form = isinstance(config := body.get("output_config"), dict) and bool(config.get("format"))
    total += HIDDEN_TOKENS * (len(served) + form)
    _, image = sizes.TIERS.get((model and model.image_tier) or "high", sizes.TIERS["high"])
    for part in _parts(body.get("messages")):
        source: Any = part.get("source")
        if isinstance(source, dict) and source.get("type") in ("base64", "url", "file"):
            total += (image if part.get("type") == "image" else window) - len(str(source.get("data") or ""))
    return min(total, window)


def check(budgets: Budgets, spent: Counted, reserved: Counted, amount: Decimal | None) -> BudgetError | None:
    """Return why a call that can cost `amount` may not go, or None when it may."""
    if not any(limit is not None for limit in budgets):
        return None
    if amount is None or (budgets.call is not None and amount > budgets.call):
        return too_much(budgets.call or Decimal(0), amount)
    with localcontext(catalog.EXACT):
        for scope in ("session", "day"):
            limit, used, held = (getattr(figures, scope) for figures in (budgets, spent, reserved))
            if limit is not None and used + held + amount > limit:
                return _exceeded(scope, limit, used, held, amount)
    return None


def usd(amount: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return an amount for reading, in cents or with as many digits as it takes not to read 0.

    What is left of a budget is rounded with ROUND_DOWN, so that it never reads as more than there is.
    """
    digits = max(4, 1 - amount.adjusted()) if amount < 1 else 4
    with localcontext(catalog.EXACT):
        rounded = amount.quantize(Decimal(1).scaleb(-digits), rounding)
    whole, _, part = f"{rounded:f}".partition(".")
    return f"${whole}.{part.rstrip('0'):0<2}"


_CLIENT_TOOLS = frozenset({"bash", "str_replace_based_edit_tool", "str_replace_editor", "memory"})
_WORDS = {"session": "this session's", "day": "today's"}


def _exceeded(scope: str, limit: Decimal, used: Decimal, held: Decimal, amount: Decimal) -> BudgetError:
    under_way = f" and {usd(held)} is held for calls under way" if held else ""
    return BudgetError(
        f"This call could cost {usd(amount)}, and {_WORDS[scope]} budget of {usd(limit)} has "
        f"{usd(max(limit - used - held, Decimal(0)), ROUND_DOWN)} left ({usd(used)} is spent{under_way})",
        hint=f"Ask for fewer --max-tokens, raise it: %claude budget {scope} {_step(used + held + amount)}, "
        f"or lift it: %claude budget {scope} off.",
    )


def _more_than_left(limit: Decimal, used: Decimal, amount: Decimal | None, covers: str) -> BudgetError:
    if not used or amount is None:
        return too_much(limit, amount)
    left = usd(max(limit - used, Decimal(0)), ROUND_DOWN)
    return BudgetError(
        f"This call could cost {usd(amount)}, and {left} is left of the {usd(limit)} allowed for all calls "
        f"of {covers}",
        hint=f"Ask for fewer --max-tokens, or allow more: --max-cost {_step(used + amount)}.",
    )


def too_much(
    limit: Decimal, amount: Decimal | None, what: str = "This call", covers: str = "one call"
) -> BudgetError:
    """Return why what could cost `amount`, None where that is not known, does not go under a limit."""
    if amount is None:
        return BudgetError(
            "A budget is set, and what this call could cost is not known",
            hint="Give the model's price in prices.json, or lift the budget: %claude budget off.",
        )
    return BudgetError(
        f"{what} could cost {usd(amount)}, more than the {usd(limit)} allowed for {covers}",
        hint=f"Ask for fewer --max-tokens, or allow more: --max-cost {_step(amount)}.",
    )


def _step(amount: Decimal) -> str:
    """Return a round figure that is enough: the next 1, 2 or 5 of its decade."""
    unit = Decimal(1).scaleb(amount.adjusted())
    enough = next(n * unit for n in (1, 2, 5, 10) if n * unit >= amount)
    return f"{enough:f}"


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = [inner for name, inner in value.items() if name != "input"]  # a call's arguments are text
    for inner in value if isinstance(value, list) else ():
        yield from _parts(inner)


def cache_marks(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every `cache_control` of a request."""
    marked = [part for name in ("system", "messages", "tools") for part in _parts(body.get(name))]
    for part in (*marked, body):
        if isinstance(part.get("cache_control"), dict):
            yield part["cache_control"]
