"""What was used and what did it cost, as the first reports of the Admin API told it?

https://platform.claude.com/docs/en/manage-claude/usage-cost-api
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, TypeVar

from claude_magic import catalog
from claude_magic.practice import pages
from claude_magic.practice.organization import ORGANIZATION
from claude_magic.practice.refusal import refuse
from claude_magic.practice.reports import reportquery
from claude_magic.practice.reports.reportquery import DAY, HOUR, SPLITS, Period, stamp
from claude_magic.practice.reports.sums import Cost, Usage, add_up, money, sum_of
from claude_magic.practice.reports.usagelog import People, dimensions, kind_of, legacy_dimensions

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

T = TypeVar("T", Usage, Cost)
FAST_MODE = "fast-mode-2026-02-01"
GROUPS = """account_id api_key_id context_window inference_geo model service_account_id service_tier speed
    workspace_id"""
DESCRIBED = ("model", "service_tier", "context_window", "inference_geo")
"""What is told of a cost that is grouped by description, beside its cost type and token type."""
BUCKETS = {DAY: (7, 31), HOUR: (24, 168), 60: (60, 1440)}
WORDS = {
    "uncached_input_tokens": "Input Tokens",
    "output_tokens": "Output Tokens",
    "cache_read_input_tokens": "Input Tokens, Cache Hit",
    "cache_creation.ephemeral_5m_input_tokens": "Input Tokens, Cache Write (5m)",
    "cache_creation.ephemeral_1h_input_tokens": "Input Tokens, Cache Write (1h)",
}


def messages(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/organizations/usage_report/messages; raises Refusal."""
    asked = reportquery.groups(exchange, GROUPS.split())
    if ("speed" in asked or exchange.many("speeds")) and FAST_MODE not in exchange.betas:
        refuse("anthropic-beta", f"speed needs the beta header {FAST_MODE}")
    within, page = _buckets(exchange)
    for key, total in _sums(practice, exchange, within, asked, Usage).items():
        group = dict.fromkeys(GROUPS.split()) | dict(zip(asked, key[1:], strict=True))
        page["data"][key[0]]["results"].append({**total.fields(), **group})
    return _answer(practice, page)


def cost(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/organizations/cost_report; raises Refusal."""
    asked = reportquery.groups(exchange, ("workspace_id", "description"))
    reportquery.choice(exchange, "bucket_width", ("1d",))
    within, page = _buckets(exchange)
    described = "description" in asked
    by = ["workspace_id"] if "workspace_id" in asked else []
    by += [*DESCRIBED, "speed"] if described else []
    amounts: dict[tuple[int, tuple[tuple[str, str | None], ...]], Decimal] = {}
    with localcontext(catalog.EXACT):
        for key, total in _sums(practice, exchange, within, by, Cost).items():
            group = dict(zip(by, key[1:], strict=True))
            for types, cents in total.split(SPLITS if described else ()).items():
                row = key[0], tuple(_told(group, *types).items())
                amounts[row] = amounts.get(row, Decimal(0)) + cents
    for (start, told), cents in amounts.items():
        paid = {name: text for name, text in money(cents).items() if name != "list_amount"}
        page["data"][start]["results"].append({**paid, **dict(told)})
    return _answer(practice, page)


def _sums(
    practice: Practice, exchange: Exchange, within: Period, by: list[str], kind: type[T]
) -> dict[tuple[Any, ...], T]:
    known = legacy_dimensions(People(practice))
    used = reportquery.wanted(practice.used, exchange, within, known)
    found = add_up(used, [known[name] for name in by], sum_of(kind, practice), within.width)
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def _buckets(exchange: Exchange) -> tuple[Period, dict[str, Any]]:
    """Return the time that a page is about, and the page: its data are empty buckets by where they begin."""
    asked = reportquery.legacy_period(exchange)
    width = asked.width or DAY
    starts, page = reportquery.buckets(exchange, asked, BUCKETS)
    data = {
        start: {"starting_at": stamp(start), "ending_at": stamp(start + width), "results": []}
        for start in starts
    }
    return reportquery.span(starts, width), {"data": data, **page}


def _answer(practice: Practice, page: dict[str, Any]) -> Response:
    return practice.json({**page, "data": list(page["data"].values())})


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
    start = reportquery.midnight(day)
    people = People(practice)
    used = [u for u in practice.used if u.product == "claude_code" and start <= u.at < start + DAY]
    known = dimensions(people)
    by = (known["actor"], known["model"])
    tokens, costs = add_up(used, by, Usage), add_up(used, by, Cost)
    models: dict[str | None, list[dict[str, Any]]] = {}
    for key in sorted(tokens, key=str):
        models.setdefault(key[1], []).append(_model(key[2], tokens[key], costs[key]))
    rows = [_coder(stamp(start), people, actor, breakdown) for actor, breakdown in models.items()]
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
