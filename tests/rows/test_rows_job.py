"""What can be done with a map that went in batches?"""

from __future__ import annotations

import stat
from decimal import Decimal
from typing import Literal

import pandas as pd
import pytest

from claude_magic import ledger
from claude_magic.app import Response
from claude_magic.errors import (
    APIConnectionError,
    BudgetError,
    InputError,
    NotFoundError,
    Stopped,
    StreamError,
)
from claude_magic.looks import parts as looks
from claude_magic.looks import watched
from claude_magic.rows.batch import collecting, results
from claude_magic.rows.batch.batches import overview
from claude_magic.rows.batch.collecting import KEPT, NEAR
from claude_magic.rows.batch.desk import BatchWarning, Desk
from claude_magic.rows.kept.journal import Journal, run_of
from claude_magic.rows.outcome import answered
from claude_magic.wire import decode
from tests.books import held
from tests.doors import Asked, Door, answer, json
from tests.rows.posts import DAY, Post, lost_on_the_way

ROWS = pd.DataFrame({"text": ["Boat", "Sail", "Boat", None]}, index=[10, 20, 10, 30])
DRILLS = pd.DataFrame({"text": ["Boat", "practice:500x1", "practice:slow"]})


def status(frame):
    return [*frame.claude_status]


# ---- what is sent ------------------------------------------------------------------------------------------

SHAPES = {
    "plain": {},
    "system": {"system": "You judge boats.", "max_tokens": 7},
    "typed": {"output": {"good": bool, "kind": Literal["boat", "sail"]}},
    "examples": {"examples": [("Rudder", "yes"), ("Storm", "no")]},
    "params": {"params": {"stop_sequences": ["."], "metadata": {"user_id": "émile"}}},
    "cache": {"system": "You judge boats. " * 400, "cache": "1h"},
    "beta": {"params": {"betas": ["output-300k-2026-03-24"]}},
}


@pytest.mark.parametrize("given", SHAPES.values(), ids=SHAPES)
def test_the_body_of_a_row_is_the_same_live_and_in_a_batch_byte_for_byte(given):
    post, asked = Post(), Asked(json(answer()))
    post.batch({"text": ["Bateau à voile\n“x”"]}, **given)
    (key,) = post.keys()
    made = post.plan({"text": ["Bateau à voile\n“x”"]}, **given)
    Door(asked).client.messages.create(**made.body(0), betas=made.betas)
    live = asked.requests[0]
    assert b'{"requests":[{"custom_id":"%b","params":%b}]}' % (key.encode(), live.body) == post.creations[0]
    sent = next(one for one in post.requests if one.body)
    assert live.headers.get("anthropic-beta") == sent.headers.get("anthropic-beta")


def test_rows_that_ask_the_same_are_asked_once_and_those_that_cannot_be_asked_not_at_all():
    post = Post()
    job = post.batch(ROWS)
    assert 2 == job.status().requests == len(list(post.keys()))
    frame = job.wait().frame()
    assert ["ok", "ok", "ok", "error"] == status(frame)
    assert [10, 20, 10, 30] == [*frame.index]
    assert frame.claude_text.iloc[0] == frame.claude_text.iloc[2]
    assert "text is missing" == frame.claude_error.iloc[3]
    assert ROWS.equals(frame[["text"]])


def test_with_nothing_left_to_ask_there_is_no_batch_and_nothing_is_asked_of_the_service():
    post = Post()
    post.batch(ROWS).wait()
    asked = len(post.creations)
    job = post.batch(ROWS, name="again")
    assert ("ended", 0, 2, []) == (job.status().state, job.status().requests, job.status().before, job.ids)
    assert ["ok", "ok", "ok", "error"] == status(job.frame())
    assert 1 == asked == len(post.creations)


def test_no_rows_make_no_batch():
    post = Post()
    job = post.batch(ROWS.head(0))
    assert ("ended", []) == (job.status().state, post.creations)
    assert (0, "string") == (len(job.frame()), str(job.frame().claude_text.dtype))


def test_what_was_answered_live_is_not_asked_in_a_batch():
    post, made = Post(), Post.plan(ROWS)
    first = answered(
        made.keys[0], answer("By hand", usage={"input_tokens": 8, "output_tokens": 3}), source="practice"
    )
    post.desk().journal.write([first])
    job = post.batch(ROWS, details=True)
    assert [made.keys[1]] == list(post.keys())
    frame = job.wait().frame()
    assert ["By hand", "By hand"] == [frame.claude_text.iloc[0], frame.claude_text.iloc[2]]
    assert [True, False, True] == [*frame.claude_cached[:3]]


def test_what_was_answered_in_a_batch_is_found_for_a_live_map():
    post = Post()
    post.batch(ROWS).wait()
    found = Journal().find(post.plan(ROWS).keys, "practice")
    assert {*post.plan(ROWS).first} == {*found}
    assert {"batch"} == {one.service_tier for one in found.values()}


@pytest.mark.parametrize("resume", [True, False])
def test_a_call_with_a_name_that_is_made_again_brings_the_answers_of_its_batch(resume):
    post = Post()
    post.batch(ROWS, name="boats")
    again = post.batch(ROWS, name="boats", resume=resume)
    assert ("in_progress", 1) == (again.status().state, len(post.creations))
    assert ["ok"] * 3 == status(again.wait().frame())[:3]
    assert ["ok"] * 3 == status(post.attach("boats").frame())[:3]


def test_a_name_is_not_given_to_another_prompt_while_its_batch_is_under_way():
    post = Post()
    first = post.batch(ROWS, name="boats")
    plan = post.plan(ROWS, "Does it float? {text}")
    for mode in ("batch", "live"):
        with pytest.raises(InputError, match=f'The run "boats" waits for answers .*: {first.ids[0]}') as told:
            Journal().begin(run_of(plan, "boats", "practice", mode=mode), plan.keys)
        assert 'claude_magic.attach("boats").wait()' in told.value.hint
    assert ["ok"] * 3 == status(post.attach("boats").wait().frame())[:3]
    post.batch(ROWS, "Does it float? {text}", name="boats")
    assert 2 == len(post.made)


def test_a_further_batch_of_a_run_has_a_name_that_no_other_job_has():
    post = Post()
    job, other = post.batch(DRILLS.head(2)).wait(), post.batch(ROWS, name="is-this-good/2")
    job.retry().wait()
    assert ["ok", "ok"] == status(job.frame())
    assert (1, ["ok"] * 3) == (len(other.ids), status(other.wait().frame())[:3])


def test_without_resume_answered_rows_are_asked_anew():
    post = Post()
    post.batch(ROWS).wait()
    post.batch(ROWS, resume=False).wait()
    assert [2, 2] == [batch["request_counts"]["succeeded"] for batch in post.made]


def test_without_dedupe_each_row_is_a_request_of_its_own():
    post = Post()
    frame = post.batch(ROWS, dedupe=False).wait().frame()
    assert 3 == len({*post.keys()})
    assert ["ok", "ok", "ok", "error"] == status(frame)


# ---- waiting -----------------------------------------------------------------------------------------------


def test_waiting_looks_more_and_more_seldom_and_at_last_every_minute():
    post = Post()
    post.batch({"text": ["practice:silence@400"]}).wait()
    assert [1.0, 1.5, 2.25] == post.slept[:3]
    assert 60.0 == max(post.slept) == post.slept[-1]
    assert post.slept == sorted(post.slept)


def test_waiting_looks_as_often_as_it_is_told_to():
    post = Post()
    post.batch({"text": ["practice:silence@50"]}).wait(poll=20)
    assert [20, 20, 20] == post.slept


def test_waiting_ends_at_its_timeout_and_the_batch_goes_on():
    post = Post()
    job = post.batch({"text": ["practice:silence@500"]})
    assert job is job.wait(timeout=10)
    assert 10 == sum(post.slept)
    assert "in_progress" == job.status().state


def test_whoever_watches_is_told_each_time():
    seen = []
    Post().batch(ROWS).wait(watch=seen.append)
    assert ["in_progress", "in_progress", "ended"] == [now.state for now in seen]
    assert [(2, 0), (0, 2)] == [(now.processing, now.succeeded) for now in (seen[0], seen[-1])]


def test_m8_an_interrupt_ends_the_waiting_and_not_the_batch():
    post = Post()
    job = post.batch(ROWS, name="boats")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r'the batch goes on: claude_magic.attach\("boats"\).wait\(\)'):
        job.wait(watch=interrupt)
    assert ([None], {"ok", "error"}) == (
        [batch["cancel_initiated_at"] for batch in post.made],
        {*job.wait().frame().claude_status},
    )


def test_waiting_outlasts_a_service_that_cannot_be_reached():
    post, outages = Post(), iter([True, True, False])
    job = post.batch(ROWS)

    def outage(_):
        post.down = next(outages, False)

    assert ["ok", "ok", "ok", "error"] == status(job.wait(watch=outage).frame())


def test_waiting_ends_with_an_error_where_the_service_stays_away():
    post = Post()
    job = post.batch(ROWS, name="boats")
    post.down = True
    with pytest.raises(APIConnectionError, match="Could not reach") as told:
        job.wait()
    assert 'look later: claude_magic.attach("boats").wait()' in told.value.hint


# ---- frames ------------------------------------------------------------------------------------------------


def test_before_it_has_ended_there_is_a_frame_of_what_is_there_alone():
    post = Post()
    job = post.batch(ROWS)
    with pytest.raises(InputError, match="has not ended: in progress · 4 rows · 2 processing"):
        job.frame()
    frame = job.frame(partial=True)
    assert ["missing", "missing", "missing", "error"] == status(frame)
    assert "Its batch has not ended" == frame.claude_error.iloc[0]


def test_a_part_that_has_ended_is_in_the_frame_while_another_goes_on():
    post = Post(most=1)
    job = post.batch({"text": ["Boat", "practice:silence@900"]})
    post.clock += 60
    assert ["ok", "missing"] == status(job.frame(partial=True))


def test_typed_answers_are_typed_columns_also_in_another_kernel():
    post = Post()
    job = post.batch(ROWS, output={"good": bool, "kind": Literal["boat", "sail"]}, name="typed").wait()
    again = post.attach("typed")
    assert ["boolean", "category"] == [str(job.frame()[f"claude_{name}"].dtype) for name in ("good", "kind")]
    assert ["boolean", "category"] == [
        str(again.frame()[f"claude_{name}"].dtype) for name in ("good", "kind")
    ]


def test_m6_results_are_on_disk_for_their_owner_alone_and_stay_when_the_service_drops_them():
    post = Post()
    job = post.batch(ROWS, name="boats").wait()
    path = results.place(job.ids[0])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    before = job.frame()
    post.clock += 40 * DAY
    pd.testing.assert_frame_equal(before, post.batch(ROWS).frame())
    post.down = True
    offline = post.attach("boats").frame().set_axis(before.index)
    pd.testing.assert_frame_equal(before.drop(columns="text"), offline)


def test_m6_results_are_asked_for_once():
    post = Post()
    job = post.batch(ROWS).wait()
    for _ in range(3):
        job.frame()
        post.batch(ROWS).status()
    assert 1 == sum(one.path.endswith("/results") for one in post.requests)


def test_m6_the_journal_alone_has_the_answers_too():
    post = Post()
    job = post.batch(DRILLS.head(2)).wait()
    before = job.frame()
    results.place(job.ids[0]).unlink()
    pd.testing.assert_frame_equal(before, job.frame())


def test_m6_the_journal_makes_good_what_harms_the_file_of_results_later():
    post = Post()
    job = post.batch(DRILLS.head(2)).wait()
    before = job.frame()
    path = results.place(job.ids[0])
    for harmed in (path.read_bytes()[:-40], b"no JSON\n", b""):
        path.write_bytes(harmed)
        pd.testing.assert_frame_equal(before, job.frame())


def test_a_frame_reads_of_the_journal_only_what_the_results_do_not_say(monkeypatch):
    post = Post()
    job = post.batch(ROWS).wait()
    monkeypatch.setattr(Journal, "find", None)
    monkeypatch.setattr(Journal, "outcomes", None)
    assert ["ok", "ok", "ok", "error"] == status(job.frame())


def test_m6_a_warning_comes_before_results_are_dropped_unread():
    post = Post()
    job = post.batch(ROWS, name="boats")
    post.clock += (KEPT - NEAR) / 1_000_000 + 3_600
    with pytest.warns(BatchWarning, match=r"are kept for 3 more days; store them: claude_magic.attach"):
        post.attach("boats")
    assert ["ok", "ok", "ok", "error"] == status(job.frame())


def test_results_that_the_service_has_dropped_are_named_and_count_as_held():
    post = Post()
    job = post.batch(ROWS)
    most = job.status().most_usd
    post.clock += 30 * DAY
    frame = job.frame()
    assert ["missing", "missing", "missing", "error"] == status(frame)
    assert "no longer at the service" in frame.claude_error.iloc[0]
    assert most == ledger.shared().spent(source="practice")
    assert job.status().cost_usd is None


def test_without_a_store_neither_answers_nor_prompts_are_on_disk(isolation):
    post = Post()
    desk = Desk(Journal(False), post.client(), lambda: post.clock, post.sleep)
    frame = post.batch({"text": ["practice:echo Quincunx"]}, desk=desk).wait().frame()
    assert ["ok"] == status(frame)
    assert "Quincunx" in frame.claude_text[0]
    written = [path for path in isolation.rglob("*") if path.is_file() and b"Quincunx" in path.read_bytes()]
    assert ([], False) == (written, results.place(post.made[0]["id"]).exists())


# ---- M11 ---------------------------------------------------------------------------------------------------


class Odd(Post):
    """A service whose results are not quite those of what was asked."""

    change = staticmethod(lambda lines: lines)

    def __call__(self, request):
        found = super().__call__(request)
        if not request.path.endswith("/results"):
            return found
        lines = b"".join(found.parts()).splitlines(keepends=True)
        return Response(200, found.headers, b"".join(self.change(lines)))


@pytest.mark.parametrize(
    ("change", "said", "rows"),
    [
        (lambda lines: lines[1:], "1 missing: ", {"ok", "missing"}),
        (lambda lines: [*lines, lines[0]], "1 twice: ", {"ok"}),
        (
            lambda lines: [*lines, lines[0].replace(b'"custom_id":"', b'"custom_id":"x')],
            "1 unknown: x",
            {"ok"},
        ),
    ],
    ids=["missing", "twice", "unknown"],
)
def test_m11_what_results_miss_repeat_or_add_is_named(change, said, rows):
    post = Odd()
    post.change = change
    job = post.batch(ROWS.head(2))
    with pytest.warns(BatchWarning, match=f"The results of {post.made[0]['id']} are odd: {said}"):
        job.wait()
    assert rows == {*job.frame().claude_status}
    assert any(said in note for note in job.status().notes)


def test_results_that_cannot_be_read_are_fetched_again():
    post = Odd()
    post.change = lambda lines: [lines[0], b"no JSON\n"]
    job = post.batch(ROWS.head(2))
    with pytest.raises(StreamError, match="A line of the results is not readable"):
        job.wait()
    post.change = Odd.change
    assert ["ok", "ok"] == status(job.wait().frame())


# ---- cancel and retry --------------------------------------------------------------------------------------


def test_when_it_is_canceled_rows_that_have_ended_keep_their_answers():
    post = Post()
    job = post.batch({"text": [f"Boat {n}" for n in range(2_000)]})
    post.clock += 2
    assert "canceling" == job.cancel().state
    frame = job.wait().frame()
    counts = frame.claude_status.value_counts()
    assert ({"ok", "canceled"}, 2_000) == ({*counts[counts > 0].index}, counts.sum())
    assert (counts["ok"], counts["canceled"]) == (job.status().succeeded, job.status().canceled)


def test_what_was_canceled_is_asked_again_when_it_is_wished():
    post = Post()
    job = post.batch(ROWS)
    job.cancel()
    assert ["canceled"] * 3 == status(job.wait().frame())[:3]
    job.retry(("canceled",)).wait()
    assert ["ok"] * 3 == status(job.frame())[:3]


def test_rows_that_failed_or_expired_are_asked_again_and_no_others():
    post = Post()
    job = post.batch(DRILLS).wait(poll=3_600)
    made = post.plan(DRILLS)
    assert ["ok", "error", "expired"] == status(job.frame())
    assert job is job.retry()
    assert [made.keys[1], made.keys[2]] == list(post.keys())[3:]
    assert ["ok", "ok", "expired"] == status(job.wait(poll=3_600).frame())
    assert (2, 2) == (len(job.ids), job.status().succeeded)


@pytest.mark.parametrize(
    ("texts", "statuses", "counts"),
    [
        (["practice:529 x", "Boat"], ("errored",), (1, 1, 0)),
        (["practice:529 x", "practice:500x1", "practice:slow"], ("errored",), (1, 1, 1)),
        (["practice:529 x", "practice:slow", "Boat"], ("expired",), (1, 1, 1)),
    ],
    ids=["all that failed", "some expired", "some failed"],
)
def test_a_row_that_is_asked_again_is_counted_once(texts, statuses, counts):
    post = Post()
    job = post.batch({"text": texts}).wait(poll=3_600)
    assert len(texts) == job.retry(statuses).status().requests
    now = job.wait(poll=3_600).status()
    assert (len(texts), *counts) == (now.requests, now.succeeded, now.errored, now.expired)
    assert counts == tuple(overview(post.desk()).iloc[0][["succeeded", "errored", "expired"]])


def test_rows_that_failed_are_asked_again_by_the_same_call_too():
    post = Post()
    job = post.batch(DRILLS.head(2)).wait()
    again = post.batch(DRILLS.head(2))
    assert (job.name, [2, 1]) == (again.name, [len(decode(body)["requests"]) for body in post.creations])
    assert ["ok", "ok"] == status(again.wait().frame())


def test_in_another_kernel_the_same_call_asks_again_as_prompts_are_not_kept():
    post = Post()
    post.batch(DRILLS.head(2), name="boats").wait()
    with pytest.raises(InputError, match="found by its name, and prompts are not kept") as told:
        post.attach("boats").retry()
    assert "Run the same claude_magic.batch(…) again" in told.value.hint


def test_a_batch_that_was_deleted_is_not_taken_for_lost_before_its_days_are_over():
    post = Post()
    job = post.batch(ROWS)
    post.clock += 60
    post.client().messages.batches.delete(job.ids[0])
    with pytest.raises(NotFoundError) as told:
        job.status()
    assert (
        'Use the key that it was made with; or ask its rows once more: .retry(("missing",)).'
        == told.value.hint
    )
    assert "it was deleted, or the key in use is of another workspace" in job._repr_html_()
    post.batch(ROWS)
    assert 1 == len(post.creations)
    job.retry(("missing",)).wait()
    assert ["ok"] * 3 == status(job.frame())[:3]
    assert 2 == len(post.creations)


# ---- money -------------------------------------------------------------------------------------------------


def rows_of_the_ledger():
    return [(one.source, one.request_id, one.cost_usd) for one in ledger.shared().rows()]


def test_what_a_batch_cost_is_recorded_once_however_often_and_wherever_it_is_read():
    post = Post()
    job = post.batch(ROWS)
    (seen_by_another_kernel,) = job.parts()
    job.wait()
    again = collecting.store(post.desk(), seen_by_another_kernel._replace(state="ended"))
    assert ("stored", 1) == (again.state, len(Journal().runs()))
    assert ["ok"] * 3 == status(post.batch(ROWS).frame())[:3]
    assert [("practice", job.ids[0], job.status().cost_usd)] == rows_of_the_ledger()
    assert (1, 0) == held()


def test_what_is_recorded_is_half_of_what_the_same_answers_cost_live():
    post = Post()
    job = post.batch(ROWS).wait()
    found = Journal().find(post.plan(ROWS).keys, "practice").values()
    live = [
        answered(one.key, {**decode(one.message), "usage": _standard(one)}, source="live") for one in found
    ]
    assert sum(one.cost_usd for one in live) / 2 == job.status().cost_usd


def _standard(one):
    return decode(one.message)["usage"] | {"service_tier": "standard"}


def test_until_something_has_ended_the_most_it_can_cost_is_told_then_what_it_may():
    post = Post(most=1)
    job = post.batch({"text": ["Boat", "practice:silence@900"]})
    first = job.status()
    assert (Decimal(0), None) == (first.cost_usd, first.expected_usd)
    post.clock += 60
    then = job.status()
    assert then.expected_usd == 2 * then.cost_usd
    assert 0 < then.cost_usd < then.expected_usd < then.most_usd < first.most_usd


def test_what_it_may_cost_is_told_at_once_where_rows_were_answered_before():
    post = Post()
    before = post.batch({"text": ["Boat 1", "Boat 2"]}).wait().status()
    job = post.batch({"text": ["Boat 1", "Boat 2", "Boat 3"]})
    assert before.cost_usd / 2 == job.status().expected_usd


def test_m7_what_a_job_has_cost_counts_for_what_it_may_cost_in_all():
    post, texts = Post(), {"text": ["practice:echo Boat", "practice:500x2"]}
    first = post.batch(texts)
    most = first.status().most_usd
    spent = first.wait().status().cost_usd
    with pytest.raises(BudgetError, match="The batch could cost"):
        post.batch(texts, max_cost=spent + most / 10)
    assert 1 == len(post.creations)
    again = post.batch(texts, max_cost=spent + most)
    assert (first.name, "in_progress") == (again.name, again.status().state)


def test_m7_a_batch_that_may_be_there_counts_as_spent_when_its_rows_are_asked_again():
    post = Post(lost_on_the_way)
    with pytest.warns(BatchWarning):
        job = post.batch(ROWS)
    most = job.status().most_usd
    job.retry(("missing",)).wait()
    paid = job.status().ids
    assert (1, ["ok"] * 3) == (len(paid), status(job.frame())[:3])
    assert most < ledger.shared().spent(source="practice") < 2 * most


# ---- how it looks ------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: (bundle, handle, whether it took the place of another)."""
    seen = []
    monkeypatch.setattr(
        looks, "display", lambda bundle, _, handle="", update=False: seen.append((bundle, handle, update))
    )
    return seen


def test_whoever_waits_in_a_notebook_has_a_bar_and_a_button_and_at_last_a_line(monkeypatch, shown):
    monkeypatch.setattr(watched, "mode", lambda: "live")
    Post().batch(ROWS, name="boats").wait()
    stop, first, second, last, gone = shown
    assert "notebook:interrupt-kernel" in stop[0]["text/html"]
    assert 'aria-label="Stop waiting; the batch goes on"' in stop[0]["text/html"]
    assert '<progress aria-label="Batch boats: requests that have ended"' in first[0]["text/html"]
    assert [False, False, True, True, True] == [update for _, _, update in shown]
    assert (stop[1], first[1], {}) == (last[1], second[1], gone[0])
    assert last[0]["text/plain"].startswith("boats: ended · 4 rows · 2 succeeded")
    assert "<progress" not in last[0]["text/html"]


def test_where_the_waiting_is_stopped_no_bar_is_left(monkeypatch, shown):
    monkeypatch.setattr(watched, "mode", lambda: "live")
    Post().batch(ROWS, name="boats").wait(timeout=0)
    assert "in progress" in shown[-2][0]["text/html"]
    assert "<progress" not in shown[-2][0]["text/html"]


@pytest.mark.parametrize(
    ("mode", "progress", "count"), [("static", True, 1), ("live", False, 0), ("terminal", True, 0)]
)
def test_where_nobody_watches_there_is_the_last_line_alone_or_nothing(
    monkeypatch, shown, mode, progress, count
):
    monkeypatch.setattr(watched, "mode", lambda: mode)
    Post().batch(ROWS, name="boats").wait(progress=progress)
    assert count == len(shown)


def test_a_terminal_has_a_line_that_is_written_over(monkeypatch, capsys):
    monkeypatch.setattr(watched, "mode", lambda: "terminal")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Post().batch(ROWS, name="boats").wait()
    said = capsys.readouterr().err
    assert f"\r  0%|{' ' * 20}| boats: in progress · 4 rows · 2 processing" in said
    assert "\rboats: ended · 4 rows · 2 succeeded · " in said


def test_a_job_says_how_far_it_is_without_asking():
    post = Post()
    job = post.batch(ROWS, name="boats")
    asked = len(post.requests)
    assert "<BatchJob boats: in progress · 4 rows · 2 processing · at most $0.00" in repr(job)
    assert "<progress" in job._repr_html_()
    assert "practice</span>" in job._repr_html_()
    assert repr(job).endswith(" · practice>")
    assert asked == len(post.requests)
    job.wait()
    assert "<BatchJob boats: ended · 4 rows · 2 succeeded · $0.0000" in repr(job)
    assert "<progress" not in job._repr_html_()


def test_o1_a_name_is_no_markup():
    job = Post().batch(ROWS, name="<b onclick=x>")
    assert "<b onclick" not in job._repr_html_()


def test_when_it_expires_is_told():
    post = Post()
    job = post.batch(ROWS)
    assert post.clock + DAY == job.expires_at.timestamp()
    assert (post.clock, None) == (job.status().created_at.timestamp(), job.status().ended_at)
