"""What did an answer take, in one line?"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def readout(
    *,
    seconds: float,
    usage: Mapping[str, Any] | None,
    cost: Decimal | None,
    model: str,
    turn: int | None = None,
    source: str = "live",
    saved: Decimal | None = None,
    rate: float = 0.0,
) -> str:
    """Return the line under an answer: time, tokens, cost in USD, model, turn, and any source but live.

    How long a recorded answer took to be played is not said: it is the same in every run but for that.
    `saved` is what the prompt cache has saved, in USD; `rate` tokens a second, 0 not to say them.
    """
    used = {name: count for name, count in (usage or {}).items() if isinstance(count, int)}
    cached = used.get("cache_read_input_tokens") or 0
    sent = (used.get("input_tokens") or 0) + cached + (used.get("cache_creation_input_tokens") or 0)
    facts = [
        "" if "replay" in source else duration(seconds),
        f"{sent:,} in{_cached(cached, used.get('cache_creation_input_tokens') or 0, saved)}",
        f"{used.get('output_tokens') or 0:,} out{f' ({rate:,.0f} tokens/s)' if rate else ''}",
        replayed(cost) if "replay" in source else dollars(cost),
        model,
        f"turn {turn}" if turn else "",
        "" if source == "live" else source,
    ]
    return " · ".join(f for f in facts if f)


def _cached(read: int, written: int, saved: Decimal | None) -> str:
    """Return what of the input came from the prompt cache and what that saved, or what was put there."""
    if not read:
        return f" ({written:,} to the cache)" if written else ""
    return f" ({read:,} cached{f', {dollars(saved)} saved' if saved and saved > 0 else ''})"


def duration(seconds: float) -> str:
    """Return a time in seconds for reading."""
    if seconds >= 60:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{max(seconds, 0.01):.2f} s"


def replayed(cost: Decimal | None) -> str:
    """Return what a recorded answer cost when it was recorded: playing it costs nothing."""
    return f"replayed, {dollars(cost)} when recorded"


def dollars(cost: Decimal | None) -> str:
    """Return USD with cents, below 10 cents with two significant digits; what is not known is not 0."""
    if cost is None:
        return "price unknown"
    places = 2 if not cost or cost >= Decimal("0.1") else 1 - cost.adjusted()
    amount = f"{cost.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    whole, _, part = amount.partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"
