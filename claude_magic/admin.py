"""What did the organization use, and what did it cost?

    from claude_magic import admin

    admin.usage("7d", by="model")
    admin.cost("2026-10-01", "2026-11-01", by=["workspace_id", "model"])

Both ask the organization's reports, which take an admin key (ANTHROPIC_ADMIN_KEY), and return tidy frames.
What this machine asked, without such a key, is in `claude_magic.usage`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any

from claude_magic import keys
from claude_magic.api.client import Client
from claude_magic.errors import APIResponseError, InputError, nearest
from claude_magic.frames import spans
from claude_magic.frames.progress import counted
from claude_magic.frames.reports import REPORTS, SPLITS, Report
from claude_magic.frames.spans import Span
from claude_magic.frames.sums import Sums
from claude_magic.protocol import catalog
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from claude_magic.api.pages import Page

FIRST, OLDEST = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=365)
"""How far back the reports of the Analytics API reach: neither before the one nor longer than the other."""
TIMES = ("day", "date", "hour", "minute", "time", "month", "week")


def usage(
    start: Any,
    end: Any = None,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = "1d",
    report: str = "analytics",
    client: Client | None = None,
    progress: bool = True,
    **filters: Any,
) -> pd.DataFrame:
    """Return the tokens that the organization used, a row for each bucket of time and each group.

    `start` and `end` are days (UTC) or times with their zone, as text, `date` or `datetime`; `start` may be
    a time back such as "7d" (the seven days before today, and today) or "24h". The end is not part of it;
    without one, or with one to come, the report goes up to now. A bucket that a bound is in counts whole.

    `every` is "1d", "1h", "1m", or None (also "none") for one row a group over the whole time. `by` is one
    or more of the API's group_by names: "model", "workspace_id", "api_key_id", "product", "service_tier"…
    `filters` are the API's own: models=["haiku", …], workspace_ids=[…], products=[…], service_tiers=[…]…
    Ranges that are longer than the report allows are asked for in pieces and put together; `progress` shows
    how far that is, after a second, where somebody watches.

    Columns: starting_at and ending_at (UTC), the groups asked for, then Int64 tokens under the API's names;
    `cost` has these as its token_type. `total_tokens` is their sum; `requests` is there where the report
    tells it. A bucket without use has no row. `frame.attrs` has what was asked, `source` ("live" or
    "practice") and `data_refreshed_at`, where the report says it.

    `report` is "analytics" (the current one: since 2026-01-01, a year back), "legacy" (usage_report/messages,
    where workspace_id is missing for the default workspace, and api_key_id for the Console's playground),
    "claude_code" (by day, with sessions, lines, commits and edits unless `by` has "model"), or the older ones
    of Claude Enterprise, "enterprise" and "enterprise_users". Missing keys are left out by pandas' `groupby`
    unless it is told dropna=False.

    Raises InputError before anything is sent, and ClaudeError where the service refuses.
    https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
    """
    return _ask("usage", start, end, by, every, report, client, progress, filters)


def cost(
    start: Any,
    end: Any = None,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = "1d",
    report: str = "analytics",
    client: Client | None = None,
    progress: bool = True,
    **filters: Any,
) -> pd.DataFrame:
    """Return what the organization paid, a row for each bucket of time and each group.

    Everything is as for `usage`. `by` can also name "cost_type" (tokens, web_search, code_execution…) and
    "token_type", which alone leaves out what is no cost of tokens. In the "legacy" report (by day, without
    Priority Tier) it is "workspace_id", "description" and what that consists of: "model", "token_type",
    "cost_type", "service_tier", "context_window", "inference_geo". "claude_code" has estimates.

    `amount_usd` holds exact Decimals, made once from the API's cents: `sum()` and `groupby().sum()` stay
    exact. To plot them, or for means, take `frame["amount_usd"].astype(float)`. `list_amount_usd` is before
    discounts, `currency` what the API named.
    """
    return _ask("cost", start, end, by, every, report, client, progress, filters)


def __dir__() -> list[str]:
    return ["cost", "usage"]


def _ask(
    what: str,
    start: Any,
    end: Any,
    by: Any,
    every: Any,
    word: Any,
    client: Client | None,
    progress: bool,
    filters: Mapping[str, Any],
) -> pd.DataFrame:
    report = REPORTS[what][_known("report", word, REPORTS[what])]
    every = None if every == "none" else every
    groups, width, more = _groups(what, report, by), _width(report, every), _filters(report, filters)
    client = client or current.client()
    if not isinstance(client, Client):
        raise InputError(f"client is {client!r}", hint="Give a Client: reports are not awaited.")
    now = _now(client)
    span = spans.read(start, end, now)
    if report.dated:
        _check_age(span, now)
    sums = Sums(report, groups, None if every else span)
    call: Any = reduce(getattr, report.row.split("."), client)
    refreshed, source = [], ""
    with closing(counted([*_pieces(report, span, width)], what, show=progress)) as pieces:
        for piece, buckets in pieces:
            for page in call(**_query(report, piece, groups, buckets, more)).iter_pages():
                with _understood(page):
                    sums.add(page["data"])
                refreshed += [page["data_refreshed_at"]] if page.get("data_refreshed_at") else []
                source = current.source_of(client, page)
    with _understood(page):
        frame = sums.frame()
    frame.attrs = {
        "report": word,
        "by": groups,
        "every": every,
        "start": span.start,
        "end": span.end,
        "filters": more,
        "source": source,
        "data_refreshed_at": min(refreshed, default=None),
    }
    return frame


def _now(client: Client) -> datetime:
    """Return the time it is, to the second; a practice server has a clock of its own."""
    now = time.time()
    if client.base_url == keys.PRACTICE_URL:
        from claude_magic.practice import shared

        now = shared().clock()
    return datetime.fromtimestamp(int(now), UTC)


def _check_age(span: Span, now: datetime) -> None:
    oldest = max(FIRST, now - OLDEST)
    if span.start < oldest:
        raise InputError(
            f"The report would start at {spans.text(span.start)}; it reaches back to {spans.text(oldest)}",
            hint='Start later, or ask the older report with report="legacy".',
        )


def _known(name: str, word: Any, known: Iterable[str], hint: str = "") -> str:
    """Return a word that is one of those that are known; raises InputError."""
    words = list(known)
    if isinstance(word, str) and word in words:
        return word
    near = nearest(str(word), words)
    also = f"; did you mean {near}?" if near else ""
    raise InputError(f"{name} cannot be {word!r}{also}", hint=hint or f"Use one of {', '.join(words)}.")


def _groups(what: str, report: Report, by: Any) -> list[str]:
    """Return what a report is to be split by, each once; raises InputError."""
    asked = [by] if isinstance(by, str) or not isinstance(by, Iterable | None) else list(by or ())
    days = 'Time is split by every="1d", "1h" or "1m".' if set(TIMES) & {*map(str, asked)} else ""
    for name in asked if what == "usage" else ():
        if name in SPLITS and name not in report.groups:
            raise InputError(
                f"Usage is not split by {name}, cost is", hint=f'Ask admin.cost(…, by="{name}").'
            )
    found = [*dict.fromkeys(_known("by", name, report.groups, days) for name in asked)]
    groups = [name for name in found if name not in SPLITS]
    if len(groups) > report.most_groups:
        raise InputError(
            f"This report can be split by {report.most_groups} groups, not by {len(groups)}",
            hint=f"Leave one out of {', '.join(groups)}.",
        )
    return found


def _width(report: Report, every: Any) -> str | None:
    """Return the width of the buckets to ask for: days, where a report without any is not to be had."""
    if every is not None:
        widths = [width for width in report.longest if width]
        shown = ", ".join(f'"{width}"' for width in widths)
        return _known("every", every, widths, f"Use {shown}, or None (on a line: none) for one row a group.")
    return None if None in report.longest else "1d"


def _filters(report: Report, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters under the names that this report has for them; raises InputError."""
    params = ENDPOINTS[report.row].params.values()
    names = [p.name for p in params if p.type == "bool" or (p.many and p.name != "group_by")]
    known = {name if name.endswith("s") else f"{name}s": name for name in names}  # legacy: context_window
    found = {}
    for name, value in given.items():
        word = known[_known("A filter", name, known, "" if known else "This report has no filters.")]
        found[word] = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
        if found[word] == []:
            raise InputError(f"{name} is empty: all would be counted", hint=f"Leave {name} out, or fill it.")
        if name == "models":
            asked = [found[word]] if isinstance(found[word], str) else found[word]
            found[word] = [catalog.resolve(m) if isinstance(m, str) else m for m in asked]
    return found


def _pieces(report: Report, span: Span, width: str | None) -> Iterator[tuple[Span, str | None]]:
    """Yield what to ask for: parts of a span, and the width of the buckets of each.

    The hour that goes on is asked for by itself: without buckets the service stops at the last whole hour.
    """
    hour = spans.floor(span.end, spans.HOUR) if width is None and report.hourly else span.end
    if span.start < hour:
        whole = spans.pieces(Span(span.start, hour), spans.WIDTHS[width or "1d"], report.longest[width])
        yield from ((piece, width) for piece in whole)
    if hour < span.end:
        yield Span(max(hour, span.start), span.end), "1h"


def _query(
    report: Report, piece: Span, by: Sequence[str], width: str | None, filters: Mapping[str, Any]
) -> dict[str, Any]:
    if "ending_at" not in ENDPOINTS[report.row].params:  # a report of one day
        return {"starting_at": piece.start.date().isoformat(), "limit": report.limit(width)}
    groups = dict.fromkeys(sent for name in by if (sent := report.groups[name]))
    betas = {beta for name, beta in report.betas.items() if name in (*by, *filters)}
    return {
        "starting_at": spans.text(piece.start),
        "ending_at": spans.text(piece.end),
        "limit": report.limit(width),
        **({report.width: width} if width else {}),
        **({"group_by": [*groups]} if groups else {}),
        **({"betas": [*betas]} if betas else {}),
        **filters,
    }


@contextmanager
def _understood(page: Page) -> Iterator[None]:
    """Turn what goes wrong with a page of another form into an APIResponseError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
        raise APIResponseError(
            f"The report is not of the form that is known: {type(problem).__name__} {problem}",
            hint="Ask for it as it is: client.organization has the same calls.",
            request_id=page.request_id,
        ) from None
