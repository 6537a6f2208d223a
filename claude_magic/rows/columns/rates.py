"""What do many answers cost, when most of them are priced alike?

The catalogue prices an answer exactly, and takes its time. Here the price of a token is asked for once for
each model and tier; an answer is then a sum of whole numbers, and as exact.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import NamedTuple

from claude_magic.protocol import catalog


class Tier(NamedTuple):
    """What a token costs where all input is `low` to `high` tokens: whole units of 10**-`digits` USD.

    `lacking` are the places among `catalog.KINDS` whose price is not known; their unit is 0.
    """

    low: int
    high: int
    price: catalog.Price | None
    units: tuple[int, ...]
    digits: int
    lacking: tuple[int, ...]


class Rates:
    """Prices answers that are charged by the token alone: no fast mode, region, search or compaction."""

    def __init__(self) -> None:
        self._tiers: dict[tuple[str, bool], list[Tier]] = {}

    def cost(
        self, model: str, counts: tuple[int, int, int, int, int], *, batch: bool, size: int | None = None
    ) -> Decimal | None:
        """Return USD for counts in the order of `catalog.KINDS`, None where a price is not known.

        `size` is the input of each request, where the counts are those of many.
        """
        plain, made, short, long, read = counts
        whole = plain + short + long + read if size is None else size
        _, _, price, (a, b, c, d, e), digits, lacking = self._tier(model, batch, whole)
        if price is None or any(counts[n] for n in lacking):
            return None
        total = plain * a + made * b + short * c + long * d + read * e
        return catalog.EXACT.scaleb(Decimal(total), -digits)

    def _tier(self, model: str, batch: bool, size: int) -> Tier:
        tiers = self._tiers.setdefault((model, batch), [])
        for tier in tiers:
            if tier.low <= size <= tier.high:
                return tier
        price = catalog.price(model, total_input_tokens=size)
        for n, tier in enumerate(tiers):
            if tier.price == price:  # between two sizes of one price there is no other
                tiers[n] = tier._replace(low=min(tier.low, size), high=max(tier.high, size))
                return tier
        tiers.append(_made(size, price, batch))
        return tiers[-1]


def _made(size: int, price: catalog.Price | None, batch: bool) -> Tier:
    known = price or catalog.Price()
    with localcontext(catalog.EXACT):
        half = catalog._tables().facts["batch_discount"] if batch else 1  # noqa: SLF001 - it has no other door
        each = [(rate or Decimal(0)) * half / catalog.MILLION for rate in known]
        digits = max(-int(rate.as_tuple().exponent) for rate in each)
        units = tuple(int(rate.scaleb(digits)) for rate in each)
    return Tier(size, size, price, units, digits, tuple(n for n, rate in enumerate(known) if rate is None))
