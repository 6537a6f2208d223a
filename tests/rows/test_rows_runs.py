"""Can a reader see what was run, what came of it, and be rid of it?"""

from __future__ import annotations

import json
import math
import os
import stat
from decimal import Decimal

import pandas as pd
import pytest

from claude_magic import schema, wire
from claude_magic.errors import InputError
from claude_magic.rows.kept import journal as journals
from claude_magic.rows.kept.journal import Run
from claude_magic.rows.kept.registry import Job
from claude_magic.rows.kept.runs import run, runs
from claude_magic.rows.outcome import Outcome
from tests.doors import answer

DAY = 86_400_000_000
KEYS = ["a", "b", "", "c", "a", "d"]


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path / "data"))
    made = journals.shared()
    yield made
    made.disk.close()


def ok(key, text, cost="0.25", **more):
    message = wire.encode(answer(text))
    return Outcome(
        key, "ok", message, input_tokens=10, output_tokens=5, cost_usd=cost and Decimal(cost), **more
    )


@pytest.fixture
def topics(journal):
    """A run of six rows: two alike, one not asked, one failed, one answered before, one missing."""
    journal.write([ok("b", "before", "100")], "earlier")
    begun = Run("topics", model="claude-haiku-5-5", template="Say {x}", source="live", started_at=DAY)
    journal.begin(begun._replace(notebook="lesson.ipynb"), KEYS)
    failed = Outcome("c", "error", error_type="overloaded_error", error="Over <b>loaded</b>")
    journal.write([ok("a", "hello"), failed], "topics")
    journal.end("topics")
    return run("topics")


def test_runs_are_a_frame_with_what_each_paid_for_itself(topics):
    found = runs()
    assert {
        "started": pd.Timestamp(DAY, unit="us", tz="UTC"),
        "state": "ended",
        "mode": "live",
        "model": "claude-haiku-5-5",
        "rows": 6,
        "ok": 3,
        "failed": 2,
        "tokens": 15,
        "cost_usd": 0.25,
        "source": "live",
        "notebook": "lesson.ipynb",
    } == found.loc["topics"].to_dict()
    assert "datetime64[us, UTC]" == str(found.started.dtype)


def test_without_a_run_the_frame_has_the_same_columns_and_types(journal):
    none = runs()
    journal.begin(Run("r"), ["a"])
    assert none.dtypes.to_dict() == runs().dtypes.to_dict() and 0 == len(none)


def test_the_newest_run_comes_first(topics, journal):
    journal.begin(Run("newer", started_at=2 * DAY), ["a"])
    journal.begin(Run("older", started_at=1), ["a"])
    assert ["newer", "topics", "older"] == [*runs().index]


def test_m10_a_cost_that_is_not_known_is_missing_not_zero(journal):
    journal.begin(Run("r"), ["a", "b"])
    journal.write([ok("a", "x", None), ok("b", "y")], "r")
    assert runs().cost_usd.isna().to_list() == [True]
    assert "price unknown" in repr(run("r"))


def test_what_comes_after_the_end_of_a_run_counts_too(topics, journal):
    assert 3 == runs().ok["topics"]
    journal.write([ok("c", "late")], "topics")
    assert (4, 0.5) == (runs().ok["topics"], runs().cost_usd["topics"])


def test_counts_of_a_run_that_is_over_are_written_down(topics, journal):
    assert None is journal.sums("topics")
    before = run("topics").sums.told(0)
    assert before == run("topics").sums.told(0)
    assert None is not journal.sums("topics")


def test_the_frame_has_a_row_for_each_row_of_the_data(topics):
    frame = topics.frame()
    assert ["claude_text", "claude_status", "claude_error"] == [*frame.columns]
    assert ["hello", "before", None, None, "hello", None] == [
        None if pd.isna(x) else x for x in frame.claude_text
    ]
    assert ["ok", "ok", "error", "error", "ok", "missing"] == [*frame.claude_status]


def test_the_frame_of_a_run_with_an_output_has_its_fields_and_types(journal):
    shape = schema.shape({"name": str, "count": int})
    journal.begin(Run("r", output=wire.encode(shape.schema).decode(), prefix="x_"), ["a", "b"])
    journal.write([ok("a", '{"name": "n", "count": 3}')], "r")
    frame = run("r").frame()
    assert ("n", 3, "Int64") == (frame.x_name[0], frame.x_count[0], str(frame.x_count.dtype))
    assert "missing" == frame.x_status[1]


def test_errors_are_the_rows_that_are_not_ok_by_their_numbers(topics):
    errors = topics.errors()
    assert {2: "error", 3: "error", 5: "missing"} == errors.claude_status.to_dict()
    assert ("overloaded_error", "c") == (errors.claude_error_type[3], errors.claude_key[3])


def test_why_rows_could_not_be_asked_is_kept_with_their_run_until_it_is_forgotten(journal):
    begun, why = (
        Run("topics"),
        {2: ("missing_value", "text is missing"), 3: ("secret", "of a row with a key")},
    )
    journal.begin(begun, KEYS, why)
    found = run("topics").frame().claude_error
    assert ["text is missing", True] == [found[2], pd.isna(found[3])]
    assert ("missing_value", "text is missing") == tuple(
        run("topics").errors().loc[2, ["claude_error_type", "claude_error"]]
    )
    journal.begin(begun, KEYS)
    assert "No request could be made of this row" == run("topics").frame().claude_error[2]
    journal.begin(begun, KEYS, why)
    run("topics").forget()
    assert [] == journal.disk.select("SELECT * FROM answers")


def test_without_a_store_it_is_not_kept_why_rows_could_not_be_asked(journal):
    journals.shared(False).begin(Run("topics"), KEYS, {2: ("missing_value", "text is missing")})
    assert "No request could be made of this row" == run("topics", False).frame().claude_error[2]
    assert [(None,)] == journal.disk.select("SELECT error FROM answers")


def test_an_unknown_run_is_an_input_error_with_the_nearest(topics):
    with pytest.raises(InputError, match='There is no run "topic"') as told:
        run("topic")
    assert 'Did you mean "topics"?' in told.value.hint


def test_what_is_no_name_is_an_input_error_that_says_where_names_are(topics):
    with pytest.raises(InputError, match='There is no run "5"') as told:
        run(5)
    assert "claude_magic.runs() lists them." == told.value.hint


def test_a_run_shows_itself_and_its_failures_as_text(topics):
    assert "Run topics: ended · live · claude-haiku-5-5 · 6 rows · 3 ok · 2 failed · $0.25" == repr(topics)
    page = topics._repr_html_()
    assert "6 rows" in page and "Over &lt;b&gt;loaded" in page and "<b>loaded" not in page


def test_practice_is_labelled(journal):
    journal.begin(Run("r", source="practice"), ["a"])
    assert repr(run("r")).endswith(" · practice")
    assert ">practice</span>" in run("r")._repr_html_()


def test_an_export_has_a_line_for_each_request_and_is_for_its_owner_alone(topics, tmp_path):
    path = topics.export(tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [("a", [0, 4]), ("b", [1]), ("c", [3])] == [(line["key"], line["rows"]) for line in lines]
    assert ("0.25", "hello", "topics") == (
        lines[0]["cost_usd"],
        lines[0]["message"]["content"][0]["text"],
        lines[0]["run"],
    )
    if os.name == "posix":
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_an_export_takes_the_place_of_a_file_only_when_told(topics, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        topics.export(path)
    assert "mine" == path.read_text()
    assert path == topics.export(str(path), overwrite=True)
    assert 3 == len(path.read_text().splitlines())
    assert [path.name, "data"] == sorted((p.name for p in tmp_path.iterdir()), reverse=True)


def test_forgetting_a_run_removes_it_and_its_answers(topics, journal):
    topics.forget()
    assert ({}, 0) == (journal.find(KEYS, "live"), len(runs()))
    assert "Run topics: forgotten" == repr(topics)
    assert "forgotten" in topics._repr_html_()


def test_m6_a_run_whose_batch_is_paid_for_is_not_forgotten(topics, journal, tmp_path):
    results = tmp_path / "results.jsonl"
    results.write_text("{}")
    (part,) = journal.batches.intend(Job("j", "topics"), [("sha", ["a"])])
    part = journal.batches.change(part, state="made", batch_id="msgbatch_1")
    with pytest.raises(InputError, match="msgbatch_1"):
        topics.forget()
    journal.batches.change(part, state="stored", results=str(results))
    topics.forget()
    assert ([], False) == (journal.batches.jobs(), results.exists())


def test_another_file_has_runs_of_its_own(topics, tmp_path):
    other = tmp_path / "other.sqlite"
    journals.shared(other).begin(Run("there"), ["a"])
    assert ["there"] == [*runs(other).index]
    assert math.isclose(0, run("there", other).sums.cost)
