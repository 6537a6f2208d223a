"""What does usage add up to, in tokens and in money?

Prices are the catalogue's, by the day of use. https://docs.claude.com/en/docs/about-claude/pricing
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, TypeVar

from claude_magic.practice.moments import day_of
from claude_magic.practice.reports.reportquery import wanted
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import date

    from claude_magic.practice import Exchange, Practice, Used
    from claude_magic.practice.reports.reportquery import Period
    from claude_magic.practice.reports.usagelog import Dimension

    Parts = dict[tuple[str, str | None], Decimal]
    Key = tuple[Any, ...]
    Kind = type["Usage | Cost"]
    Sums = dict[Key, "Usage | Cost"]
    Row = tuple[dict[str, str | None], dict[str, Any]]

T = TypeVar("T", bound="Usage | Cost")
TOKEN_TYPES = (  # in the order of catalog.KINDS
    "uncached_input_tokens",
    "output_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
    "cache_read_input_tokens",
)


def tokens(usage: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the tokens of each of TOKEN_TYPES."""
    written = usage.get("cache_creation") or {}
    return (
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        written.get("ephemeral_5m_input_tokens") or 0,
        written.get("ephemeral_1h_input_tokens") or 0,
        usage.get("cache_read_input_tokens") or 0,
    )


def total_input(usage: Mapping[str, Any]) -> int:
    """Return how many tokens an answer had before it, in the cache or not."""
    counts = tokens(usage)
    return sum(counts) - counts[1]


def searches(usage: Mapping[str, Any]) -> int:
    """Return how many web searches an answer made."""
    return (usage.get("server_tool_use") or {}).get("web_search_requests") or 0


class Usage:
    """A sum of usage."""

    def __init__(self) -> None:
        self.requests = self.searches = 0
        self.tokens = [0] * len(TOKEN_TYPES)

    def __bool__(self) -> bool:
        return self.requests > 0

    def add(self, used: Used) -> None:
        """Add one answer's usage."""
        self.requests += 1
        self.searches += searches(used.usage)
        self.tokens = [a + b for a, b in zip(self.tokens, tokens(used.usage), strict=True)]

    def measure(self, name: str) -> int:
        """Return what rows are ordered by."""
        if name == "requests":
            return self.requests
        return self.tokens[TOKEN_TYPES.index(name)] if name in TOKEN_TYPES else sum(self.tokens)

    def fields(self) -> dict[str, Any]:
        """Return the sum as every report writes it."""
        fresh, output, written_5m, written_1h, read = self.tokens
        return {
            "uncached_input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written_5m,
                "ephemeral_1h_input_tokens": written_1h,
            },
            "output_tokens": output,
            "server_tool_use": {"web_search_requests": self.searches},
        }

    def rows(self, _splits: Collection[str]) -> list[Row]:
        """Return the one row of the sum, as the reports of the Analytics API write it."""
        total = self.measure("total_tokens")
        return [({}, {**self.fields(), "total_tokens": total, "requests": self.requests})]


class Cost:
    """A sum of costs in cents; `parts` has it by cost type and token type.

    Where a price is not known nothing is added, as the service's reports leave Priority Tier out.
    """

    def __init__(self, price: Callable[[Used], Parts] | None = None) -> None:
        self._price = price or priced
        self.requests = 0
        self.parts: Parts = {}

    def __bool__(self) -> bool:
        return self.requests > 0

    def add(self, used: Used) -> None:
        """Add one answer's cost."""
        found = self._price(used)
        self.requests += bool(found)
        for part, cents in found.items():
            self.parts[part] = self.parts.get(part, Decimal(0)) + cents

    def measure(self, _name: str) -> Decimal:
        """Return what rows are ordered by: nothing is discounted here, so the list amount is the amount."""
        with localcontext(catalog.EXACT):
            return sum(self.parts.values(), Decimal(0))

    def split(self, by: Collection[str]) -> dict[tuple[str | None, str | None], Decimal]:
        """Return the sum by cost type and token type, as far as it is to be split by these.

        By token type alone there are only the costs of tokens.
        """
        found: dict[tuple[str | None, str | None], Decimal] = {}
        with localcontext(catalog.EXACT):
            for (cost_type, token_type), cents in self.parts.items():
                if "token_type" in by and "cost_type" not in by and token_type is None:
                    continue
                key = (cost_type if by else None, token_type if "token_type" in by else None)
                found[key] = found.get(key, Decimal(0)) + cents
        return dict(sorted(found.items(), key=str))

    def rows(self, splits: Collection[str]) -> list[Row]:
        """Return the rows of the sum, as the reports of the Analytics API write them."""
        requests = None if splits else self.requests
        return [
            ({"cost_type": cost_type, "token_type": token_type}, {**money(cents), "requests": requests})
            for (cost_type, token_type), cents in self.split(splits).items()
        ]


def money(cents: Decimal) -> dict[str, str]:
    """Return an amount as the reports write it: fractional cents in a text."""
    text = f"{cents:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return {"amount": text, "list_amount": text, "currency": "USD"}


def priced(used: Used) -> Parts:
    """Return what one answer cost in cents, by cost type and token type; {} where that is not known."""
    day = day_of(used.at)
    plain = {**used.usage, "server_tool_use": None}
    total = catalog.cost(plain, used.model, at=day)
    whole = catalog.cost(used.usage, used.model, at=day) if searches(used.usage) else total
    if total is None or whole is None:
        return {}
    with localcontext(catalog.EXACT):
        found: Parts = {("tokens", kind): 100 * usd for kind, usd in _by_token_type(used, total, day).items()}
        if whole > total:
            found["web_search", None] = 100 * (whole - total)
    return found


class Priced:
    """What each of a server's answers cost, worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Used, Parts]] = {}

    def __call__(self, used: Used) -> Parts:
        """Return what `priced` does."""
        if id(used) not in self._known:  # the pair keeps the answer, so that no other one gets its id
            self._known[id(used)] = used, priced(used)
        return self._known[id(used)][1]


def _by_token_type(used: Used, total: Decimal, day: date) -> dict[str, Decimal]:
    """Return a cost by token type; tier, region and batch raise or lower all its parts alike."""
    fast = used.usage.get("speed") == "fast"
    rates = catalog.price(used.model, total_input_tokens=total_input(used.usage), fast=fast, at=day)
    counted = zip(TOKEN_TYPES, tokens(used.usage), rates or (), strict=False)
    shares = {kind: count * rate for kind, count, rate in counted if count and rate}
    if not shares:
        return {"uncached_input_tokens": total}
    factor = total / sum(shares.values())
    found = {kind: share * factor for kind, share in shares.items()}
    *_, last = found
    found[last] += total - sum(found.values())
    return found


def add_up(
    used: Iterable[Used], by: Iterable[Dimension], new: Callable[[], T], width: int | None = None
) -> dict[Key, T]:
    """Return one sum for each combination of values: its key is the bucket (0 without `width`), then they.

    `new` makes an empty sum, `width` is in seconds. One pass over `used`.
    """
    found: dict[Key, T] = {}
    asked = tuple(by)
    with localcontext(catalog.EXACT):
        for one in used:
            bucket = int(one.at // width) * width if width else 0
            key = (bucket, *[value(one) for value in asked])
            if key not in found:
                found[key] = new()
            found[key].add(one)
    return found


def summed(
    practice: Practice,
    exchange: Exchange,
    kind: type[T],
    within: Period,
    by: list[str],
    known: dict[str, Dimension],
) -> dict[Key, T]:
    """Return what the query wants of a server's usage, added up; raises Refusal."""
    used = wanted(practice.used, exchange, within, known)
    new: Callable[[], T] = functools.partial(kind, practice.of(Priced)) if issubclass(kind, Cost) else kind
    found = add_up(used, [known[name] for name in by], new, within.width)
    return {key: total for key, total in found.items() if total}


def ranked(found: dict[Key, T], name: str = "", *, down: bool = True) -> list[tuple[Key, T]]:
    """Return sums in the order of a measure, equal ones by their keys."""
    items = sorted(found.items(), key=lambda item: str(item[0]))
    return sorted(items, key=lambda item: item[1].measure(name), reverse=down)
