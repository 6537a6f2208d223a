"""Are the ledger's and the catalogue's frames tidy, typed and honest?"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from claude_magic import ledger
from claude_magic.errors import InputError
from claude_magic.frames import models, usage
from claude_magic.ledger import Entry
from claude_magic.limits import Budgets

START = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@pytest.fixture
def calls():
    costs = [Decimal("0.1"), Decimal("0.2"), None, Decimal("0.7")]
    for n, cost in enumerate(costs):
        ledger.shared().record(
            Entry(
                time=START + timedelta(hours=n),
                session="s",
                notebook="a.ipynb",
                thread="main",
                model=["claude-haiku-5-5", "claude-opus-5-5"][n % 2],
                input_tokens=10 * n,
                output_tokens=None if n == 2 else n,
                cost_usd=cost,
                latency_s=1.5,
                source="practice" if n == 3 else "live",
            )
        )


def kinds(frame):
    return {name: str(kind) for name, kind in frame.dtypes.items()}


def test_the_frame_of_calls_is_one_row_a_call_with_proper_types(calls):
    frame = usage()
    assert [START + timedelta(hours=n) for n in range(4)] == [*frame.time]
    assert {
        "time": "datetime64[us, UTC]",
        "source": "category",
        "input_tokens": "Int64",
        "cost_usd": "float64",
    } == {
        name: kind
        for name, kind in kinds(frame).items()
        if name in ("time", "source", "input_tokens", "cost_usd")
    }
    assert [False, False, True, False] == [*frame.output_tokens.isna()]


@pytest.mark.parametrize("by", [None, "model", "day", ["thread", "outcome"]], ids=str)
def test_an_empty_ledger_gives_the_same_columns_and_types(calls, by, monkeypatch, tmp_path):
    full = kinds(usage(by=by))
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    empty = usage(by=by)
    assert (0, full) == (len(empty), kinds(empty))


def test_m10_a_sum_over_an_unknown_price_says_so_and_is_exact(calls):
    frame = usage(by="source")
    assert ["live", "practice"] == [*frame.source]
    assert [3, 1] == [*frame.calls]
    assert [0.3, 0.7] == [*frame.cost_usd]  # 0.1 + 0.2 in floats is not 0.3
    assert [1, 0] == [*frame.unpriced_calls]


def test_m10_a_group_without_any_known_price_has_no_cost(calls):
    frame = usage(by=["model", "day"], source="live")
    assert [True] == [*frame[frame.unpriced_calls == 1].cost_usd.isna()]


def test_o6_groups_are_kept_apart_by_source_whatever_they_are_grouped_by(calls):
    frame = usage(by="notebook")
    assert [("a.ipynb", "live"), ("a.ipynb", "practice")] == [*zip(frame.notebook, frame.source, strict=True)]


def test_days_are_utc_days(calls):
    assert [pd.Timestamp("2026-11-20"), pd.Timestamp("2026-11-21")] == [*usage(by="day", source="live").day]


@pytest.mark.parametrize(
    "since", ["2026-11-21", datetime(2026, 11, 21, 1, tzinfo=UTC) - timedelta(minutes=45)], ids=str
)
def test_since_takes_a_day_or_a_time(calls, since):
    assert 3 == len(usage(since=since))


@pytest.mark.parametrize(
    "options",
    [
        *({"by": by} for by in ("colour", 5, ["model", 5])),
        *({"source": source} for source in ("practise", 5, ["live", None])),
        *({"since": since} for since in ("whenever", ["a list"], "NaT")),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_one_clear_error(options):
    with pytest.raises(InputError) as e:
        usage(**options)
    assert e.value.hint


def test_a_call_under_way_is_not_in_the_frame_until_it_is_settled():
    books = ledger.shared()
    held = books.reserve(Decimal(1), Budgets(), session="s")
    assert 0 == len(usage())
    books.settle(held, Entry(time=START, cost_usd=Decimal("0.5")))
    assert ["s"] == [*usage().session]


def test_models_are_the_catalogue_when_nobody_can_be_asked():
    frame = models()
    assert "id" == frame.index.name
    assert {"catalogue"} == {*frame.source}
    assert "no API key" in frame.attrs["note"]
    haiku = frame.loc["claude-haiku-5-5"]
    assert (0.1, 0.5, 1_000_000) == (haiku.input_usd, haiku.output_usd, haiku.context_window)
    assert "adaptive, disabled (effort<=high)" == haiku.thinking
    assert "low medium* high xhigh max" == haiku.effort
    assert pd.Timestamp("2026-11-30") == frame.loc["claude-sonnet-4-5-20250929"].retires
    assert (
        frame.loc["claude-mythos-preview", "input_usd"] != frame.loc["claude-mythos-preview", "input_usd"]
    )  # NaN


class Listing:
    """What `models()` needs of a client, with a service that lists one known and one new model."""

    base_url = "https://example.test"

    def with_options(self, **_):
        return self

    @property
    def models(self):
        return self

    def list(self, **_):
        yield {
            "id": "claude-haiku-5-5",
            "lifecycle": "deprecated",
            "retires_at": "2027-12-01T00:00:00Z",
            "line": None,
        }
        yield {"id": "claude-next-6", "display_name": "Next", "lifecycle": "active", "max_input_tokens": 5}


def test_what_the_service_lists_is_laid_over_the_catalogue():
    frame = models(Listing())
    known, new = frame.loc["claude-haiku-5-5"], frame.loc["claude-next-6"]
    assert ("catalogue + service", "deprecated", "haiku", 0.1) == (
        known.source,
        known.status,
        known.line,
        known.input_usd,
    )
    assert pd.Timestamp("2027-12-01") == known.retires
    assert ("service", "Next", 5) == (new.source, new.display_name, new.context_window)
    assert kinds(models()) == kinds(frame)


def test_what_is_no_client_is_one_clear_error():
    with pytest.raises(InputError, match="5 is no client") as caught:
        models(5)
    assert "models(Client())" in caught.value.hint


def test_o6_models_listed_by_the_practice_server_say_practice(client):
    frame = models(client)
    assert "catalogue + practice" == frame.loc["claude-haiku-5-5"].source


def test_the_frames_module_leaves_pandas_alone_until_it_is_asked():
    code = "import sys, claude_magic.frames; print('pandas' in sys.modules)"
    assert (
        "False\n"
        == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
