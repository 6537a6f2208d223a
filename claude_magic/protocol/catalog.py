"""Which models exist, what can they do, and what do they cost?

The facts and the dated price table are package data (`data/models.json`, each row with its source), read at
first use. No clock and no network: a date comes in as an argument, and prices of the user's own through
`override`. Money is an exact `Decimal` in USD, or None where a price that is needed is not known.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.grammar.flags import DEFAULT_MODEL as DEFAULT_MODEL
from claude_magic.grammar.flags import EFFORTS as EFFORTS
from claude_magic.grammar.flags import LINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
"""The token classes that have a price of their own."""
SHORT = LINES
"""Words that stand for the newest active model of a line."""
STRUCTURED_SINCE = "2025-09-29"
"""https://platform.claude.com/docs/en/build-with-claude/structured-outputs"""
MILLION = Decimal(1_000_000)
EXACT = Context(prec=60)
"""Money is computed in this context, whatever a notebook has done to its own."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model; None where no source was found. Dates are ISO texts, sizes are tokens.

    `thinking` says per value of `thinking.type` what happens: True accepted, False refused with 400,
    "deprecated" accepted, "effort<=high" accepted up to that effort; "omitted" is "adaptive" or "off".
    `fast` is None where fast mode is refused, else `beta_header`, `ends` (last day) and `billed_as`.
    """

    id: str
    display_name: str = ""
    aliases: tuple[str, ...] = ()
    line: str | None = None
    released: str | None = None
    status: str = "active"
    deprecated_at: str | None = None
    retires_at: str | None = None
    retires_not_before: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    batch_max_output_tokens: int | None = None
    batch: bool = True
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    thinking: Mapping[str, Any] | None = None
    thinking_display_default: str | None = None
    effort_levels: tuple[str, ...] | None = None
    default_effort: str | None = None
    forced_tool_choice: bool | None = None
    prefill: bool | None = None
    system_messages: bool | None = None
    tool_prompt_tokens: Mapping[str, int | None] | None = None
    min_cache_tokens: int | None = None
    inference_geo_us_multiplier: Decimal | None = None
    tokenizer: str = "2026"
    image_tier: str | None = None
    fast: Mapping[str, Any] | None = None
    notes: str | None = None
    source: str = "yours"
    as_of: str | None = None

    def __repr__(self) -> str:
        p = price(self.id)
        money = f"${p.input}/{p.output} per million tokens in/out" if p else "price unknown"
        return f"<Model {self.id}: {self.status}, {money}>"

    @property
    def structured_outputs(self) -> bool | None:
        """Whether the service can hold it to a JSON schema: from Claude Sonnet 4.5 on; None: not known."""
        return None if self.released is None else self.released >= STRUCTURED_SINCE

    def allows_thinking(self, kind: str, effort: str | None = None) -> bool | None:
        """Return whether `thinking.type` `kind` is accepted at `effort` (None: the model's default)."""
        rule = (self.thinking or {}).get(kind)
        if isinstance(rule, str) and rule.startswith("effort<="):
            level = effort or self.default_effort or "high"
            return level in EFFORTS and EFFORTS.index(level) <= EFFORTS.index(rule.removeprefix("effort<="))
        return rule if rule is None else bool(rule)


class Price(NamedTuple):
    """USD per million tokens of each class; None where no source was found."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    cache_read: Decimal | None = None


class PriceRow(NamedTuple):
    """A line of the price table: both dates are whole UTC days and included; None leaves that end open."""

    model: str
    price: Price
    speed: str = "standard"
    since: str | None = None
    until: str | None = None
    max_prompt_tokens: int | None = None
    source: str = "yours"

    def holds(self, total_input_tokens: int) -> bool:
        """Say whether a request with this much input falls into the row's tier."""
        return self.max_prompt_tokens is None or total_input_tokens <= self.max_prompt_tokens


class _Tables(NamedTuple):
    models: dict[str, Model]
    names: dict[str, str]
    prices: dict[tuple[str, str], tuple[PriceRow, ...]]
    facts: dict[str, Any]


def all_models() -> tuple[Model, ...]:
    """Return every model of the catalogue, newest first."""
    return tuple(_tables().models.values())


def find(name: str) -> Model | None:
    """Return the model of an id, an alias, a line ("haiku": its newest active one) or a short "opus-5.5"."""
    t = _tables()
    wanted = "-".join(name.lower().replace(".", "-").split())
    key = t.names.get(name) or t.names.get(wanted) or t.names.get(f"claude-{wanted}")
    return t.models[key] if key else None


def resolve(name: str) -> str:
    """Return the id a name stands for; a full id, an alias and what is not known are returned unchanged."""
    if name in _tables().names and name not in SHORT:
        return name
    model = find(name)
    return model.id if model else name


def nearest(name: str) -> str | None:
    """Return the known name most like `name`, for "did you mean"; None when nothing is close."""
    import difflib

    t = _tables()
    close = difflib.get_close_matches(name.lower(), [*t.names], n=1, cutoff=0.7)
    return close[0] if close else None


def price(
    model: str, *, total_input_tokens: int = 0, fast: bool = False, at: date | None = None
) -> Price | None:
    """Return what a million tokens cost, or None when that is not known.

    `total_input_tokens` (cache reads and writes included) chooses the tier where a model has tiers. Without
    `at` the newest row of the table counts. https://docs.claude.com/en/docs/about-claude/pricing
    """
    t = _tables()
    key = t.names.get(model, model)
    found = t.models.get(key)
    standard = not fast or bool(found and found.fast and found.fast["billed_as"] == "standard")
    rows = _in_force(t.prices.get((key, "standard" if standard else "fast"), ()), at)
    return next((r.price for r in rows if r.holds(total_input_tokens)), None)


def estimate_tokens(text: str, model: str = DEFAULT_MODEL) -> int:
    """Estimate a text's tokens: one for 4 ASCII characters or 2.5 bytes of others, 1.3x from Claude 4.7 on.

    It runs at the speed of `str.encode`. The service's own count is `client.messages.count_tokens`; it may
    differ by tens of percent. https://docs.claude.com/en/docs/build-with-claude/token-counting
    """
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    other = 0 if plain == len(text) else len(text.encode("utf-8", "surrogatepass")) - plain
    found = find(model)
    factor = 10 if found and found.tokenizer == "legacy" else 13
    return -(-(5 * plain + 8 * other) * factor // 200)


def added(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the exact sum of amounts in USD, None where one is not known."""
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total = EXACT.add(total, amount)
    return total


def cost(
    usage: Mapping[str, Any], model: str, *, at: date | None = None, batch: bool | None = None
) -> Decimal | None:
    """Return what `usage` costs in USD, exactly, or None when a price or a count it needs is not known.

    `batch=None` takes the tier from `usage.service_tier`. Fast mode, US inference, cache classes, searches
    and the `iterations` of compactions and advisors are taken from `usage`. Container hours of code runs
    appear in no usage and are not in it. https://docs.claude.com/en/docs/about-claude/pricing
    """
    tier = usage.get("service_tier")
    if tier not in (None, "standard", "batch"):  # priority capacity is paid by contract, not by the token
        return None
    batch, fast = tier == "batch" if batch is None else batch, usage.get("speed") == "fast"
    with localcontext(EXACT):
        factor = _geo_factor(usage.get("inference_geo"), model)
        tokens = _tokens_cost(usage, model, fast=fast, at=at)
        searches = _searches_cost(usage.get("server_tool_use"))
        apart = _iterations_cost(usage.get("iterations"), model, fast=fast, at=at)
        if factor is None or tokens is None or searches is None or apart is None or (batch and fast):
            return None
        discount = _tables().facts["batch_discount"] if batch else 1
        return (tokens + apart) * factor * discount + searches


def message_cost(
    message: Mapping[str, Any], *, at: date | None = None, batch: bool | None = None
) -> Decimal | None:
    """Return what a Message costs: `cost` of its usage, and 0 for a refusal before output that is not billed.

    https://docs.claude.com/en/api/handling-stop-reasons (refusal)
    """
    billed = _refusal_is_billed(message, at)
    if not billed:
        return None if billed is None else Decimal(0)
    usage = message.get("usage")
    return cost(usage, str(message.get("model")), at=at, batch=batch) if isinstance(usage, dict) else None


def override(rows: Iterable[Mapping[str, Any]]) -> None:
    """Lay the user's own models and prices over the catalogue; a second call replaces the first.

    The fields of a row are those of `pricefile.FIELDS`. Prices given for a model and speed replace all the
    catalogue's for them; a token class left out is unknown. Raises InputError naming the row and the field.
    """
    from claude_magic.protocol import pricefile

    global _own
    _own = pricefile.checked(rows)
    _tables.cache_clear()


_own: tuple[dict[str, Any], ...] = ()


@functools.cache
def _tables() -> _Tables:
    data = _package_data()
    models = {m["id"]: _model(m) for m in data["models"]}
    names, own = _names(models), []
    for row in _own:
        key = names.get(row["model"], row["model"])
        own.append({**row, "model": key})
        facts = {k: v for k, v in row.items() if k in Model.__dataclass_fields__}
        models[key] = replace(models[key], **facts) if key in models else _model({"id": key, **facts})
    ordered = sorted(models.values(), key=lambda m: m.released or "", reverse=True)
    models = {m.id: m for m in ordered}
    prices = _by_key(data["prices"]) | _by_key(row for row in own if any(k in row for k in KINDS))
    return _Tables(models, _names(models), prices, data["global"])


@functools.cache
def _package_data() -> dict[str, Any]:
    import json
    from importlib.resources import files

    text = files("claude_magic").joinpath("data/models.json").read_text("utf-8")
    return json.loads(text, parse_float=Decimal)  # type: ignore[no-any-return]


def _model(row: Mapping[str, Any]) -> Model:
    made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    made["display_name"] = made.get("display_name") or made["id"]
    return Model(**made)


def _names(models: Mapping[str, Model]) -> dict[str, str]:
    names = {m.line: m.id for m in reversed([*models.values()]) if m.line and m.status == "active"}
    names |= {alias: m.id for m in models.values() for alias in m.aliases}
    return names | {m.id: m.id for m in models.values()}


def _by_key(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[PriceRow, ...]]:
    table: dict[tuple[str, str], list[PriceRow]] = {}
    for row in rows:
        made = PriceRow(
            row["model"],
            Price(*(None if row.get(k) is None else Decimal(row[k]) for k in KINDS)),
            row.get("speed") or "standard",
            row.get("from"),
            row.get("until"),
            row.get("max_prompt_tokens"),
            row.get("source") or "yours",
        )
        table.setdefault((made.model, made.speed), []).append(made)
    return {key: tuple(sorted(found, key=_order)) for key, found in table.items()}


def _order(row: PriceRow) -> tuple[str, float]:
    return row.since or "", float("inf") if row.max_prompt_tokens is None else row.max_prompt_tokens


def _in_force(rows: tuple[PriceRow, ...], at: date | None) -> list[PriceRow]:
    if at is not None:
        day = at.isoformat()[:10]
        rows = tuple(r for r in rows if (r.since or "") <= day <= (r.until or "9999"))
    newest = max((r.since or "" for r in rows), default="")
    return [r for r in rows if (r.since or "") == newest]


def _tokens_cost(usage: Mapping[str, Any], model: str, *, fast: bool, at: date | None) -> Decimal | None:
    counts = _counts(usage)
    if counts is None:
        return None
    known = price(model, total_input_tokens=sum(counts) - counts[1], fast=fast, at=at)
    if known is None:
        return None
    total = Decimal(0)
    for count, rate in zip(counts, known, strict=True):
        if count and rate is None:
            return None
        total += count * (rate or 0)
    return total / MILLION


def _counts(usage: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the tokens of each of KINDS; None where a count is missing or is not one."""
    written, split = usage.get("cache_creation_input_tokens"), usage.get("cache_creation")
    halves: tuple[Any, ...] = (written or 0, 0)
    if isinstance(split, dict):
        halves = tuple(split.get(f"ephemeral_{ttl}_input_tokens") or 0 for ttl in ("5m", "1h"))
    read = usage.get("cache_read_input_tokens") or 0
    counts: tuple[Any, ...] = (usage.get("input_tokens"), usage.get("output_tokens"), *halves, read)
    if not all(type(n) is int and n >= 0 for n in counts):
        return None
    return counts if written is None or written == sum(halves) else None


def _geo_factor(geo: Any, model: str) -> Decimal | None:
    if geo in (None, "", "global", "not_available"):
        return Decimal(1)
    found = find(model)
    return found.inference_geo_us_multiplier if found and geo == "us" else None


def _searches_cost(used: Any) -> Decimal | None:
    """Return the price of server tools by the request: web searches cost, fetches and code runs do not."""
    facts, total = _tables().facts, Decimal(0)
    for name, count in used.items() if isinstance(used, dict) else ():
        if name == "web_search_requests" and type(count) is int and count >= 0:
            total += count * Decimal(facts["web_search_per_1000"]) / 1000
        elif count and name not in ("web_fetch_requests", "code_execution_requests"):
            return None
    return total


def _iterations_cost(steps: Any, model: str, *, fast: bool, at: date | None) -> Decimal | None:
    """Return the price of the iterations that the usage's own numbers do not hold."""
    total = Decimal(0)
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict):
            return None
        if step.get("type") in ("message", "fallback_message"):
            continue
        named = step.get("model") or (model if step.get("type") == "compaction" else "")
        part = _tokens_cost(step, str(named), fast=fast and named == model, at=at)
        if part is None:
            return None
        total += part
    return total


def _refusal_is_billed(message: Mapping[str, Any], at: date | None) -> bool | None:
    if message.get("stop_reason") != "refusal" or message.get("content"):
        return True
    rules = _tables().facts["refusals_before_output"]
    if at is not None and at.isoformat()[:10] < rules["from"]:
        return None
    details = message.get("stop_details")
    category = details.get("category") if isinstance(details, dict) else None
    return True if category in rules["billed"] else False if category in rules["free"] else None
