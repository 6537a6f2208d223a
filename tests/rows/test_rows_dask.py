"""Do rows go out from the workers of a cluster, paid for once, though a worker is killed?"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
from collections import Counter
from decimal import Decimal

import pandas as pd
import pytest

import claude_magic.rows
from claude_magic import ledger, settings
from claude_magic.errors import ConfigError, InputError, Stopped
from claude_magic.rows.kept import journal as journals
from tests.doors import KEY, answer, json
from tests.ports import on_a_port

MODEL = "claude-haiku-5-5"
PAUSE = 0.05  # seconds that the service thinks
NEEDS = "needs dask: pip install 'claude-magic[dask]'"


def frame(name, rows):
    return pd.DataFrame({"x": [f"{name}.{n}" for n in range(rows)]}, index=[f"i{n:03}" for n in range(rows)])


def texts(names):
    return [f"I say {name}" for name in names]


class Service:
    """Counts what it is asked, and does something when it was asked so often."""

    def __init__(self):
        self.asked, self.left, self.act, self.key = Counter(), 0, None, KEY

    def after(self, requests, act):
        self.left, self.act = requests, act

    def __call__(self, request):
        said = re.search(rb"Say ([\w.]+)", request.body)[1].decode()
        self.asked[said] += 1
        self.left -= 1
        if self.left == 0:
            threading.Thread(target=self.act).start()
        response = json(answer(f"I say {said}", usage={"input_tokens": 8, "output_tokens": 1000}))
        response.body = [PAUSE, response.body]
        return response

    def of(self, name):
        return Counter({said: n for said, n in self.asked.items() if said.startswith(f"{name}.")})


@pytest.fixture(scope="module")
def service():
    return Service()


@pytest.fixture(scope="module")
def url(service):
    with on_a_port(service) as address:
        yield address


@pytest.fixture(scope="module")
def dask(url, tmp_path_factory):
    """A cluster of two processes, which have a key that this one has not."""
    distributed = pytest.importorskip("distributed", reason=NEEDS)
    try:
        multiprocessing.Lock()
    except OSError:
        pytest.skip("dask's processes need /dev/shm")
    folder = tmp_path_factory.mktemp("workers")
    env = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}
    env |= {f"CLAUDE_MAGIC_{name}_DIR": str(folder / name) for name in ("DATA", "CONFIG")}
    options = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": ":0", "env": env}
    with (
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def threads():
    """A cluster in this process, which has the settings of the test."""
    distributed = pytest.importorskip("distributed", reason=NEEDS)
    options = {"processes": False, "n_workers": 1, "dashboard_address": ":0", "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def here(url, monkeypatch):
    """Ask the service of this module."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)


def mapped(data, dask, **given):
    return claude_magic.map(data, "Say {x}", model=MODEL, engine=dask, **{"progress": False, **given})


def test_rows_are_sent_by_all_workers_with_a_key_that_only_they_have(dask, service, here):
    data = frame("all", 40)
    made = mapped(data, dask)
    pd.testing.assert_frame_equal(data, made[["x"]])
    assert texts(data.x) == made.claude_text.tolist()
    assert 40 == service.of("all").total() == len(ledger.shared().rows())
    local = claude_magic.map(data, "Say {x}", model=MODEL, progress=False)  # this process has no key
    pd.testing.assert_frame_equal(made, local)
    assert 40 == service.of("all").total()


def test_m2_a_killed_workers_finished_rows_are_not_asked_again(dask, service, here):
    data, finished = frame("killed", 120), set()
    victim = next(iter(dask.run(os.getpid).values()))

    def kill():
        run = journals.shared().runs()[-1].name
        finished.update(one.key for one in journals.shared().outcomes(run, texts=False))
        os.kill(victim, signal.SIGKILL)

    service.after(50, kill)
    made = mapped(data, dask, concurrency=12, details=True)
    assert ["ok"] * 120 == made.claude_status.tolist()
    assert texts(data.x) == made.claude_text.tolist()
    asked = service.of("killed")
    assert 120 == len(asked) and 12 >= asked.total() - 120
    assert len(finished) > 20
    before = made[made.claude_key.isin(finished)]
    assert {1} == {asked[said] for said in before.x} == {*before.claude_attempts}
    assert {1, 2} >= {*made.claude_attempts}


def test_m7_the_budget_is_one_for_the_whole_cluster(dask, service, here):
    data = frame("budget", 60)
    made = mapped(data, dask, max_cost=Decimal("0.01"), details=True)
    sent = service.of("budget").total()
    assert 0 < sent < 60
    assert {"ok": sent, "not_sent": 60 - sent} == made.claude_status.value_counts()[lambda n: n > 0].to_dict()
    assert 0.01 >= made.claude_cost_usd.sum()


def test_k1_the_key_is_nowhere_in_the_cluster(dask, service, here):
    seen = []

    def look(tally):
        if tally.done and not seen:
            seen.append(dask.run_on_scheduler(_everything))

    mapped(frame("key", 8), dask, progress=look)
    seen += [repr(dask.get_scheduler_logs()), repr(dask.get_worker_logs())]
    assert "claude-magic" in seen[0] and not [text for text in seen if KEY in text or KEY[-12:] in text]


def _everything(dask_scheduler):
    import pickle

    told = [repr(dask_scheduler.plugins["claude_magic_rows"].__dict__)]
    for task in dask_scheduler.tasks.values():
        told += [repr(task), pickle.dumps(task.run_spec).decode("latin1")]
    return "\n".join(told)


def test_an_interrupt_stops_the_whole_cluster(dask, service, here):
    service.after(20, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Stopped, match=r"\d+ of 900 rows are answered and kept"):
        mapped(frame("stop", 900), dask, concurrency=8)
    assert 450 > service.of("stop").total()
    assert 1 == len({*claude_magic.runs().state} & {"broken off"})


def test_practice_needs_no_key_and_asks_nobody(dask, service, here, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    settings.use("practice", True)
    made = mapped(frame("practice", 10), dask, details=True)
    assert ["practice"] * 10 == made.claude_source.tolist()
    assert 0 == service.of("practice").total()


def test_a_dask_frame_comes_back_as_one_with_its_index_and_partitions(threads, service, here, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    dd = pytest.importorskip("dask.dataframe", reason=NEEDS)
    data = frame("dd", 50)
    data["twice"] = data.x.where(data.index < "i040", "dd.3")  # in another partition too
    lazy = dd.from_pandas(data, npartitions=4)
    made = claude_magic.map(
        lazy, "Say {twice}", output={"n": int}, model=MODEL, engine=threads, progress=False
    )
    assert isinstance(made, dd.DataFrame)
    assert (lazy.divisions, 4) == (made.divisions, made.npartitions)
    assert 40 == service.of("dd").total() == len(service.of("dd"))
    got = made.compute()
    assert got.dtypes.astype(str).to_dict() == made.dtypes.astype(str).to_dict()
    assert "Int64" == str(made.dtypes["claude_n"])
    assert ["invalid"] * 50 == got.claude_status.tolist()  # typed, and it says no number
    texted = claude_magic.map(lazy, "Say {twice}", model=MODEL, engine=threads, progress=False)
    assert texts(data.twice) == texted.compute().claude_text.tolist()
    before = service.of("dd").total()
    again = claude_magic.map(lazy, "Say {twice}", model=MODEL, engine=threads, progress=False, details=True)
    assert [True] * 50 == again.compute().claude_cached.tolist()
    assert before == service.of("dd").total()
    assert 50 == len(claude_magic.run("say-twice").frame())


@pytest.mark.filterwarnings("error::FutureWarning")
def test_a_dask_frame_where_all_rows_are_needed_is_told_what_to_give():
    dd = pytest.importorskip("dask.dataframe", reason=NEEDS)
    lazy = dd.from_pandas(frame("here", 4), npartitions=2)
    for verb in (claude_magic.preview, claude_magic.estimate, claude_magic.batch, claude_magic.grade):
        with pytest.raises(InputError, match="This takes no Dask frame") as caught:
            verb(lazy, "Say {x}")
        assert "Give df.compute() or df.head(100); map, classify," in caught.value.hint


def test_rows_that_changed_since_they_were_asked_get_no_answer_of_others():
    pytest.importorskip("dask.dataframe", reason=NEEDS)
    from claude_magic.rows.cluster import partitions

    data = frame("marks", 3)
    answers = data[[]].assign(claude_text=["a", "b", "c"])
    answers[partitions.ROWS] = partitions.marks(data)
    assert ["a", "b", "c"] == partitions.joined(data, answers).claude_text.tolist()
    for other in (data.iloc[::-1], data.iloc[:2], data.assign(x="marks.0")):
        with pytest.raises(InputError, match="are others than those that were asked"):
            partitions.joined(other, answers)


def test_a_worker_without_a_key_ends_the_map_and_says_what_to_do(threads, here):
    with pytest.raises(ConfigError, match="A worker of the cluster has no API key") as caught:
        mapped(frame("keyless", 5), threads)
    assert "ANTHROPIC_API_KEY where the workers start" in caught.value.hint


def test_k2_a_worker_sends_its_key_to_no_address_but_its_own(threads, here, monkeypatch):
    from claude_magic.rows.cluster import remote

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with pytest.raises(ConfigError, match=r"asks http://127\S+, and this notebook http://elsewhere"):
        remote.own_client(remote.Order("room", "http://elsewhere", "2026-10-21"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"engine": 4}, "engine=4 needs a cluster"),
        ({"mode": "batch"}, "A batch is not sent by a cluster"),
        ({"client": claude_magic.Client(base_url="practice:")}, "A client stays in this process"),
    ],
)
def test_what_a_cluster_cannot_do_is_said_before_anything_is_sent(threads, here, given, said):
    with pytest.raises(InputError, match=said):
        claude_magic.map(frame("wrong", 2), "Say {x}", **{"engine": threads, **given})


def test_what_a_lost_sender_had_not_taken_goes_to_others(threads):
    from claude_magic.rows.cluster.exchange import Room

    room = Room("client")
    room.put([(n, b"") for n in range(5)])
    one = room.join("one", "tcp://1")
    assert [0, 1, 2, 3, 4] == [number for number, _ in one.inbox]
    one.out.add(one.inbox.popleft()[0])
    other = room.join("other", "tcp://2")
    room.put([(5, b"")])
    assert [5] == [number for number, _ in other.inbox]
    room.leave("one")
    assert ([0], [5, 1, 2, 3, 4]) == (room.lost, [number for number, _ in other.inbox])
    assert [5, 1, 2, 3, 4] == room.recall() and not other.inbox


def test_m7_what_is_out_when_the_cluster_is_gone_may_be_on_the_bill(threads):
    from distributed import Client

    from claude_magic.rows.cluster import remote, workers
    from claude_magic.rows.outcome import Ask
    from claude_magic.rows.pace.crew import Job

    with Client(threads.cluster, set_as_default=False) as gone:
        crew = workers.FarCrew(gone, remote.Order("room", "https://api.example", ""))
    for number in (1, 2):
        crew.send(Job(number, Ask(f"k{number}", {}), None, 0.0))
    done = crew.take(0.0)
    assert ([1, 2], []) == ([one.job.number for one in done], crew.take(0.0))
    for one in done:
        assert one.error.message.startswith("The cluster cannot be reached")
        assert [True] == [send.possibly_billed for send in one.error.attempts]


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    for name in [n for n in sys.modules if n.startswith("claude_magic.rows.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(claude_magic.rows, "cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs dask\.distributed") as caught:
        claude_magic.map(frame("none", 2), "Say {x}", engine=object())
    assert "claude-magic[dask]" in caught.value.hint
