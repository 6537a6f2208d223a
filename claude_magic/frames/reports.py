"""Which usage and cost reports are there, what can they be asked, and how do their rows lie in a page?

https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api and, for the reports before it,
https://platform.claude.com/docs/en/manage-claude/usage-cost-api
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.frames.spans import DAY, HOUR, MINUTE, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    Item = Mapping[str, Any]
    Row = tuple[str, str, Item, Item]  # where a bucket begins and ends, its group keys, its measures

TOKENS = (  # what a cost report calls token_type
    "uncached_input_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
    "output_tokens",
)
MOST_ROWS = 1000
SEARCHES = "server_tool_use.web_search_requests"
SPLITS = ("cost_type", "token_type")
"""What a cost can be split by beyond the groups; these do not count towards `most_groups`."""


class Report(NamedTuple):
    """A report of the API: its row of the endpoint table, and what can be asked of it.

    `rows` finds the rows of a page. `groups` has what `by` may name, and what is sent for it (None: nothing,
    as the report always tells it). `measures` has the columns, and where a row has them ("": nowhere, it is
    the sum of the tokens); `whole` those that are not told by model. `longest` is the time that one request
    covers, by the width of its buckets (None: without), and `width` the parameter for that. `dated` reports
    reach back for a year, `hourly` ones without buckets have whole hours only; `betas` has the header that a
    group or filter needs.
    """

    row: str
    rows: Callable[[Iterable[Item], Sequence[str]], Iterator[Row]]
    groups: Mapping[str, str | None]
    measures: Mapping[str, str]
    longest: Mapping[str | None, timedelta]
    width: str = ""
    dated: bool = False
    hourly: bool = False
    most_groups: int = 99
    whole: Mapping[str, str] = {}
    betas: Mapping[str, str] = {}

    def columns(self, by: Sequence[str]) -> dict[str, str]:
        """Return the columns of measures, and where a row has them."""
        return {**self.measures, **({} if "model" in by else self.whole)}

    def limit(self, width: str | None) -> int:
        """Return how many items a page has at most: rows, or buckets of a width."""
        return self.longest[width] // WIDTHS[width] if width and self.rows is _buckets else MOST_ROWS


def _rows(items: Iterable[Item], _: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of analytics/usage and cost: {starting_at, ending_at, group, usage or cost}."""
    for item in items:
        measures = item["usage"] if "usage" in item else item["cost"]
        yield item["starting_at"], item["ending_at"], item["group"], measures


def _buckets(items: Iterable[Item], _: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of reports in buckets: {starting_at, ending_at, results}."""
    for item in items:
        for result in item["results"]:
            yield item["starting_at"], item["ending_at"], result, result


def _users(items: Iterable[Item], _: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of reports by user, which have everything side by side."""
    for item in items:
        yield item["starting_at"], item["ending_at"], item, item


def _coders(items: Iterable[Item], by: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of usage_report/claude_code: a day of a user, or each model of it."""
    for item in items:
        start = date.fromisoformat(item["date"][:10])
        bounds = (f"{start}T00:00:00Z", f"{start + DAY}T00:00:00Z")
        models = item["model_breakdown"]
        if "model" in by:
            yield from ((*bounds, {**item, "model": m["model"]}, m) for m in models)
        else:
            counts: Counter[str] = Counter(
                dict.fromkeys(("input", "output", "cache_read", "cache_creation"), 0)
            )
            for m in models:
                counts.update(m["tokens"])
            yield *bounds, item, {**item, "tokens": counts}


def _estimates(items: Iterable[Item], by: Sequence[str]) -> Iterator[Row]:
    """Yield what each model of a user's day cost: the estimates of usage_report/claude_code."""
    for start, end, keys, model in _coders(items, [*by, "model"]):
        yield start, end, keys, model["estimated_cost"]


def _names(words: str) -> dict[str, str | None]:
    return {word: word for word in words.split()}


def _own(*names: str) -> dict[str, str]:
    return {name: name for name in names}


ANALYTICS = _names(
    """actor actor_type agent_id api_key_id claude_tag_category claude_tag_user_id context_window
    deployment_id environment_id inference_geo model organization_id product rbac_group_id service_tier
    session_id slack_channel_id speed user_profile_id workspace_id"""
)
ENTERPRISE = _names(
    """claude_tag_category claude_tag_user_id context_window inference_geo model product rbac_group_id
    slack_channel_id speed"""
)
LEGACY = _names(
    """account_id api_key_id context_window inference_geo model service_account_id service_tier speed
    workspace_id"""
)
DESCRIBED: dict[str, str | None] = {
    "workspace_id": "workspace_id",
    **dict.fromkeys(
        ("description", "model", "service_tier", "context_window", "inference_geo", *SPLITS), "description"
    ),
}
CODERS: dict[str, str | None] = dict.fromkeys(
    ("actor", "customer_type", "is_remote", "model", "organization_id", "subscription_type", "terminal_type")
)
SPLIT = _names(" ".join(SPLITS))
ALWAYS: dict[str, str | None] = {"actor": None}
FAST = dict.fromkeys(("speed", "speeds"), "fast-mode-2026-02-01")
USAGE = _own(*TOKENS, "total_tokens", SEARCHES, "requests")
MESSAGES = {**_own(*TOKENS), "total_tokens": "", SEARCHES: SEARCHES}
COUNTED = {**MESSAGES, "requests": "requests"}
AMOUNT = {"amount_usd": "amount"}
COST = {"amount_usd": "amount", "list_amount_usd": "list_amount", "requests": "requests"}
EDITS = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")
CODE_METRICS = {
    **{
        name: f"core_metrics.{name}"
        for name in (
            "num_sessions",
            "lines_of_code.added",
            "lines_of_code.removed",
            "commits_by_claude_code",
            "pull_requests_by_claude_code",
        )
    },
    **{f"{tool}.{act}": f"tool_actions.{tool}.{act}" for tool in EDITS for act in ("accepted", "rejected")},
}
CODE_TOKENS = {
    "uncached_input_tokens": "tokens.input",
    "cache_read_input_tokens": "tokens.cache_read",
    "cache_creation_input_tokens": "tokens.cache_creation",
    "output_tokens": "tokens.output",
    "total_tokens": "",
}
ROWS: dict[str | None, timedelta] = {"1d": 31 * DAY, "1h": 31 * DAY, "1m": DAY, None: 31 * DAY}
BUCKETS: dict[str | None, timedelta] = {"1d": 31 * DAY, "1h": 168 * HOUR, "1m": 1440 * MINUTE}
FEWER: dict[str | None, timedelta] = {**BUCKETS, "1m": 256 * MINUTE}
DAYS: dict[str | None, timedelta] = {"1d": 31 * DAY}
ONE_DAY: dict[str | None, timedelta] = {"1d": DAY}
SPACE = "organization.analytics."
CURRENT: Any = {"width": "time_bucket_width", "dated": True, "hourly": True, "most_groups": 5}
EARLIER: Any = {"width": "bucket_width", "dated": True}

REPORTS: dict[str, dict[str, Report]] = {
    "usage": {
        "analytics": Report(SPACE + "usage.list", _rows, ANALYTICS, USAGE, ROWS, **CURRENT),
        "legacy": Report(
            "organization.usage_report.messages",
            _buckets,
            LEGACY,
            MESSAGES,
            BUCKETS,
            "bucket_width",
            betas=FAST,
        ),
        "claude_code": Report(
            "organization.usage_report.claude_code", _coders, CODERS, CODE_TOKENS, ONE_DAY, whole=CODE_METRICS
        ),
        "enterprise": Report(SPACE + "usage_report.list", _buckets, ENTERPRISE, COUNTED, FEWER, **EARLIER),
        "enterprise_users": Report(
            SPACE + "user_usage_report.list", _users, ENTERPRISE | ALWAYS, USAGE, ROWS, **EARLIER
        ),
    },
    "cost": {
        "analytics": Report(SPACE + "cost.list", _rows, ANALYTICS | SPLIT, COST, ROWS, **CURRENT),
        "legacy": Report(
            "organization.cost_report.list", _buckets, DESCRIBED, AMOUNT, DAYS, width="bucket_width"
        ),
        "claude_code": Report("organization.usage_report.claude_code", _estimates, CODERS, AMOUNT, ONE_DAY),
        "enterprise": Report(
            SPACE + "cost_report.list", _buckets, ENTERPRISE | SPLIT, COST, FEWER, **EARLIER
        ),
        "enterprise_users": Report(
            SPACE + "user_cost_report.list", _users, ENTERPRISE | SPLIT | ALWAYS, COST, ROWS, **EARLIER
        ),
    },
}
"""What the verbs `usage` and `cost` can show, by the word for it."""
