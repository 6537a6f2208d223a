"""Do prompts go over rows, and come back as columns, paid for once?"""

from __future__ import annotations

import signal
from decimal import Decimal
from typing import Literal

import pandas as pd
import pytest

import claude_magic
from claude_magic import ledger, settings
from claude_magic.errors import BadRequestError, ClaudeError, ConfigError, InputError, Stopped
from claude_magic.keys import PRACTICE_KEY
from claude_magic.practice import Practice
from claude_magic.rows import going, mapping, progress
from claude_magic.rows.batch.batchjob import BatchJob
from claude_magic.rows.batch.desk import BatchWarning
from tests import doors
from tests.ports import on_a_port
from tests.rows.posts import MODEL, Post

REVIEWS = pd.DataFrame(
    {
        "text": ["It is good and cheap", "It was a bad one", "A very good one", "It was a bad one"],
        "stars": [5, 1, 4, 2],
    },
    index=["a", "b", "b", "d"],
)
JUDGE = "Is this review good or bad? {text}"
QUALITY = Literal["good", "bad"]
ANSWERS = ["claude_text", "claude_status", "claude_error"]


@pytest.fixture(autouse=True)
def practising():
    settings.use("practice", True)


@pytest.fixture(autouse=True)
def another_process():
    """Forget what was asked, as at the start of a kernel."""
    yield
    mapping._calls.clear()
    going._gates.clear()


def calls() -> int:
    """Return how many calls this test has in the ledger."""
    return len(ledger.shared().rows())


def test_answers_stand_beside_the_rows_and_nothing_else_is_changed():
    made = claude_magic.map(REVIEWS, JUDGE, output={"quality": QUALITY})
    pd.testing.assert_frame_equal(REVIEWS, made[["text", "stars"]])
    assert ["good", "bad", "good", "bad"] == made["claude_quality"].tolist()
    assert ["text", "stars", "claude_quality", "claude_status", "claude_error"] == list(made.columns)
    assert isinstance(made["claude_quality"].dtype, pd.CategoricalDtype)
    assert ["ok"] * 4 == made["claude_status"].tolist()


def test_rows_that_ask_the_same_are_asked_once_and_without_dedupe_each():
    claude_magic.map(REVIEWS, JUDGE)
    assert 3 == calls()
    claude_magic.map(REVIEWS, JUDGE, dedupe=False)
    assert 4 == calls()


def test_m9_the_same_map_costs_once_in_whatever_way_it_is_called():
    first = claude_magic.map(REVIEWS, JUDGE)
    paid = calls()
    again = REVIEWS.claude.map(JUDGE, details=True)
    assert paid == calls()
    assert first["claude_text"].tolist() == again["claude_text"].tolist()
    assert again["claude_cached"].all()


def test_without_resume_all_is_asked_again():
    claude_magic.map(REVIEWS, JUDGE)
    claude_magic.map(REVIEWS, JUDGE, resume=False)
    assert 6 == calls()


def test_practice_answers_never_stand_for_real_ones():
    claude_magic.map(REVIEWS, JUDGE)
    settings.use("practice", False)
    with pytest.raises(ConfigError, match="There is no API key"):
        claude_magic.map(REVIEWS, JUDGE)


def test_a_series_and_a_list_come_back_as_frames():
    made = REVIEWS["text"].claude.map(JUDGE)
    assert ["text", *ANSWERS] == list(made.columns)
    assert ["value", *ANSWERS] == list(claude_magic.map(["one", "two"], "Count {value}").columns)


def test_no_rows_make_no_call_need_no_key_and_have_the_types():
    settings.use("practice", False)
    made = claude_magic.map(REVIEWS.head(0), JUDGE, output={"n": int, "quality": QUALITY})
    assert ["Int64", "category", "category", "string"] == [str(d) for d in made.dtypes.iloc[2:]]
    assert (0, 0) == (len(made), calls())


def test_a_row_that_fails_or_lacks_its_value_costs_the_others_nothing():
    frame = pd.DataFrame({"text": ["good to have", None, "practice:400", float("nan"), "a bad one"]})
    made = claude_magic.map(frame, JUDGE, output=QUALITY)
    assert ["ok", "error", "error", "error", "ok"] == made["claude_status"].tolist()
    assert "text is missing" == made["claude_error"][1] == made["claude_error"][3]
    assert "practice:400" in made["claude_error"][2]
    assert made["claude_value"].isna().tolist() == [False, True, True, True, False]


def test_on_error_raise_raises_for_the_first_of_them_with_the_frame():
    frame = pd.DataFrame({"text": ["good", "practice:400", None]})
    with pytest.raises(ClaudeError, match="2 of 3 rows failed; the first is row 1: practice drill") as caught:
        claude_magic.map(frame, JUDGE, on_error="raise")
    assert ["ok", "error", "error"] == caught.value.answer["claude_status"].tolist()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("prompt", "given", "message"),
    [
        ("Sum up {txt}", {}, "there is no column txt"),
        ("Sum up", {}, "names no column"),
        (JUDGE, {"output": {"stars": int}, "prefix": ""}, "There is a column stars already"),
        (JUDGE, {"mode": "fast"}, "mode='fast' is not known"),
        (JUDGE, {"on_error": "ignore"}, "on_error='ignore' is not known"),
    ],
)
def test_what_cannot_be_meant_is_an_error_before_any_call(prompt, given, message):
    with pytest.raises(InputError, match=message) as caught:
        claude_magic.map(REVIEWS, prompt, **given)
    assert caught.value.hint
    assert (0, 0) == (calls(), len(claude_magic.runs()))


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ({"outputs": int}, "Did you mean output=?"),
        ({"schema": int}, "Did you mean output=?"),
        ({"workers": 9}, "Did you mean concurrency=?"),
        ({"temperature": 0}, "Did you mean params=?"),
        ({"maxcost": 1}, "Did you mean max_cost=?"),
        ({"nonsense": 1}, "There are output, choices"),
    ],
)
def test_an_unknown_keyword_names_the_one_that_is_meant(given, near):
    for verb in (claude_magic.map, claude_magic.preview, claude_magic.estimate):
        with pytest.raises(TypeError) as caught:
            verb(REVIEWS, JUDGE, **given)
        assert near in caught.value.hint
    with pytest.raises(TypeError, match=r"classify\(\) got an unexpected"):
        claude_magic.classify(REVIEWS, "text", ["good", "bad"], **given)


def test_a_preview_pays_for_some_rows_that_map_does_not_pay_for_again(capsys):
    shown = claude_magic.preview(REVIEWS, JUDGE, n=2)
    assert 2 == calls()
    assert ["Is this review good or bad? It is good and cheap"] == shown["claude_prompt"].tolist()[:1]
    assert [
        "claude_prompt",
        *ANSWERS,
        "claude_input_tokens",
        "claude_output_tokens",
        "claude_cost_usd",
    ] == list(shown.columns)
    assert "good and cheap" in repr(shown)
    claude_magic.map(REVIEWS, JUDGE)
    assert 3 == calls()


def test_a_preview_of_more_rows_than_there_are_is_all_of_them():
    assert 3 == len(claude_magic.preview(REVIEWS, JUDGE, n=99))
    assert 0 == len(claude_magic.preview(REVIEWS.head(0), JUDGE))


def test_an_estimate_asks_nothing_and_of_a_path_it_is_the_notebook_s(tmp_path):
    found = claude_magic.estimate(REVIEWS, JUDGE)
    assert {"live", "batch"} == set(found["mode"])
    assert {3} == set(found["requests"])
    assert 0 == calls()
    path = tmp_path / "lesson.ipynb"
    path.write_text('{"cells": []}')
    assert ["total"] == claude_magic.estimate(path).index.tolist()
    assert ["total"] == claude_magic.estimate(str(path), {}).index.tolist()
    with pytest.raises(InputError, match="There is no prompt"):
        claude_magic.estimate(REVIEWS)


def test_an_estimate_knows_of_the_limits_that_an_earlier_map_met_and_of_the_answers_of_a_preview():
    before = claude_magic.estimate(REVIEWS, JUDGE)
    claude_magic.preview(REVIEWS, JUDGE, n=3)
    after = claude_magic.estimate(REVIEWS.assign(text=REVIEWS["text"] + "!"), JUDGE)
    assert [True, False] == [frame["minutes"].isna()[0] for frame in (before, after)]
    assert "output by 3 answers of earlier runs" in after.attrs["note"]
    other = claude_magic.estimate(REVIEWS, "Sum up {text}", model="opus")
    assert other["minutes"].isna().all()


def test_a_retry_finds_its_run_in_another_store(tmp_path):
    frame, store = pd.DataFrame({"text": ["good", "practice:529x1 bad"]}), tmp_path / "other.sqlite"
    claude_magic.map(frame, JUDGE, max_attempts=1, name="reviews", store=store)
    assert ["ok", "ok"] == claude_magic.retry("reviews", frame, store=store)["claude_status"].tolist()
    with pytest.raises(InputError, match="There is no run"):
        claude_magic.retry("reviews", frame)
    assert ["ok", "ok"] == claude_magic.run("reviews", store=store).retry(frame)["claude_status"].tolist()


def test_what_a_map_paid_is_in_the_books_with_its_cell(shell):
    shell.ip.user_ns["frame"] = REVIEWS
    shell.run("1 + 1")
    shell.run("import claude_magic; made = claude_magic.map(frame, 'Is it good? {text}', progress=False)")
    assert {"2"} == {row.cell for row in ledger.shared().rows()}


def test_a_practice_server_on_a_port_is_known_before_it_answers():
    settings.use("practice", False)
    with on_a_port(Practice()) as url, claude_magic.Client(base_url=url, api_key=PRACTICE_KEY) as client:
        for paid in (3, 3):
            made = claude_magic.map(REVIEWS, JUDGE, client=client, details=True)
            sources = ({*made["claude_source"]}, {*claude_magic.runs()["source"]})
            assert ({"practice"}, {"practice"}) == sources
            assert paid == calls()


# ---- rows of a batch ---------------------------------------------------------------------------------------


NEVER = "practice:slow@1000"  # such a request ends in no batch, and soon when it is asked live


def test_m9_rows_that_are_under_way_in_a_batch_are_not_asked_and_paid_for_live_too():
    frame = pd.DataFrame({"text": [NEVER, "good"]})
    claude_magic.map(frame.head(1), JUDGE, mode="batch", name="boats")
    with pytest.warns(BatchWarning, match=r'1 of the requests are under way in a batch.*attach\("boats"\)'):
        made = claude_magic.map(frame, JUDGE)
    assert ["not_sent", "ok"] == made["claude_status"].tolist()
    assert 'claude_magic.attach("boats").wait(), then the same call again' in made["claude_error"].iloc[0]
    assert 1 == calls()
    made = claude_magic.map(frame.head(1), JUDGE, resume=False)
    assert (["ok"], 2) == (made["claude_status"].tolist(), calls())


def test_m9_a_live_map_takes_what_a_batch_has_brought_though_nobody_looked():
    post = Post()
    post.batch(REVIEWS, JUDGE, output=QUALITY)
    post.clock += 60
    client = post.client(api_key=PRACTICE_KEY)
    made = claude_magic.map(
        REVIEWS, JUDGE, output=QUALITY, model=MODEL, max_tokens=100, client=client, details=True
    )
    assert (["ok"] * 4, {True}) == (made["claude_status"].tolist(), {*made["claude_cached"]})
    assert [] == [one for one in post.requests if one.path == "/v1/messages"]


def test_m9_a_batch_that_is_made_while_a_map_goes_on_takes_its_rows_over():
    frame = pd.DataFrame({"text": [*(f"review {n}" for n in range(76)), *(f"{NEVER} {n}" for n in range(4))]})
    jobs = []

    def post(tally):
        if not jobs:
            jobs.append(claude_magic.batch(frame.tail(4), JUDGE, name="late"))

    with pytest.warns(BatchWarning, match="4 of the requests are under way in a batch"):
        made = claude_magic.map(frame, JUDGE, progress=post, concurrency=1)
    assert ["ok"] * 76 + ["not_sent"] * 4 == made["claude_status"].tolist()


def test_m7_a_budget_stops_before_it_is_exceeded_and_the_frame_says_what_was_not_sent():
    frame = pd.DataFrame({"text": [f"review {n}" for n in range(40)]})
    made = claude_magic.map(frame, JUDGE, max_tokens=100, max_cost="0.0005", details=True)
    assert {"ok", "not_sent"} == set(made["claude_status"])
    assert Decimal("0.0005") >= sum(row.cost_usd for row in ledger.shared().rows())
    told = made.loc[made["claude_status"] == "not_sent", "claude_error"]
    assert told.str.endswith("is left of the $0.0005 allowed for all calls of one map").all()
    assert ["ok"] * 40 == claude_magic.map(frame, JUDGE, max_tokens=100)["claude_status"].tolist()
    assert 40 == calls()


def test_an_interrupt_keeps_what_was_answered_and_the_same_call_goes_on(monkeypatch):
    monkeypatch.setattr(progress, "EVERY_S", 0)
    frame = pd.DataFrame({"text": [f"review {n}" for n in range(30)]})
    seen, stopped = [], []

    def stop(tally):
        seen.append(tally)
        if tally.done >= 5 and not stopped:  # a second one would not wait for what is under way
            stopped.append(tally)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(
        Stopped, match=r"Stopped: (\d+) of 30 rows are answered and kept; run the cell again"
    ) as caught:
        claude_magic.map(frame, JUDGE, progress=stop, concurrency=2)
    kept = calls()
    assert 5 <= kept < 30
    assert str(kept) in str(caught.value)
    assert "broken off" == claude_magic.runs()["state"].iloc[0]
    assert ["ok"] * 30 == claude_magic.map(frame, JUDGE, concurrency=2)["claude_status"].tolist()
    assert 30 == calls()
    assert ["ended"] == claude_magic.runs()["state"].tolist()


def test_a_retry_asks_again_for_what_is_not_ok_by_frame_or_by_name():
    frame = pd.DataFrame({"text": ["good", "practice:529x1 bad"]})
    made = claude_magic.map(frame, JUDGE, output=QUALITY, max_attempts=1, name="reviews")
    assert ["ok", "error"] == made["claude_status"].tolist()
    assert ["ok", "ok"] == claude_magic.retry(made)["claude_status"].tolist()
    assert ["ok", "ok"] == claude_magic.retry("reviews", frame)["claude_status"].tolist()
    assert ["ok", "ok"] == claude_magic.run("reviews").retry(frame)["claude_status"].tolist()


def test_a_retry_asks_again_where_an_answer_was_cut():
    made = claude_magic.map(REVIEWS, JUDGE, max_tokens=5)
    assert {"truncated"} == set(made["claude_status"])
    paid = calls()
    claude_magic.map(REVIEWS, JUDGE, max_tokens=5)
    assert paid == calls()
    claude_magic.retry(made)
    assert 2 * paid == calls()


def test_a_retry_in_another_process_knows_what_the_journal_knows():
    made = claude_magic.map(REVIEWS, JUDGE, output={"quality": QUALITY})
    mapping._calls.clear()
    assert ["good", "bad", "good", "bad"] == claude_magic.retry(made)["claude_quality"].tolist()
    other = claude_magic.map(REVIEWS, JUDGE, system="Be kind.")
    mapping._calls.clear()
    with pytest.raises(InputError, match="do not make the requests that it made"):
        claude_magic.retry(other)


def test_a_retry_of_a_sample_takes_the_sample_or_all_the_rows():
    made = claude_magic.map(REVIEWS, JUDGE, sample=2, max_tokens=5, name="few")
    assert {"truncated"} == set(made["claude_status"])
    assert 2 == len(claude_magic.retry(made)) == len(claude_magic.retry("few", REVIEWS))


def test_a_retry_of_what_no_run_made_says_how_to_name_one():
    for what, data in ((REVIEWS, None), ("nothing", REVIEWS), ("nothing", None)):
        with pytest.raises(InputError) as caught:
            claude_magic.retry(what, data)
        assert caught.value.hint


def test_the_presets_are_maps_with_prompts_of_their_own():
    assert ["good", "bad"] == claude_magic.classify(REVIEWS, "text", ["good", "bad"])[
        "claude_label"
    ].tolist()[:2]
    frame = pd.DataFrame({"text": ["Ada is 36 years old."]})
    found = frame.claude.extract("text", {"name": str, "age": int})
    assert ["Ada", 36] == found.loc[0, ["claude_name", "claude_age"]].tolist()
    scored = claude_magic.score(REVIEWS, "text", "how kind it is", prefix="kind_")
    assert "Int64" == str(scored["kind_score"].dtype)
    assert "kind_reason" in scored
    both = claude_magic.score(REVIEWS, "text", {"tone": "how kind", "style": "how plain"}, scale=(0, 9))
    assert {"claude_reason", "claude_tone", "claude_style"} <= set(both)


def test_details_are_all_that_is_known_of_a_row():
    made = claude_magic.map(REVIEWS, JUDGE, details=True)
    costs = made.loc[~made["claude_cached"], "claude_cost_usd"].sum()
    assert float(sum(row.cost_usd for row in ledger.shared().rows())) == pytest.approx(costs)
    assert {"practice"} == set(made["claude_source"])
    assert made["claude_key"].iloc[1] == made["claude_key"].iloc[3]


def test_a_batch_is_a_job_whose_frame_is_that_of_a_map():
    job = claude_magic.map(REVIEWS, JUDGE, mode="batch", output=QUALITY)
    assert isinstance(job, BatchJob)
    made = job.wait(progress=False).frame()
    live = claude_magic.map(REVIEWS, JUDGE, output=QUALITY)
    pd.testing.assert_frame_equal(made, live, check_flags=False)
    assert [] == [row for row in ledger.shared().rows() if row.source == "live"]


def test_runs_tell_of_a_map_once_however_often_it_is_called():
    for _ in range(2):
        claude_magic.map(REVIEWS, JUDGE)
    claude_magic.map(REVIEWS, JUDGE, output=QUALITY, name="judged")
    assert ["judged", "is-this-review"] == claude_magic.runs().index.tolist()
    assert "is-this-review" == claude_magic.map(REVIEWS, JUDGE).attrs[mapping.RUN]


def test_without_a_store_of_texts_only_usage_is_on_disk():
    claude_magic.map(REVIEWS, "Is {text} kind?", store=False)
    found = b"".join(path.read_bytes() for path in settings.keys.data_dir().glob("rows.sqlite*"))
    assert found
    assert [] == [word for word in (b"very good", b"practice]") if word in found]


def test_what_the_service_is_sent_has_the_beta_header_of_the_params():
    app = doors.Asked(doors.json(doors.answer()))
    client = doors.Door(app).client
    claude_magic.map(REVIEWS, JUDGE, params={"betas": ["some-beta-2026-01-01"]}, client=client)
    assert {"some-beta-2026-01-01"} == {request.headers["anthropic-beta"] for request in app.requests}
    assert 3 == len(app.requests)


def test_an_error_that_concerns_all_rows_is_raised_and_the_run_is_broken_off():
    app = doors.Asked(doors.error(401, "authentication_error"))
    with pytest.raises(ClaudeError) as caught:
        claude_magic.map(REVIEWS, JUDGE, client=doors.Door(app).client, concurrency=1)
    assert (401, 1) == (caught.value.status, len(app.requests))
    assert ["broken off"] == claude_magic.runs()["state"].tolist()


def test_progress_may_be_a_function_that_is_told():
    told = []
    claude_magic.map(REVIEWS, JUDGE, progress=told.append)
    assert (3, 3) == (told[-1].done, told[-1].total)
    del told[:]
    claude_magic.map([f"review {n}" for n in range(99)], "Is {value} good?", progress=told.append)
    assert len(told) < 60 < 99 == told[-1].done


def test_a_control_stops_it_and_the_frame_comes_back():
    from claude_magic.rows.pace.engine import Control

    control = Control()
    control.cancel()
    made = claude_magic.map(REVIEWS, JUDGE, control=control)
    assert {"not_sent"} == set(made["claude_status"])
    assert 0 == calls()


def test_a_bad_request_of_every_row_is_in_every_row():
    app = doors.Asked(doors.error(400, "invalid_request_error"))
    try:
        made = claude_magic.map(REVIEWS, JUDGE, client=doors.Door(app).client)
    except BadRequestError:  # what concerns all rows may be raised
        return
    assert {"error"} == set(made["claude_status"])


@pytest.mark.parametrize("verb", [claude_magic.map, claude_magic.preview, claude_magic.batch])
def test_dtypes_that_there_are_not_are_refused_before_anything_is_sent(verb):
    with pytest.raises(InputError, match="'polars' is no kind of dtypes"):
        verb(REVIEWS, JUDGE, dtype_backend="polars")
    assert 0 == calls()


@pytest.mark.parametrize(
    "given",
    [
        *({"concurrency": number} for number in (0, "8")),
        *({"max_attempts": number} for number in (0, True, None)),
    ],
)
def test_numbers_that_are_none_are_refused_before_anything_is_sent(given):
    ((name, value),) = given.items()
    for verb in (claude_magic.map, claude_magic.preview):
        with pytest.raises(InputError) as caught:
            verb(REVIEWS, JUDGE, **given)
        assert f"{name} must be a whole number above 0, not {value!r}" == caught.value.message
        assert f"{name}=4" in caught.value.hint
    assert 0 == calls()


@pytest.mark.parametrize(
    "given",
    [
        {"client": 3}, {"progress": "yes"}, {"resume": "x"}, {"control": 3}, {"max_cost": -1},
        {"max_cost": "x"}, {"system": 3}, {"dedupe": None}, {"details": "x"}, {"max_tokens": 0},
        {"max_tokens": "x"}, {"choices": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_keyword_of_another_kind_says_what_it_must_be(given):
    ((name, value),) = given.items()
    for verb in (claude_magic.map, claude_magic.preview, claude_magic.estimate):
        with pytest.raises(InputError, match=f"^{name} must be .*, not {value!r}\n→ Give {name}="):
            verb(REVIEWS, JUDGE, **given)
    assert 0 == calls()


@pytest.mark.parametrize("n", ["a", 0, -1, 1.5, True])
def test_a_preview_is_of_a_number_of_rows(n):
    with pytest.raises(InputError, match=f"^n must be a whole number above 0, not {n!r}"):
        claude_magic.preview(REVIEWS, JUDGE, n=n)


@pytest.mark.parametrize(
    "given", [{"on_error": "raise"}, {"concurrency": 2}, {"max_attempts": 2}, {"progress": print}], ids=str
)
def test_a_batch_takes_nothing_of_how_rows_are_asked_live(given):
    with pytest.raises(TypeError, match=rf'map\(mode="batch"\) takes no {next(iter(given))}='):
        claude_magic.map(REVIEWS, JUDGE, mode="batch", **given)
    with pytest.raises(TypeError, match="unexpected keyword"):
        claude_magic.batch(REVIEWS, JUDGE, **given)
    assert 4 == len(
        claude_magic.map(REVIEWS, JUDGE, mode="batch", progress=False).wait(progress=False).frame()
    )


def test_where_no_row_can_be_asked_a_preview_and_an_estimate_show_why():
    none = pd.DataFrame({"text": [None, None]})
    for verb in (claude_magic.preview, claude_magic.estimate):
        assert "2 rows cannot be asked: text is missing" == repr(verb(none, JUDGE)).strip()
        assert "2 rows cannot be asked: text is missing" in verb(none, JUDGE)._repr_html_()
    assert "The prompt has about" in repr(
        long := claude_magic.estimate(["word " * 2_000_000], "Count {value}")
    )
    assert repr(long).endswith(" takes 1,000,000")


def test_a_field_that_is_not_known_is_told_of_once_where_the_map_is_called():
    with pytest.warns(UserWarning, match="is not known to take 'wat'") as told:
        made = claude_magic.map(REVIEWS, JUDGE, params={"wat": 1}, concurrency=2)
    assert [__file__] == [one.filename for one in told]
    assert {"error"} == set(made["claude_status"])


def test_an_empty_list_of_labels_asks_for_nothing():
    with pytest.raises(InputError, match="two labels"):
        claude_magic.map(REVIEWS, JUDGE, choices=[])
    assert 0 == calls()


def test_a_call_of_a_tool_is_no_whole_answer():
    tool = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    params = {"tools": [tool], "tool_choice": {"type": "any"}}
    made = claude_magic.map(REVIEWS.head(1), JUDGE, params=params)
    assert ["truncated"] == made["claude_status"].tolist()
    assert ["It ended with a call of a tool, and none is run for a row"] == made["claude_error"].tolist()


@pytest.mark.parametrize("given", [{"store": 5}, {"name": 5}])
def test_a_store_and_a_name_that_are_none_are_refused_before_anything_is_sent(given):
    ((name, _),) = given.items()
    with pytest.raises(InputError, match=f"{name}=5 is no ") as caught:
        claude_magic.map(REVIEWS, JUDGE, **given)
    assert f"{name}=" in caught.value.hint
    assert 0 == calls()


def test_a_picture_that_is_named_where_a_column_should_be_is_told_so():
    with pytest.raises(InputError, match=r"There is no column https://example\.org/x\.png"):
        claude_magic.map(REVIEWS.head(1), JUDGE, images="https://example.org/x.png")
