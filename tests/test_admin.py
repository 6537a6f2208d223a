"""Are usage and cost reports complete, exact and tidy, and is what cannot be asked refused unsent?"""

from __future__ import annotations

import io
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic import admin, practice
from claude_magic.api.client import AsyncClient, Client
from claude_magic.app import Request
from claude_magic.errors import APIResponseError, AuthenticationError, ClaudeError, InputError
from claude_magic.frames import progress, spans
from claude_magic.frames.reports import REPORTS, SPLITS
from claude_magic.frames.spans import DAY, HOUR, Span
from claude_magic.practice import Practice
from claude_magic.protocol import catalog
from tests.doors import Asked, Door, json

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
NAIVE = datetime(2026, 1, 15)  # noqa: DTZ001 - without a zone on purpose
MODELS = ("claude-haiku-5-5", "claude-opus-5-5")
WORKSPACES = (None, "wrkspc_practice_000001")
KEY = "sk-ant-admin01-" + "not-a-real-key-" * 3 + "wxyz"
MOMENT = "datetime64[us, UTC]"
GOOD = {"starting_at": "2026-11-01T00:00:00Z", "ending_at": "2026-11-02T00:00:00Z", "group": {}}
EVERY_REPORT = [(what, word) for what, words in REPORTS.items() for word in words]
each_report = pytest.mark.parametrize(("what", "report"), EVERY_REPORT)
VERBS = {"usage": admin.usage, "cost": admin.cost}


class Kept:
    """An App that keeps what it was asked and hands it on, with few rows to a page."""

    def __init__(self, app, most=None):
        self.app, self.most, self.requests = app, most, []

    def __call__(self, request):
        self.requests.append(request)
        query = [(k, str(self.most) if self.most and k == "limit" else v) for k, v in request.query]
        return self.app(Request(request.method, request.path, tuple(query), request.headers))

    @property
    def asked(self):
        """The queries, each page once."""
        return [dict(r.query) for r in self.requests if "page" not in dict(r.query)]


def server(days=100, step=timedelta(hours=7)):
    """A practice server that was used every so many hours, by Claude Code and over the API."""
    made, at, n = Practice(clock=NOW.timestamp), NOW - timedelta(days=days), 0
    while at < NOW:
        usage = {"input_tokens": 100 + n, "output_tokens": 10, "cache_read_input_tokens": n % 7}
        product = ("messages_api", "claude_code")[n % 3 == 0]
        said = {"model": MODELS[n % 2], "usage": usage}
        made.charge(said, at.timestamp(), ("apikey_practice_000001", WORKSPACES[n % 5 == 0]), product)
        at, n = at + step, n + 1
    return made


@pytest.fixture(scope="module")
def used():
    """A server with a hundred days of use, for tests that only look."""
    return server()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(admin, "_now", lambda client: NOW)


def asked(app, **options):
    return Door(app, admin_key=KEY, **options).client


def total(frame):
    with localcontext(catalog.EXACT):
        return sum(frame["amount_usd"], Decimal(0))


def paid(uses):
    """What uses cost, straight from the catalogue."""
    with localcontext(catalog.EXACT):
        days = [datetime.fromtimestamp(u.at, UTC).date() for u in uses]
        return sum(
            (catalog.cost(u.usage, u.model, at=day) for u, day in zip(uses, days, strict=True)), Decimal(0)
        )


def kinds(frame):
    return {name: str(kind) for name, kind in frame.dtypes.items()}


# complete: no bucket twice, none missing


@given(
    st.datetimes(NAIVE, NAIVE + timedelta(days=300)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=200)),
    st.sampled_from([(DAY, 31 * DAY), (HOUR, 31 * DAY), (HOUR, 168 * HOUR), (DAY, DAY)]),
)
def test_pieces_cover_a_span_once_and_are_cut_between_buckets(start, length, widths):
    width, longest = widths
    span = Span(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + length)
    found = [*spans.pieces(span, width, longest)]
    assert span == (found[0].start, found[-1].end)
    assert [p.end for p in found[:-1]] == [p.start for p in found[1:]]
    assert [] == [p for p in found[:-1] if p.end != spans.floor(p.end, width)]
    assert [] == [p for p in found if not timedelta(0) < p.end - p.start <= longest]


@pytest.mark.parametrize("most", [None, 3])
@pytest.mark.parametrize(
    ("report", "every", "days"),
    [
        ("analytics", "1d", 100),
        ("analytics", "1h", 40),
        ("analytics", "1m", 3),
        ("legacy", "1d", 100),
        ("legacy", "1h", 20),
        ("enterprise", "1d", 100),
    ],
)
def test_each_bucket_is_there_once_with_what_was_used_in_it(used, report, every, days, most):
    app = Kept(used, most)
    frame = admin.usage(NOW - timedelta(days=days), by="model", every=every, report=report, client=asked(app))
    width = spans.WIDTHS[every]
    since = spans.floor(NOW - timedelta(days=days), width).timestamp()
    expected = Counter()
    for use in used.used:
        if use.at >= since:
            bucket = spans.floor(datetime.fromtimestamp(use.at, UTC), width)
            expected[bucket, bucket + width, use.model] += use.usage["input_tokens"]
    found = zip(frame.starting_at, frame.ending_at, frame.model, strict=True)
    assert expected == dict(zip(found, frame.uncached_input_tokens, strict=True))
    assert len(expected) == len(frame)
    assert frame.starting_at.is_monotonic_increasing


@each_report
def test_a_range_longer_than_the_report_allows_adds_up_to_all_that_was_used(used, what, report):
    app = Kept(used, 5)
    whole = VERBS[what]("90d", report=report, every=None, client=asked(app))
    by_day = VERBS[what]("90d", report=report, by="model", client=asked(app))
    since = spans.floor(NOW - timedelta(days=90), DAY).timestamp()
    code = report == "claude_code"
    uses = [u for u in used.used if u.at >= since and (u.product == "claude_code" or not code)]
    assert (1, len(app.asked) >= 6) == (len(whole), True)
    if what == "usage":
        tokens = sum(u.usage["input_tokens"] for u in uses)
        assert {tokens} == {whole.uncached_input_tokens.sum(), by_day.uncached_input_tokens.sum()}
    else:
        assert {paid(uses)} == {total(whole), total(by_day)}


@pytest.mark.parametrize("start", ["5m", "1h", "0d", "7d", "90d"])
@pytest.mark.parametrize("what", VERBS)
def test_without_buckets_what_was_used_in_this_hour_counts_too(what, start):
    made, measure = server(days=100), {"usage": "uncached_input_tokens", "cost": "amount_usd"}[what]
    said = {"model": MODELS[0], "usage": {"input_tokens": 100, "output_tokens": 10}}
    for minutes in (1, 45):
        made.charge(said, (NOW - timedelta(minutes=minutes)).timestamp(), ("apikey_practice_000001", None))
    whole = VERBS[what](start, every=None, client=asked(made))
    parts = VERBS[what](start, every="1h", client=asked(made))
    assert (1, 0) < (len(whole), whole[measure].sum())
    assert parts[measure].sum() == whole[measure].sum()


def test_no_request_asks_for_more_than_a_report_allows(used):
    app = Kept(used)
    admin.usage("90d", client=asked(app))
    admin.usage("90d", client=asked(app), every=None)
    admin.usage("2d", client=asked(app), every="1m")
    spread = [
        datetime.fromisoformat(q["ending_at"]) - datetime.fromisoformat(q["starting_at"]) for q in app.asked
    ]
    assert 10 == len(spread)
    assert 31 * DAY >= max(spread[:6])
    assert HOUR > spread[6]  # the hour that goes on, without buckets
    assert DAY >= max(spread[7:])


def test_a_month_of_hours_by_ten_groups_is_a_row_for_each():
    start = datetime(2026, 10, 1, tzinfo=UTC)
    rows = [
        {
            "starting_at": spans.text(start + n * HOUR),
            "ending_at": spans.text(start + (n + 1) * HOUR),
            "group": {"model": f"model-{group}"},
            "usage": {"uncached_input_tokens": 1, "total_tokens": 1},
        }
        for n in range(31 * 24)
        for group in range(10)
    ]
    app = Asked(json({"data": rows, "has_more": False, "next_page": None}))
    frame = admin.usage("2026-10-01", "2026-11-01", by="model", every="1h", client=asked(app))
    assert (7440, 1, 7440) == (len(frame), len(app.requests), frame.uncached_input_tokens.sum())


# exact: money


def costs(*amounts):
    rows = [
        {**GOOD, "cost": {"amount": a, "list_amount": a, "currency": "USD", "requests": 1}} for a in amounts
    ]
    return Asked(json({"data": rows, "has_more": False, "next_page": None}))


def test_amounts_are_decimals_converted_once_from_cents():
    frame = admin.cost("2026-11-01", "2026-11-02", client=asked(costs("123.45")))
    assert (Decimal("1.2345"), "USD") == (frame.amount_usd[0], frame.currency[0])
    assert 1.2345 == frame.amount_usd.astype(float)[0]


def test_sums_are_exact_also_where_a_notebook_has_a_coarse_decimal_context():
    amounts = ["0.1"] * 10 + ["0.000000000000000000001", "12345678901234567890"]
    with localcontext() as coarse:
        coarse.prec = 3
        frame = admin.cost("2026-11-01", "2026-11-02", client=asked(costs(*amounts)))
    with localcontext(catalog.EXACT):
        assert sum(map(Decimal, amounts)).scaleb(-2) == frame.amount_usd[0]


def test_an_amount_that_is_not_known_is_missing_and_never_nought():
    frame = admin.cost("2026-11-01", "2026-11-02", client=asked(costs("1", None)))
    assert ([True], [2]) == ([*frame.amount_usd.isna()], [*frame.requests])


def test_amounts_of_two_currencies_are_not_added():
    cost = {"amount": "1", "list_amount": "1"}
    rows = [{**GOOD, "cost": {**cost, "currency": name}} for name in ("USD", "EUR", "USD")]
    frame = admin.cost("2026-11-01", "2026-11-02", client=asked(Asked(json({"data": rows}))))
    assert {"USD": Decimal("0.02"), "EUR": Decimal("0.01")} == dict(
        zip(frame.currency, frame.amount_usd, strict=True)
    )


def test_the_legacy_cost_report_can_be_split_by_what_its_descriptions_consist_of(used):
    app = Kept(used)
    frame = admin.cost("9d", by=["model", "token_type"], report="legacy", every=None, client=asked(app))
    assert ["description"] == [v for r in app.requests for k, v in r.query if k == "group_by[]"]
    assert 6 == len(frame)
    assert {*MODELS} == {*frame.model}
    assert total(admin.cost("9d", report="legacy", client=asked(app))) == total(frame)


# tidy: columns, types, order


@each_report
def test_an_empty_report_has_the_columns_and_types_of_a_full_one(used, what, report):
    ask = {"by": ["model"], "report": report, "every": "1d"}
    full = VERBS[what]("20d", **ask, client=asked(used))
    empty = VERBS[what]("20d", **ask, client=asked(Practice(clock=NOW.timestamp)))
    assert (True, 0) == (len(full) > 0, len(empty))
    assert kinds(full) == kinds(empty)
    assert (MOMENT, MOMENT, "string") == tuple(kinds(full).values())[:3]


def test_a_frame_has_the_groups_that_were_asked_for_and_no_others(used):
    frame = admin.usage("3d", by=["workspace_id", "model"], client=asked(used))
    expected = ["starting_at", "ending_at", "workspace_id", "model", *REPORTS["usage"]["analytics"].measures]
    assert expected == [*frame.columns]
    assert {"Int64"} == set([*kinds(frame).values()][4:])


def test_a_bucket_has_its_largest_group_first(used):
    frame = admin.usage("20d", by="model", client=asked(used))
    falling = frame.groupby("starting_at").total_tokens.apply(lambda t: t.is_monotonic_decreasing)
    assert [True] == [*set(falling)]


def test_a_count_that_is_not_told_is_missing_in_every_sum_it_is_part_of():
    rows = [{**GOOD, "usage": {"output_tokens": 2, "requests": n}} for n in (1, None)]
    app = Asked(json({"data": rows, "has_more": False, "next_page": None}))
    frame = admin.usage("2026-11-01", "2026-11-02", client=asked(app))
    assert (4, True, True) == (frame.output_tokens[0], frame.requests.isna()[0], frame.total_tokens.isna()[0])


def test_an_actor_is_named_by_its_id_its_type_its_name_and_its_address(used):
    frame = admin.usage("3d", by="actor", client=asked(used))
    columns = ["actor", "actor.type", "actor.name", "actor.email_address"]
    assert ["user_practice_000001", "user_actor", "Practice Ada", "ada@example.org"] == [
        *frame[columns].iloc[0]
    ]
    coders = admin.usage("3d", by="actor", report="claude_code", client=asked(used))
    assert {"ada@example.org"} == {*coders.actor}


def test_claude_code_tells_of_sessions_unless_it_is_split_by_model(used):
    told = admin.usage("3d", report="claude_code", client=asked(used))
    split = admin.usage("3d", report="claude_code", by="model", client=asked(used))
    assert {"num_sessions", "lines_of_code.added", "edit_tool.accepted"} <= {*told.columns}
    assert {"num_sessions"}.isdisjoint(split.columns)
    assert told.total_tokens.sum() == split.total_tokens.sum()


def test_the_default_workspace_is_a_missing_key_in_the_legacy_report_and_its_tokens_count(used):
    frame = admin.usage("20d", by="workspace_id", every=None, report="legacy", client=asked(used))
    whole = admin.usage("20d", every=None, report="legacy", client=asked(used))
    assert ([WORKSPACES[1]], 1) == ([*frame.workspace_id.dropna()], frame.workspace_id.isna().sum())
    assert whole.total_tokens.sum() == frame.groupby("workspace_id", dropna=False).total_tokens.sum().sum()


@pytest.mark.parametrize("models", ["haiku", ["haiku"], MODELS[0]])
def test_what_is_a_short_word_elsewhere_is_one_here(models, used):
    expected = admin.usage("2d", models=[MODELS[0]], every=None, client=asked(used))
    found = admin.usage("2d", models=models, every="none", client=asked(used))
    assert 0 < found.total_tokens.sum()
    assert expected.equals(found)


def test_a_frame_remembers_what_was_asked_and_who_answered(used):
    frame = admin.usage("2d", by="model", models=[MODELS[0]], client=asked(used))
    expected = {
        "report": "analytics",
        "by": ["model"],
        "every": "1d",
        "start": datetime(2026, 11, 20, tzinfo=UTC),
        "end": NOW,
        "filters": {"models": [MODELS[0]]},
        "source": "practice",
        "data_refreshed_at": spans.text(NOW),
    }
    assert expected == frame.attrs
    assert "live" == admin.cost("2d", client=asked(costs("1"))).attrs["source"]


# what is sent


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        (date(2026, 11, 1), "2026-11-01T00:00:00Z"),
        ("2026-11-01T10:00+02:00", "2026-11-01T08:00:00Z"),
        (" 2026-11-01T10:00Z ", "2026-11-01T10:00:00Z"),
        (datetime(2026, 11, 1, 9, tzinfo=UTC), "2026-11-01T09:00:00Z"),
        (pd.Timestamp("2026-11-01 09:00", tz="Europe/Paris"), "2026-11-01T08:00:00Z"),
        ("7d", "2026-11-15T00:00:00Z"),
        ("1w", "2026-11-15T00:00:00Z"),
        ("24h", "2026-11-21T00:00:00Z"),
        ("5h", "2026-11-22T07:00:00Z"),
        ("90m", "2026-11-22T11:00:00Z"),
        ("0d", "2026-11-22T00:00:00Z"),
        (timedelta(days=7), "2026-11-15T00:00:00Z"),
    ],
    ids=str,
)
def test_a_start_may_be_a_day_a_time_with_its_zone_or_a_time_back(used, start, sent):
    app = Kept(used)
    admin.usage(start, client=asked(app))
    assert (sent, "2026-11-22T12:30:00Z") == (app.asked[0]["starting_at"], app.asked[-1]["ending_at"])


def test_a_time_back_counts_from_the_end_and_an_end_to_come_is_now(used):
    app = Kept(used)
    admin.usage("7d", "2026-11-10", client=asked(app))
    admin.usage("2026-11-20", "2026-12-01", client=asked(app))
    expected = [
        ("2026-11-03T00:00:00Z", "2026-11-10T00:00:00Z"),
        ("2026-11-20T00:00:00Z", "2026-11-22T12:30:00Z"),
    ]
    assert expected == [(q["starting_at"], q["ending_at"]) for q in app.asked]


def test_filters_are_sent_with_every_piece_of_a_range(used):
    app = Kept(used)
    frame = admin.usage("90d", by="model", client=asked(app), models=(m for m in MODELS[:1]))
    assert [MODELS[0]] * 3 == [dict(r.query)["models[]"] for r in app.requests]
    assert {MODELS[0]} == {*frame.model}


def test_a_filter_has_one_name_in_all_reports(used):
    app = Kept(used)
    for report in ("analytics", "legacy"):
        admin.usage("2d", report=report, context_windows=["0-200k"], client=asked(app))
    assert ["context_windows[]", "context_window[]"] == [
        next(k for k, _ in r.query if k.startswith("context")) for r in app.requests
    ]


def test_the_legacy_report_by_speed_sends_the_header_that_this_needs(used):
    app = Kept(used)
    assert {"standard"} == {*admin.usage("2d", by="speed", report="legacy", client=asked(app)).speed}
    admin.usage("2d", report="legacy", client=asked(app))
    assert ["fast-mode-2026-02-01", None] == [r.headers.get("anthropic-beta") for r in app.requests]


def test_a_report_is_asked_with_the_admin_key_and_a_plain_one_is_told_what_to_do(used):
    app = Kept(used)
    admin.usage("2d", client=asked(app))
    assert f"Bearer {KEY}" == app.requests[0].headers["authorization"]
    with pytest.raises(AuthenticationError) as caught:
        admin.usage("2d", client=Door(used).client)
    assert "ANTHROPIC_ADMIN_KEY" in caught.value.hint


def test_without_a_client_the_session_is_asked(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")
    monkeypatch.setattr(practice.shared(), "clock", NOW.timestamp)
    assert "practice" == admin.usage("1d").attrs["source"]


# refused, and nothing sent

SIX = ["model", "product", "speed", "service_tier", "workspace_id", "api_key_id"]


@pytest.mark.parametrize(
    ("start", "options", "told"),
    [
        (NAIVE, {}, "without a zone: 2026-01-15T00:00:00"),
        ("2026-11-01T10:00", {}, "without a zone: 2026-11-01T10:00:00"),
        ("2d", {"end": NAIVE}, "end is a time without a zone"),
        (pd.Timestamp("2026-11-01"), {}, "without a zone"),
        (pd.NaT, {}, "neither a day nor a time"),
        ("2026-11-32", {}, "neither a day nor a time: '2026-11-32'"),
        ("last week", {}, "neither a day nor a time"),
        (20261101, {}, "neither a day nor a time"),
        (None, {}, "neither a day nor a time"),
        ("999999w", {}, "too long ago"),
        (datetime.max.replace(tzinfo=UTC), {}, "in the future"),
        ("2026-11-23", {}, "in the future"),
        ("2099-01-01", {"end": "2099-02-01"}, "in the future"),
        (timedelta(days=-3), {}, "in the future"),
        ("2026-11-20", {"end": "2026-11-20"}, "not after its start"),
        ("2026-11-20", {"end": "2026-11-01"}, "not after its start"),
        ("2025-12-31", {}, "reaches back to 2026-01-01"),
        ("2d", {"by": "modell"}, "did you mean model?"),
        ("2d", {"by": ["model", 5]}, "by cannot be 5"),
        ("2d", {"by": 5}, "by cannot be 5"),
        ("2d", {"by": [["model"]]}, "by cannot be ['model']"),
        ("2d", {"by": "token_type"}, "Usage is not split by token_type, cost is"),
        ("2d", {"by": SIX}, "5 groups, not by 6"),
        ("2d", {"every": "1day"}, "did you mean 1d?"),
        ("2d", {"every": 1}, "every cannot be 1"),
        ("2d", {"every": "1h", "report": "claude_code"}, "every cannot be '1h'"),
        ("2d", {"report": "legcy"}, "did you mean legacy?"),
        ("2d", {"report": None}, "report cannot be None"),
        ("2d", {"model": "claude-haiku-5-5"}, "did you mean models?"),
        ("2d", {"models": []}, "models is empty"),
        ("2d", {"models": ["a"], "report": "claude_code"}, "A filter cannot be 'models'"),
        ("2d", {"limit": 5}, "A filter cannot be 'limit'"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_in_one_sentence_before_anything_is_sent(start, options, told):
    app = Asked(json({}))
    with pytest.raises(InputError) as caught:
        admin.usage(start, **options, client=asked(app))
    assert told in caught.value.message
    assert (True, []) == (bool(caught.value.hint), app.requests)


def test_by_a_day_tells_that_time_is_split_by_every():
    with pytest.raises(InputError) as caught:
        admin.usage("2d", by=["model", "day"], client=asked(Asked(json({}))))
    assert 'every="1d"' in caught.value.hint


def test_what_a_cost_is_split_by_does_not_count_towards_the_five_groups(used):
    frame = admin.cost("2d", by=[*SIX[:5], *SPLITS], client=asked(used))
    assert [*SIX[:5], *SPLITS] == [*frame.columns[2:9]]


def test_the_legacy_report_reaches_further_back(used):
    assert 0 == len(admin.usage("2025-10-01", "2025-12-01", report="legacy", client=asked(used)))


def test_an_async_client_is_refused():
    with pytest.raises(InputError, match="client is <AsyncClient"):
        admin.usage("2d", client=AsyncClient(base_url="practice:"))


@pytest.mark.parametrize(
    "data",
    [
        5,
        None,
        [5],
        [{}],
        [{**GOOD}],
        [{**GOOD, "cost": 5}],
        [{**GOOD, "group": None, "cost": {"amount": "1"}}],
        [{**GOOD, "starting_at": "then", "cost": {"amount": "1"}}],
        [{**GOOD, "starting_at": None, "cost": {"amount": "1"}}],
        [{**GOOD, "cost": {"amount": "a lot"}}],
        [{**GOOD, "cost": {"amount": "1", "requests": "many"}}],
        [{**GOOD, "cost": {"amount": ["1"]}}],
    ],
    ids=str,
)
def test_s5_an_answer_of_another_form_is_a_claude_error_that_names_the_request(data):
    with pytest.raises(APIResponseError) as caught:
        admin.cost("2d", by="model", client=asked(Asked(json({"data": data}))))
    assert "req_1" == caught.value.request_id


def test_fields_and_keys_that_are_not_known_today_do_no_harm():
    row = {**GOOD, "group": {"model": {"name": "m", "n": 1}}, "usage": {"new_tokens": 5}, "more": 1}
    frame = admin.usage("2d", by="model", client=asked(Asked(json({"data": [row]}))))
    assert ('{"n": 1, "name": "m"}', True) == (frame.model[0], frame.output_tokens.isna()[0])


# the clock


def test_r4_now_is_the_servers_in_practice(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(practice.shared(), "clock", lambda: 1_800_000_000.7)
    assert datetime.fromtimestamp(1_800_000_000, UTC) == admin._now(Client(base_url="practice:"))
    assert timedelta(minutes=1) > abs(datetime.now(UTC) - admin._now(Door(Asked()).client))


# progress


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_on_a_terminal_that_goes_again(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_S", -1)
    monkeypatch.setattr(sys, "stderr", Screen())
    assert [*"abc"] == [*progress.counted("abc", "usage")]
    shown = sys.stderr.getvalue().split("\r")
    assert ["", "usage: 0 of 3 ranges", "usage: 1 of 3 ranges", "usage: 2 of 3 ranges"] == shown[:4]
    assert ["", ""] == [text.strip() for text in shown[4:]]
    assert "\n" not in sys.stderr.getvalue()


def test_the_line_goes_too_when_a_report_breaks_off(monkeypatch, used):
    monkeypatch.setattr(progress, "PATIENCE_S", -1)
    monkeypatch.setattr(sys, "stderr", Screen())
    with pytest.raises(ClaudeError):
        admin.usage("90d", client=asked(Asked(json({"data": []}), json({"data": 5}))))
    assert "" == sys.stderr.getvalue().split("\r")[-2].strip()


@pytest.mark.parametrize(("screen", "options"), [(Screen, {"progress": False}), (io.StringIO, {})])
def test_nothing_is_shown_where_nobody_watches_or_wants_it(monkeypatch, used, screen, options):
    monkeypatch.setattr(progress, "PATIENCE_S", -1)
    monkeypatch.setattr(sys, "stderr", screen())
    admin.usage("90d", client=asked(used), **options)
    assert "" == sys.stderr.getvalue()


def test_a_report_that_is_soon_there_shows_nothing(monkeypatch, used):
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(progress, "PATIENCE_S", 60)
    admin.usage("90d", client=asked(used))
    assert "" == sys.stderr.getvalue()


SLOW = """
from claude_magic.frames import progress
progress.PATIENCE_S = -1
[*progress.counted("abc", "usage")]
"""


@pytest.mark.kernel
def test_a_cell_that_is_watched_has_a_line_that_is_empty_at_the_end_and_others_have_none(kernel):
    watched = kernel.run(SLOW, answers=[])
    texts = [c["data"].get("text/plain") for c in watched.of("display_data", "update_display_data")]
    assert [f"usage: {n} of 3 ranges" for n in range(3)] == texts[:3]
    assert ({}, "") == (watched.outputs[0]["data"], watched.stderr)
    assert [] == kernel.run(SLOW).of("display_data", "update_display_data")


def test_dir_shows_the_two_verbs_alone():
    assert ["cost", "usage"] == dir(admin)
