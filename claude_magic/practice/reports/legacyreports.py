"""What was used and what did it cost, as the first reports of the Admin API told it?

https://platform.claude.com/docs/en/manage-claude/usage-cost-api
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, TypeVar

from claude_magic.practice import pages
from claude_magic.practice.moments import DAY, HOUR, MINUTE, midnight, moment
from claude_magic.practice.organization import ORGANIZATION
from claude_magic.practice.refusal import refuse
from claude_magic.practice.reports import reportquery
from claude_magic.practice.reports.reportquery import SPLITS, Period
from claude_magic.practice.reports.sums import Cost, Usage, add_up, money, ranked, summed
from claude_magic.practice.reports.usagelog import People, dimensions, kind_of, legacy_dimensions
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice
    from claude_magic.practice.reports.sums import Key
    from claude_magic.practice.reports.usagelog import Dimension

T = TypeVar("T", bound=Usage | Cost)
FAST_MODE = "fast-mode-2026-02-01"
GROUPS = """account_id api_key_id context_window inference_geo model service_account_id service_tier speed
    workspace_id"""
DESCRIBED = ("model", "service_tier", "context_window", "inference_geo")
"""What is told of a cost that is grouped by description, beside its cost type and token type."""
MINUTES, LEGACY_MINUTES = 256, 1440  # the most buckets of a minute that a page has
WORDS = {
    "uncached_input_tokens": "Input Tokens",
    "output_tokens": "Output Tokens",
    "cache_read_input_tokens": "Input Tokens, Cache Hit",
    "cache_creation.ephemeral_5m_input_tokens": "Input Tokens, Cache Write (5m)",
    "cache_creation.ephemeral_1h_input_tokens": "Input Tokens, Cache Write (1h)",
}


def bounds(bucket: int, within: Period) -> dict[str, str]:
    """Return when a bucket begins and ends, or where there are none the whole period."""
    start, end = (bucket, bucket + within.width) if within.width else (within.start, within.end)
    return {"starting_at": moment(start), "ending_at": moment(end)}


def bucketed(
    practice: Practice,
    exchange: Exchange,
    asked: Period,
    most_minutes: int,
    kind: type[T],
    by: list[str],
    known: dict[str, Dimension],
) -> tuple[dict[str, Any], list[tuple[dict[str, Any], list[tuple[Key, T]]]]]:
    """Return a page of empty buckets, and with each of them what goes into it, the most first."""
    limits = {DAY: (7, 31), HOUR: (24, 168), MINUTE: (60, most_minutes)}
    starts, within, page = reportquery.buckets(exchange, asked, limits)
    found: dict[int, list[tuple[Key, T]]] = {start: [] for start in starts}
    for key, total in ranked(summed(practice, exchange, kind, within, by, known)):
        found[key[0]].append((key, total))
    page["data"] = [{**bounds(start, within), "results": []} for start in starts]
    return page, list(zip(page["data"], found.values(), strict=True))


def messages(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/organizations/usage_report/messages; raises Refusal."""
    by = reportquery.groups(exchange, GROUPS.split())
    if ("speed" in by or exchange.many("speeds")) and FAST_MODE not in exchange.betas:
        refuse("anthropic-beta", f"speed needs the beta header {FAST_MODE}")
    asked, known = reportquery.legacy_period(exchange), legacy_dimensions(People(practice))
    page, found = bucketed(practice, exchange, asked, LEGACY_MINUTES, Usage, by, known)
    for bucket, totals in found:
        for key, total in totals:
            group = dict.fromkeys(GROUPS.split()) | dict(zip(by, key[1:], strict=True))
            bucket["results"].append({**total.fields(), **group})
    return practice.json(page)


def cost(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/organizations/cost_report; raises Refusal."""
    groups = reportquery.groups(exchange, ("workspace_id", "description"))
    reportquery.choice(exchange, "bucket_width", ("1d",))
    described = "description" in groups
    by = ["workspace_id"] if "workspace_id" in groups else []
    by += [*DESCRIBED, "speed"] if described else []
    asked, known = reportquery.legacy_period(exchange), legacy_dimensions(People(practice))
    page, found = bucketed(practice, exchange, asked, LEGACY_MINUTES, Cost, by, known)
    for bucket, totals in found:
        amounts: dict[tuple[tuple[str, str | None], ...], Decimal] = {}
        with localcontext(catalog.EXACT):
            for key, total in totals:
                group = dict(zip(by, key[1:], strict=True))
                for types, cents in total.split(SPLITS if described else ()).items():
                    told = tuple(_told(group, *types).items())
                    amounts[told] = amounts.get(told, Decimal(0)) + cents
        for told, cents in amounts.items():
            amount = money(cents)
            del amount["list_amount"]
            bucket["results"].append({**amount, **dict(told)})
    return practice.json(page)


def _told(group: dict[str, Any], cost_type: str | None, token_type: str | None) -> dict[str, str | None]:
    """Return what a row says of its cost; the service tier and such are told of tokens only."""
    known = group if token_type else {}
    text = _description(group, token_type) if cost_type else None
    return {
        "workspace_id": group.get("workspace_id"),
        "description": text,
        "cost_type": cost_type,
        "token_type": token_type,
        **{name: known.get(name) for name in DESCRIBED},
    }


def _description(group: dict[str, Any], token_type: str | None) -> str:
    if token_type is None:
        return "Web Search Usage"
    model = catalog.find(group["model"])
    extra = [group["context_window"]] if group["context_window"] != "0-200k" else []
    extra += ["Batch"] if group["service_tier"] == "batch" else []
    extra += ["Fast"] if group["speed"] == "fast" else []
    extra += ["US"] if group["inference_geo"] == "us" else []
    text = f"{model.display_name if model else group['model']} Usage - {WORDS[token_type]}"
    return f"{text} ({', '.join(extra)})" if extra else text


def claude_code(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/organizations/usage_report/claude_code: a UTC day by who used it; raises Refusal.

    What this server does not see of Claude Code, its sessions, edits and commits, is 0.
    """
    day = reportquery.day(exchange, "starting_at")
    if day is None:
        refuse("starting_at", "Field required")
    start = midnight(day)
    people = People(practice)
    used = [u for u in practice.used if u.product == "claude_code" and start <= u.at < start + DAY]
    known = dimensions(people)
    by = (known["actor"], known["model"])
    tokens, costs = add_up(used, by, Usage), add_up(used, by, Cost)
    models: dict[str | None, list[dict[str, Any]]] = {}
    for key in sorted(tokens, key=str):
        models.setdefault(key[1], []).append(_model(key[2], tokens[key], costs[key]))
    rows = [_coder(moment(start), people, actor, breakdown) for actor, breakdown in models.items()]
    return practice.json(pages.page(rows, exchange))


def _model(name: str, used: Usage, cost: Cost) -> dict[str, Any]:
    fresh, output, written_5m, written_1h, read = used.tokens
    cents = float(cost.measure("amount")) if cost.parts else None
    return {
        "model": name,
        "tokens": {
            "input": fresh,
            "output": output,
            "cache_read": read,
            "cache_creation": written_5m + written_1h,
        },
        "estimated_cost": {"amount": cents, "currency": "USD"},
    }


def _coder(date: str, people: People, actor: str | None, models: list[dict[str, Any]]) -> dict[str, Any]:
    shown = people.show(actor) or {}
    who = {"type": "api_actor", "api_key_name": people.key_name(actor or "no key")}
    if kind_of(actor) == "user_actor":
        who = {"type": "user_actor", "email_address": shown["email_address"]}
    edits = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")
    return {
        "date": date,
        "organization_id": ORGANIZATION,
        "actor": who,
        "customer_type": "api",
        "subscription_type": None,
        "terminal_type": "practice",
        "is_remote": False,
        "core_metrics": {
            "num_sessions": 0,
            "lines_of_code": {"added": 0, "removed": 0},
            "commits_by_claude_code": 0,
            "pull_requests_by_claude_code": 0,
        },
        "tool_actions": {name: {"accepted": 0, "rejected": 0} for name in edits},
        "model_breakdown": models,
    }


ANSWERS: Answers = {
    "organization.usage_report.messages": messages,
    "organization.cost_report.list": cost,
    "organization.usage_report.claude_code": claude_code,
}
