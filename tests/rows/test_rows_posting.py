"""How does a batch come to be made once, and not twice?"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from decimal import Decimal

import pandas as pd
import pytest

from claude_magic import ledger, settings
from claude_magic.app import Response
from claude_magic.errors import (
    APIConnectionError,
    APIResponseError,
    BudgetError,
    InputError,
    OverloadedError,
    RequestTooLargeError,
    Stopped,
)
from claude_magic.ledger import place
from claude_magic.rows.batch import parts, posting, settling
from claude_magic.rows.batch.desk import BatchWarning
from claude_magic.rows.kept import registry
from claude_magic.rows.kept.journal import Journal
from claude_magic.rows.kept.runs import runs
from tests.books import held
from tests.doors import Asked, error, json
from tests.rows.posts import DAY, Post, lost_on_the_way, overloaded, refused, taken_and_lost, unreachable

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")
ROWS = pd.DataFrame({"text": [f"Boat {n}" for n in range(6)]})


def asks(post):
    made = post.plan(ROWS)
    return made.asks(made.first)


def in_doubt(post, data=ROWS, **how):
    with pytest.warns(BatchWarning, match="is not known yet"):
        return post.batch(data, **how)


def test_a_batch_is_written_down_before_it_is_sent():
    seen = []
    post = Post(lambda request, answer: seen.append(desk.batches.parts("this-is-good")) or answer(request))
    desk = post.desk()
    post.batch(ROWS, name="this-is-good", desk=desk)
    ((part,),) = seen
    assert ("sent", 6, list(post.keys())) == (part.state, part.size, desk.batches.custom_ids(part))


@pytest.mark.parametrize("why", ["too dear", "unreachable", "no list"])
def test_rows_of_which_no_batch_was_made_are_not_sent_and_the_same_call_sends_them(why):
    post, told = Post(), {"too dear": BudgetError, "no list": APIResponseError}.get(why, APIConnectionError)
    post.batch(ROWS.head(2)).wait()
    desk, practice = post.desk(), post.practice
    desk.__dict__["source"], post.down = "practice", why == "unreachable"
    post.practice = Asked(json({"hello": "there"})) if why == "no list" else practice
    with pytest.raises(told):
        post.batch(ROWS, name="boats", desk=desk, max_cost=0.00001 if why == "too dear" else None)
    post.down, post.practice = False, practice
    job = post.attach("boats")
    assert "broken off" == runs().state["boats"]
    assert "not sent · 6 rows · 2 answered before · 4 not sent" in repr(job)
    frame = job.frame()
    assert ["ok"] * 2 + ["not_sent"] * 4 == [*frame.claude_status]
    assert "No batch was made of it; the same claude_magic.batch(…) again asks it" == frame.claude_error[5]
    job = post.batch(ROWS, name="boats")
    assert "running" == runs().state["boats"]
    assert (4, 2, 0) == (job.status().processing, job.status().before, job.status().not_sent)
    assert {"ok"} == {*job.wait().frame().claude_status}
    assert "ended" == runs().state["boats"]


def test_m5_a_batch_whose_answer_was_lost_is_looked_for_where_it_was_sent_alone():
    post = Post(lost_on_the_way)
    service, practice = post.desk(), post.desk()
    service.__dict__["source"], practice.__dict__["source"] = "batch", "practice"
    job = in_doubt(post, name="boats", desk=service)
    post.clock += DAY
    post.batch(ROWS, "Is it big? {text}", desk=practice)
    assert ["sent"] == [part.state for part in job.parts()]
    assert "not_sent" == job.status().state


def test_m5_an_answer_that_is_no_list_does_not_say_that_no_batch_was_made():
    post = Post(taken_and_lost)
    job, practice = in_doubt(post), post.practice
    signed = {"anthropic_organization_id": "org_practice", "anthropic_workspace_id": "wrkspc_practice"}
    post.clock, post.practice = post.clock + DAY, Asked(json({"hello": "there"}, **signed))
    assert "in_doubt" == job.status().state
    post.practice = practice
    assert "ended" == job.status().state


def test_m5_a_batch_whose_answer_was_lost_is_not_made_again():
    post = Post(taken_and_lost)
    job = in_doubt(post)
    assert "in_doubt" == job.status().state
    job.wait()
    assert (1, "ended", 6) == (len(post.made), job.status().state, job.status().succeeded)
    assert [post.made[0]["id"]] == job.ids
    assert {"ok"} == {*job.frame().claude_status}


def test_m5_the_same_call_in_another_kernel_takes_up_a_batch_whose_answer_was_lost():
    post = Post(taken_and_lost)
    first = in_doubt(post)
    again = post.batch(ROWS)
    assert (first.name, 1) == (again.name, len(post.creations))
    again.wait()
    assert {"ok"} == {*again.frame().claude_status}
    assert (1, 1) == (len(post.made), len(post.creations))


def test_m5_not_even_a_client_that_repeats_what_it_does_not_know_makes_a_second_batch():
    post = Post(taken_and_lost)
    in_doubt(post, desk=post.desk(max_retries=3, retry_unknown=True))
    assert 1 == len(post.creations)


ANSWERS = {
    "no batch": lambda: json({"type": "error"}),
    "no JSON": lambda: Response(200, {"content-type": "text/html"}, b"<p>Welcome to this network</p>"),
    "failed": lambda: error(500),
    "too late": lambda: error(504),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_m5_an_answer_that_does_not_say_what_was_done_leaves_it_in_doubt(answer):
    post = Post(lambda request, take: take(request) and answer())
    job = in_doubt(post)
    assert ("in_doubt", 1) == (job.status().state, len(post.creations))
    assert ({"ok"}, 1) == ({*job.wait().frame().claude_status}, len(post.made))


def test_m5_what_never_came_to_the_service_is_sent_again_only_when_that_is_sure():
    post = Post(lost_on_the_way)
    job = in_doubt(post)
    post.batch(ROWS)
    assert 1 == len(post.creations)
    post.clock += settling.PATIENCE / 1_000_000 + 1
    assert "not_sent" == job.status().state
    assert 1 == len(post.creations)
    job.retry(("not_sent",)).wait()
    assert (1, 2, {"ok"}) == (len(post.made), len(post.creations), {*job.frame().claude_status})


def test_m5_the_same_call_sends_what_surely_never_came_to_the_service():
    post = Post(lost_on_the_way)
    in_doubt(post)
    post.clock += settling.PATIENCE / 1_000_000 + 1
    job = post.batch(ROWS)
    job.wait()
    assert (1, {"ok"}) == (len(post.made), {*job.frame().claude_status})


def test_m5_a_batch_of_somebody_elses_with_as_many_requests_is_never_taken():
    post = Post(lost_on_the_way)
    job = in_doubt(post)
    theirs = post.make(*map(str, range(6)))
    assert ("in_doubt", ()) == (job.status().state, job.status().ids)
    assert f"It may be {theirs}: known when that has ended" in job.status().notes
    post.clock += 60
    assert ("in_doubt", ()) == (job.status().state, job.status().ids)
    post.clock += settling.PATIENCE / 1_000_000
    assert ("not_sent", []) == (job.status().state, job.ids)


def test_m5_a_batch_that_may_be_somebody_elses_is_not_canceled():
    post = Post(lost_on_the_way)
    job = in_doubt(post)
    post.make(*map(str, range(6)))
    with pytest.raises(InputError, match="another's may not be canceled"):
        job.cancel()
    assert [None] == [batch["cancel_initiated_at"] for batch in post.made]


def test_m5_ours_is_found_among_others_that_are_older_newer_or_of_another_size():
    post = Post()
    older = post.make(*map(str, range(6)))
    post.ways = [taken_and_lost]
    job = in_doubt(post)
    others = {older, post.make("1"), post.make(*map(str, range(6)))}
    job.wait()
    (ours,) = job.ids
    assert ours in {batch["id"] for batch in post.made} - others
    assert {"ok"} == {*job.frame().claude_status}


def test_m5_a_batch_whose_results_are_gone_cannot_be_told_any_more():
    post = Post(taken_and_lost)
    job = in_doubt(post)
    post.clock += 30 * 86_400
    now = job.status()
    assert "orphan" == now.state
    assert f"It may be {post.made[0]['id']}: it cannot be told any more" in now.notes
    assert job is job.wait()
    assert {"missing"} == {*job.frame().claude_status}
    post.batch(ROWS)
    assert 1 == len(post.creations)
    job.retry(("missing",)).wait()
    assert ({"ok"}, 2) == ({*job.frame().claude_status}, len(post.made))


def test_m5_the_list_of_another_workspace_says_nothing_of_a_batch_whose_answer_was_lost():
    post = Post(taken_and_lost)
    job = in_doubt(post)
    post.clock += 2 * settling.PATIENCE / 1_000_000
    post.workspace = "wrkspc_practice_other"
    now = job.status()
    assert ("in_doubt", settling.ELSEWHERE) == (now.state, now.notes[0])
    post.workspace = ""
    assert {"ok"} == {*job.wait().frame().claude_status}
    assert 1 == len(post.creations)


def test_m5_on_a_file_system_of_another_machine_a_lost_answer_leaves_one_batch_too(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    post = Post(taken_and_lost)
    in_doubt(post)
    job = post.batch(ROWS)
    assert ({"ok"}, 1) == ({*job.wait().frame().claude_status}, len(post.creations))
    assert job.status().cost_usd == ledger.shared().spent(source="practice")


def test_two_batches_of_the_same_requests_cannot_be_told_apart():
    post = Post(taken_and_lost)
    job = in_doubt(post)
    post.client().messages.batches.create(requests=[*map(parts.request, asks(post))])
    post.clock += 60
    now = job.status()
    assert ("orphan", ()) == (now.state, now.ids)


@pytest.mark.parametrize(
    "way", [unreachable, refused, overloaded], ids=["no connection", "refused", "overloaded"]
)
def test_what_was_surely_not_made_is_an_error_and_may_be_asked_again(way):
    post = Post(way)
    with pytest.raises((APIConnectionError, RequestTooLargeError, OverloadedError)):
        post.batch(ROWS)
    assert (0, 0) == held()
    job = post.batch(ROWS)
    assert (1, "in_progress") == (len(post.made), job.status().state)


def test_while_the_service_cannot_be_asked_what_is_in_doubt_stays_so():
    post = Post(taken_and_lost)
    job = in_doubt(post)
    post.down = True
    post.clock += 2 * settling.PATIENCE / 1_000_000
    assert "in_doubt" == job.status().state
    post.down = False
    assert {"ok"} == {*job.wait().frame().claude_status}


def test_after_a_part_that_was_not_made_no_other_is_sent():
    post = Post(lambda request, answer: answer(request), refused, most=2)
    with pytest.warns(BatchWarning, match=r"2 of 3 batches were not made, \.retry\(\) sends their rows"):
        job = post.batch(ROWS)
    assert (2, 1) == (len(post.creations), len(post.made))
    post.clock += 60
    assert ["ok", "ok", *["not_sent"] * 4] == [*job.frame().claude_status]
    job.retry(("not_sent",)).wait()
    assert (3, {"ok"}) == (len(post.made), {*job.frame().claude_status})
    assert 6 == len({*post.keys()})


def test_threads_that_send_the_same_rows_make_one_batch():
    post = Post()
    start = threading.Barrier(4)

    def send():
        start.wait()
        post.batch(ROWS, name="same")

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, 1) == (len(post.made), len(post.creations))


def test_rows_that_are_in_another_batch_under_way_are_not_asked_again():
    post = Post()
    post.batch(ROWS.head(4))
    job = post.batch(ROWS)
    assert [4, 2] == [batch["request_counts"]["processing"] for batch in post.made]
    assert 2 == len(job.ids)
    job.wait()
    assert {"ok"} == {*job.frame().claude_status}


def test_rows_that_another_kernel_is_asking_for_are_left_to_it(monkeypatch):
    post = Post()
    made = post.plan(ROWS)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(place, "mark", lambda: "another-host|boot|space|1|2")
        assert [made.keys[0]] == [*Journal().turns(made.keys[:1], "practice")]
    with pytest.warns(BatchWarning, match="1 rows are being asked by another kernel or thread"):
        job = post.batch(ROWS)
    assert [*made.keys[1:]] == list(post.keys())
    assert ["not_sent", *["ok"] * 5] == [*job.wait().frame().claude_status]


def test_what_is_in_a_batch_is_not_claimed_any_more():
    post = Post()
    post.batch(ROWS)
    assert [] == post.desk().journal.disk.select("SELECT * FROM claims")


def test_running_the_same_call_again_and_again_writes_nothing_more_down():
    post = Post()
    job = post.batch(ROWS)
    for _ in range(3):
        assert (job.name, job.ids) == (post.batch(ROWS).name, post.batch(ROWS).ids)
    assert [job.name] == [one.name for one in post.desk().batches.jobs()]


# ---- money -------------------------------------------------------------------------------------------------


def test_m7_the_worst_case_of_all_batches_is_held_before_anything_is_sent():
    seen = []
    post = Post(lambda request, answer: seen.append(held_usd()) or answer(request), most=2)
    job = post.batch(ROWS)
    assert [worst_case(post)] == seen
    assert (worst_case(post), 3) == (job.status().most_usd, len(post.made))


def worst_case(post):
    return sum(load.most_usd for load in parts.cut(asks(post)))


def held_usd():
    return sum(Decimal(amount) for (amount,) in ledger.shared().query("SELECT amount FROM reservations")[1])


@pytest.mark.parametrize("budget", ["max_cost", "session_budget", "day_budget"])
def test_m7_what_could_cost_more_than_is_allowed_is_not_sent_at_all(budget):
    post = Post(most=2)
    little = worst_case(post) * Decimal("0.99")
    how = {"max_cost": little} if budget == "max_cost" else {}
    if not how:
        settings.use(budget, little)
    with pytest.raises(BudgetError, match="could cost") as told:
        post.batch(ROWS, **how)
    assert "charged as a whole" in told.value.hint
    assert ([], (0, 0)) == (post.creations, held())


def test_m7_what_fits_into_the_budget_is_sent():
    post = Post()
    settings.use("session_budget", worst_case(post))
    post.batch(ROWS, max_cost=worst_case(post))
    assert 1 == len(post.made)


def test_an_interrupt_while_it_is_sent_leaves_it_to_be_settled():
    def interrupted(request, answer):
        answer(request)
        raise KeyboardInterrupt

    post = Post(interrupted)
    with pytest.raises(Stopped, match=r'claude_magic.attach\("is-this-good"\)'):
        post.batch(ROWS)
    job = post.batch(ROWS)
    assert ("in_doubt", 1) == (job.status().state, len(post.creations))
    assert {"ok"} == {*job.wait().frame().claude_status}
    assert 1 == len(post.made)


@posix
def test_an_interrupt_at_any_line_leaves_nothing_that_keeps_rows_or_money_back(tmp_path, monkeypatch):
    for number in itertools.count(1, 5):
        monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path / str(number)))
        post = Post(most=2)
        with interrupting(number) as reached, contextlib.suppress(KeyboardInterrupt):
            post.batch(ROWS.head(3))
        if not reached:
            break
        for _ in range(2):  # what may have been made is known after a while
            job = post.batch(ROWS.head(3)).wait(DAY, poll=600)
        assert ["ok"] * 3 == [*job.frame(partial=True).claude_status], reached
        assert (3, (2, 0)) == (len([*post.keys()]), held()), reached
    assert number > 100


@contextlib.contextmanager
def interrupting(number):
    """Interrupt this thread at the line of this number in the modules that make batches; yields where."""
    count, reached = itertools.count(1), []

    def trace(frame, *_):
        return line if frame.f_code.co_filename in (posting.__file__, registry.__file__) else None

    def line(frame, event, _):
        if event == "line" and next(count) == number:
            reached.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            os.kill(os.getpid(), signal.SIGINT)
        return line

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield reached
    finally:
        sys.settrace(before)
