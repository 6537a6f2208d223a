"""Is anything paid for twice when the kernel is killed in the middle of a map?"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict

import pandas as pd
import pytest

from claude_magic import Client, wire
from claude_magic.rows import mapping
from claude_magic.rows.kept.journal import Journal
from tests.doors import KEY, answer, json
from tests.ports import on_a_port

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

KILLS = 100
ROWS = 24
AT_ONCE = 4

WORKER = f"""
import os, sys, traceback
import pandas as pd
from claude_magic.api.client import Client
from claude_magic.rows.pace import engine; from claude_magic.rows import mapping

def work(url, name):
    frame = pd.DataFrame({{"x": [f"{{name}}.{{n}}" for n in range({ROWS})]}})
    with Client(base_url=url, api_key="{KEY}") as client:
        done = mapping.map(frame, "Say {{x}}", model="claude-haiku-5-5", concurrency={AT_ONCE}, client=client,
                           progress=False)
    assert [f"I say {{x}}" for x in frame.x] == list(done.claude_text) and {{"ok"}} == set(done.claude_status)

work(*sys.stdin.readline().split())
print("warm", flush=True)
for line in sys.stdin:  # a fork of this process, which has imported all, is at work within milliseconds
    child = os.fork()
    if not child:
        try:
            work(*line.split())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Service:
    """Counts what it is asked, and kills who asks: after so many requests, and some moments more."""

    def __init__(self):
        self.asked, self.lock, self.timer, self.left = defaultdict(Counter), threading.Lock(), None, None

    def __call__(self, request):
        said = re.search(rb"Say ([\w.]+)", request.body)[1].decode()
        with self.lock:
            self.asked[said.partition(".")[0]][said] += 1
            self.left = None if self.left is None else self.left - 1
            if self.left == 0:
                self.timer.start()
        return json(answer(f"I say {said}"))


class Worker:
    """A process whose forks map rows."""

    def __init__(self, data, url):
        environment = {**os.environ, "CLAUDE_MAGIC_DATA_DIR": str(data), "PYTHONHASHSEED": "0"}
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        self.process = subprocess.Popen([sys.executable, "-c", WORKER], text=True, env=environment, **pipes)
        print(url, "warm", file=self.process.stdin, flush=True)
        assert "warm\n" == self.process.stdout.readline()

    def run(self, service, url, name, *, after=None, delay=0.0):
        """Map the rows of a name and return the exit status; `after` so many requests it is killed."""
        started = threading.Event()
        handle = -1

        def kill():
            started.wait()
            with contextlib.suppress(ProcessLookupError):
                if handle >= 0:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)

        service.timer, service.left = threading.Timer(delay, kill), after
        print(url, name, file=self.process.stdin, flush=True)
        with contextlib.suppress(ProcessLookupError):  # it may have ended already
            handle = os.pidfd_open(int(self.process.stdout.readline()))
        started.set()
        if after == 0:
            service.timer.start()
        status = int(self.process.stdout.readline())
        service.timer.cancel()
        if service.timer.ident:
            service.timer.join()
        if handle >= 0:
            os.close(handle)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def test_m2_after_sigkill_at_a_hundred_moments_only_what_was_in_flight_is_paid_for_again(tmp_path):
    chance, service, journal = random.Random(2026), Service(), Journal(tmp_path / "rows.sqlite")
    killed = twice = 0
    with on_a_port(service) as url, Worker(tmp_path, url) as worker:
        for name in (f"r{number}" for number in range(10 * KILLS)):
            when = {"after": chance.randrange(ROWS - 1), "delay": chance.uniform(0, 0.01)}
            status = worker.run(service, url, name, **when)
            assert status in (0, -signal.SIGKILL)
            first = Counter(service.asked[name])
            finished = texts(journal) if first else set()
            assert {*first} >= finished
            assert 0 == worker.run(service, url, name)
            asked = service.asked[name]
            assert (ROWS, set()) == (len(asked), finished & {*(asked - first)}), when
            assert AT_ONCE >= asked.total() - ROWS, when
            killed, twice = killed + (status != 0), twice + asked.total() - ROWS
            if killed == KILLS:
                break
    assert KILLS == killed and 0 < twice
    journal.disk.close()


def texts(journal):
    """Return what the newest run in a journal was answered."""
    found = journal.outcomes(journal.runs()[-1].name)
    return {wire.decode(one.message)["content"][0]["text"].removeprefix("I say ") for one in found}


def test_m9_two_threads_that_run_one_map_at_once_pay_for_each_row_once(tmp_path):
    service, start = Service(), threading.Barrier(2)
    frame = pd.DataFrame({"x": [f"r.{n}" for n in range(ROWS)]})

    def work():
        start.wait()
        made = mapping.map(frame, "Say {x}", client=client, concurrency=AT_ONCE, progress=False)
        assert {"ok"} == {*made.claude_status}

    with on_a_port(service) as url, Client(base_url=url, api_key=KEY) as client:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [1] * ROWS == [*service.asked["r"].values()]


def test_m9_two_kernels_that_run_one_map_at_once_pay_for_each_row_once(tmp_path):
    service = Service()
    with on_a_port(service) as url, Worker(tmp_path, url) as one, Worker(tmp_path, url) as other:
        for name in ("r1", "r2", "r3"):
            runs = [threading.Thread(target=w.run, args=(service, url, name)) for w in (one, other)]
            for run in runs:
                run.start()
            for run in runs:
                run.join()
            assert [1] * ROWS == [*service.asked[name].values()]
