"""Which batches are there, and how are they taken up by another kernel, on another day?"""

from __future__ import annotations

import signal
import subprocess
import sys
from decimal import Decimal

import pandas as pd
import pytest

from claude_magic import Client, ledger, settings
from claude_magic.errors import BudgetError, InputError, StreamError
from claude_magic.rows.batch import results
from claude_magic.rows.batch.batches import COLUMNS, overview
from claude_magic.rows.batch.batchjob import BatchJob
from claude_magic.rows.batch.desk import BatchWarning
from claude_magic.rows.batch.job import KEYWORDS, attach, attached, batch
from claude_magic.rows.kept.runs import run
from tests.doors import KEY, Asked, error, json
from tests.ports import on_a_port
from tests.rows.posts import CREATE, DAY, Post, taken_and_lost

ROWS = pd.DataFrame({"text": [f"Boat {n}" for n in range(6)]})


def status(frame):
    return [*frame.claude_status]


# ---- attach ------------------------------------------------------------------------------------------------


def test_a_job_is_found_by_its_name_or_the_id_of_a_batch_from_any_kernel_on_any_day():
    post = Post()
    first = post.batch(ROWS, name="boats")
    post.clock += 9 * DAY
    for name in ("boats", *first.ids):
        assert ("boats", ["ok"] * 6) == (post.attach(name).name, status(post.attach(name).wait().frame()))


def test_with_its_data_a_job_puts_the_answers_beside_them():
    post = Post()
    before = post.batch(ROWS, name="boats").wait().frame()
    pd.testing.assert_frame_equal(before, post.attach("boats", ROWS).frame())


def test_data_of_another_length_is_not_its_data():
    post = Post()
    post.batch(ROWS, name="boats")
    with pytest.raises(InputError, match="boats has 6 rows, and the data has 5"):
        post.attach("boats", ROWS.head(5))


def test_a_name_that_no_job_has_is_an_error_that_names_the_nearest():
    post = Post()
    post.batch(ROWS, name="boats")
    with pytest.raises(InputError, match='There is no batch job "boat"') as told:
        post.attach("boat")
    assert 'Did you mean "boats"? claude_magic.batches() lists them.' == told.value.hint


def live(post):
    """Return a desk of a post that stands for the service."""
    desk = post.desk()
    desk.__dict__["source"] = "batch"
    return desk


@pytest.mark.parametrize("mine", [True, False], ids=["its client", "the session's"])
def test_a_job_that_was_made_with_a_key_is_not_asked_after_in_practice(mine, monkeypatch):
    post = Post()
    post.batch(ROWS, name="boats", desk=live(post))
    asked = len(post.requests)
    settings.use("practice", not mine)
    with pytest.raises(InputError, match="boats was made with a key, not in practice") as told:
        attach("boats", client=Client(base_url="practice:") if mine else None)
    off = "without a practice client" if mine else "after %claude practice off"
    assert f'Type claude_magic.attach("boats") {off}.' == told.value.hint
    settings.use("practice", None)
    job = attached(live(post), "boats")
    assert (asked, None) == (len(post.requests), job.parts()[0].error)
    frame = job.wait().frame()
    settings.use("practice", True)
    pd.testing.assert_frame_equal(frame, attach("boats").frame())


def test_a_job_that_was_made_in_practice_is_not_asked_after_with_a_key():
    job = batch(ROWS, "Is this good? {text}", name="boats", client=Client(base_url="practice:"))
    with pytest.raises(InputError, match="boats was made in practice, not with a key") as told:
        attach("boats", client=Client(api_key=KEY))
    assert 'Type claude_magic.attach("boats") alone.' == told.value.hint
    assert job.ids == attach("boats").wait(poll=0.1, progress=False).ids
    assert ["ok"] * 6 == status(attach("boats", client=Client(api_key=KEY)).frame())


def test_what_is_no_name_is_an_error_that_says_where_names_are():
    with pytest.raises(InputError, match='There is no batch job "5"') as told:
        Post().attach(5)
    assert "claude_magic.batches() lists them." == told.value.hint


def test_a_batch_that_was_made_elsewhere_gives_its_results_by_custom_id():
    post = Post()
    theirs = post.attach(post.make(*(f"practice:echo {n}" for n in range(11))))
    assert "in_progress" == theirs.status().state
    with pytest.raises(InputError, match="has not ended"):
        theirs.frame()
    frame = theirs.wait().frame()
    assert [f"theirs-{n}" for n in range(11)] == [*frame.index]
    assert ["Is this good? 0", "Is this good? 10"] != [*frame.claude_text.iloc[[0, 10]]]
    assert ("custom_id", ["ok"] * 11) == (frame.index.name, status(frame))
    assert [] == ledger.shared().rows()


def test_a_batch_that_was_made_elsewhere_says_nothing_of_itself_before_it_is_looked_at():
    post = Post()
    theirs = post.attach(post.make("1", "2"))
    assert f"<Stranger {theirs.name}: not looked at yet, type .status()>" == repr(theirs)
    assert "<progress" not in theirs._repr_html_()
    post.down = True
    with pytest.raises(InputError, match="has not ended: not looked at yet"):
        theirs.frame()
    post.down = False
    assert f"<Stranger {theirs.name}: {theirs.status()}>" == repr(theirs)
    assert "2 rows · 2 processing" in repr(theirs)


def test_results_of_a_batch_that_was_made_elsewhere_stay_too():
    post = Post()
    name = post.make("1", "2")
    post.clock += 60
    before = post.attach(name).frame()
    post.clock += 40 * DAY
    pd.testing.assert_frame_equal(before, post.attach(name).frame())
    post.down = True
    assert (2, "ended") == (post.attach(name).status().succeeded, post.attach(name).status().state)
    assert "2 succeeded" in repr(post.attach(name))


def test_m11_a_line_that_is_no_result_is_named_and_the_results_are_had_again():
    post = Post()
    name = post.make("1", "2")
    post.clock += 60
    before = post.attach(name).frame()
    with results.place(name).open("ab") as file:
        file.write(b"no JSON\n")
    with pytest.raises(StreamError, match="A line of the results is not readable"):
        post.attach(name).frame()
    pd.testing.assert_frame_equal(before, post.attach(name).frame())


def test_a_batch_that_was_made_elsewhere_can_be_canceled_and_cannot_be_asked_again():
    post = Post()
    theirs = post.attach(post.make("1"))
    assert "canceling" == theirs.cancel().state
    assert ["canceled"] == status(theirs.wait().frame())
    with pytest.raises(InputError, match="prompts are not kept"):
        theirs.retry()


# ---- batches() ---------------------------------------------------------------------------------------------


def test_the_jobs_of_this_machine_and_other_batches_are_listed_newest_first():
    post = Post()
    post.batch(ROWS, name="boats").wait()
    post.clock += 10
    theirs = post.make("1", "2")
    post.clock += 0.5
    post.batch(ROWS.head(2), "Is it big? {text}", name="sizes")
    found = overview(post.desk())
    assert [*COLUMNS] == [found.index.name, *found.columns]
    assert [("sizes", "in_progress", False), (theirs, "in_progress", True), ("boats", "ended", False)] == [
        *zip(found.index, found.state, found.orphan, strict=True)
    ]
    assert [[2, 2, 0], [0, 0, 6]] == [[*found.processing], [*found.succeeded]]
    assert ([1, 1, 1], "asked") == ([*map(len, found.ids)], found.attrs["service"])


def test_an_empty_list_has_its_types():
    found = overview(Post().desk())
    assert (0, dict(list(COLUMNS.items())[1:])) == (len(found), {n: str(t) for n, t in found.dtypes.items()})


def test_a_job_of_which_it_is_not_known_whether_it_was_made_is_an_orphan():
    post = Post(taken_and_lost)
    with pytest.warns(BatchWarning):
        post.batch(ROWS, name="boats")
    found = overview(post.desk())
    assert [("boats", "in_doubt"), (post.made[0]["id"], "in_progress")] == sorted(
        zip(found.index, found.state, strict=True)
    )
    assert found.orphan.all()
    post.clock += 60
    found = overview(post.desk())
    assert [("boats", "ended", False)] == [*zip(found.index, found.state, found.orphan, strict=True)]


def test_listing_stores_the_results_of_what_has_ended():
    post = Post()
    job = post.batch(ROWS)
    post.clock += 60
    overview(post.desk())
    assert results.place(job.ids[0]).is_file()
    assert job.status().cost_usd == Decimal(str(overview(post.desk()).cost_usd.iloc[0]))


def test_without_the_service_the_jobs_of_this_machine_are_listed_and_it_is_said():
    post = Post()
    post.batch(ROWS, name="boats")
    post.down = True
    desk = post.desk()
    desk.__dict__["source"] = "practice"
    found = overview(desk)
    assert (["boats"], ["in_progress"]) == ([*found.index], [*found.state])
    assert found.attrs["service"].startswith("not asked: Could not reach")


def test_an_answer_that_is_no_list_is_said_to_be_none():
    post = Post()
    post.batch(ROWS, name="boats")
    post.practice = Asked(json({"hello": "there"}))
    desk = post.desk()
    desk.__dict__["source"] = "practice"
    found = overview(desk)
    assert ["boats"] == [*found.index]
    assert "not asked: The server's answer is no list of batches" == found.attrs["service"]


# ---- the public names --------------------------------------------------------------------------------------


@pytest.fixture
def practicing():
    settings.use("practice", True)


@pytest.mark.usefixtures("practicing")
def test_a_batch_goes_its_way_on_the_sessions_own_client():
    job = batch(ROWS, "Is this good? {text}", name="boats", model="haiku", max_cost=1)
    assert ["ok"] * 6 == status(attach("boats", ROWS, details=True).wait(poll=0.2).frame())
    assert job.ids == overview_of("boats").ids.iloc[0]


def overview_of(name):
    from claude_magic.rows.batch.batches import batches

    return batches().loc[[name]]


@pytest.mark.usefixtures("practicing")
def test_a_keyword_that_is_not_known_is_named():
    with pytest.raises(TypeError, match="Did you mean choices"):
        batch(ROWS, "{text}", labels=["a", "b"])
    assert {"name", "resume", "max_cost", "store"} <= KEYWORDS
    assert not {"concurrency", "max_attempts", "data", "prompt"} & KEYWORDS


@pytest.mark.usefixtures("practicing")
def test_a_batch_that_cannot_be_asked_is_refused_before_anything_is_written():
    with pytest.raises(InputError, match="column"):
        batch(ROWS, "Is this good? {txt}")


PRACTICES = """
import sys
import claude_magic
from claude_magic import settings
settings.use("practice", True)
job = claude_magic.batch({"text": sys.argv[2:]}, "Is this good? {text}", name=sys.argv[1])
print(*job.ids)
if sys.argv[1] != "left":
    print(*job.wait(poll=0.1, progress=False).frame().claude_status)
"""


def practices(name, *texts):
    command = [sys.executable, "-W", "error", "-c", PRACTICES, name, *texts]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.usefixtures("practicing")
def test_m5_practice_batches_of_several_kernels_are_not_taken_for_each_other():
    first, *said = practices("boats", "Boat")
    assert ["ok"] == said
    job = batch({"text": ["Sail", "Oar"]}, "Is this good? {text}", name="sails").wait(poll=0.1)
    assert ["ok", "ok"] == status(job.frame())
    assert ([first], ["ok"]) == (attach("boats").ids, status(attach(first).frame()))
    assert [first] != job.ids


@pytest.mark.parametrize("do", [BatchJob.wait, BatchJob.cancel], ids=["waited for", "canceled"])
def test_m6_a_practice_batch_ends_with_its_kernel_and_says_so(do):
    practices("left", "Boat")
    job = attach("left")
    do(job)
    assert ("not_sent", 1) == (job.status().state, job.status().not_sent)
    assert "a practice batch ends with the server that made it" in job.frame().claude_error.iloc[0]
    run("left").forget()
    settings.use("practice", True)
    again = batch({"text": ["Boat"]}, "Is this good? {text}", name="left").wait(poll=0.1)
    assert ["ok"] == status(again.frame())


# ---- killed ------------------------------------------------------------------------------------------------

CHILD = """
import sys, time
time.time = lambda: 1_800_000_000.0 - 86_400  # the day before that of a Post
from claude_magic import Client
from claude_magic.rows.batch.job import batch
client = Client(base_url=sys.argv[1], api_key="practice-key")
rows = {"text": [f"Boat {n}" for n in range(6)]}
batch(rows, "Is this good? {text}", model="claude-haiku-5-5", max_tokens=100, client=client)
"""


class Killing(Post):
    """A service that kills who asks it, at its `at`th request, before or after it did what it was asked."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.at, self.after = at, after
        self.victim: subprocess.Popen[str]

    def __call__(self, request):
        self.requests.append(request)
        due = len(self.requests) == self.at
        found = self.practice(request) if self.after or not due else None
        if due:
            self.victim.kill()
            self.victim.wait()
        return found or error(500)


def sent_by_another_process(post, last=""):
    """Have another process send the rows; return what it said, and how it ended."""
    with on_a_port(post) as url:
        ready = [sys.executable, "-c", f"input()\n{CHILD}\n{last}", url]
        post.victim = subprocess.Popen(ready, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said, _ = post.victim.communicate("\n", timeout=60)
    return said, post.victim.returncode


POINTS = {
    "before it was written down": (1, False),
    "before the service took it": (2, False),
    "before the service said so": (2, True),
}


@pytest.mark.parametrize(("at", "after"), POINTS.values(), ids=POINTS)
def test_m5_a_kernel_that_is_killed_while_it_sends_leaves_one_batch(at, after):
    post = Killing(at, after=after)
    assert ("", -signal.SIGKILL) == sent_by_another_process(post)
    assert after == len(post.made)
    job = post.batch(ROWS)
    assert ["ok"] * 6 == status(job.wait().frame())
    assert (1, 1) == (len(post.made), len(job.ids))
    assert job.status().cost_usd == ledger.shared().spent(source="practice")
    assert 1 == sum(row.outcome == "ok" for row in ledger.shared().rows())


def test_m7_what_a_killed_kernel_held_counts_as_spent_until_its_batch_is_settled():
    post = Post()
    last = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    _, code = sent_by_another_process(post, last)
    assert -signal.SIGKILL == code
    (job,) = overview(post.desk()).index
    most = post.attach(job).status().most_usd
    assert most == ledger.shared().spent(source="practice")
    settings.use("day_budget", most)
    with pytest.raises(BudgetError, match="could cost"):
        post.batch(ROWS, "Is it big? {text}")
    settings.use("day_budget", None)
    cost = post.attach(job).wait().status().cost_usd
    assert 0 < cost == ledger.shared().spent(source="practice") < most
    assert [("ok", cost)] == [(row.outcome, row.cost_usd) for row in ledger.shared().rows()]
    assert 1 == sum((one.method, one.path) == CREATE for one in post.requests)
