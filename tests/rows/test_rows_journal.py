"""Is what was answered found again, by whoever asks the same, whatever happens to kernels and disks?"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from decimal import Decimal
from pathlib import Path

import pytest

from claude_magic.errors import ConfigError, InputError
from claude_magic.ledger import place
from claude_magic.rows.kept import claims, keeping
from claude_magic.rows.kept import journal as module
from claude_magic.rows.kept.journal import Journal, Run
from claude_magic.rows.kept.keeping import JournalWarning
from claude_magic.rows.kept.registry import Job
from claude_magic.rows.kept.store import MIGRATIONS
from claude_magic.rows.outcome import FAILED, PAID, Outcome

posix = pytest.mark.skipif(os.name != "posix", reason="needs forks and file modes")
MESSAGE = '{"content":[{"type":"text","text":"Ünïcode \\u0000 日本"}]}'.encode()


def ok(key, message=MESSAGE, **more):
    return Outcome(key, "ok", message, cost_usd=Decimal("0.0000123"), latency_s=0.25, **more)


def failure(key, status="error", **more):
    return Outcome(key, status, error_type="overloaded_error", error="Overloaded", **more)


@pytest.fixture(params=["sqlite", "files"])
def kind(request, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", request.param)
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "rows.sqlite"


@pytest.fixture
def journal(kind, path):
    with opened(path) as made:
        yield made


@contextlib.contextmanager
def opened(path):
    made = Journal(path)
    try:
        yield made
    finally:
        made.disk.close()


def ran(path, code):
    """Run code in a process of its own, with `journal` and `ok` there; return what it printed."""
    head = (
        "import sys; from pathlib import Path; from claude_magic.rows.kept.journal import Journal, Run\n"
        "from claude_magic.rows.outcome import Outcome; from claude_magic.rows.kept.registry import Job\n"
        "def ok(key): return Outcome(key, 'ok', b'{}')\n"
        "journal = Journal(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", head + code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- answers -----------------------------------------------------------------------------------------------


def test_an_answer_comes_back_as_it_was_written(journal, path):
    full = Outcome("k", "truncated", MESSAGE, "a", "b", "max_tokens", "m", 1, 2, 3, 4, 5, Decimal("1E-7"),
                   "standard", 3, 1.5, "req_1", "batch")  # fmt: skip
    journal.write([full])
    with opened(path) as other:
        assert {"k": full} == other.find(["k", "none", "", "k"], "live")


def test_every_paid_status_comes_back_and_no_other(journal):
    journal.write([Outcome(status, status, b"{}") for status in PAID | FAILED])
    assert PAID == {*journal.find(PAID | FAILED, "live")}


def test_m9_a_failure_never_takes_the_place_of_an_answer(journal):
    journal.write([ok("k")], "a")
    journal.write([failure("k")], "a")
    journal.write([failure("k")], "b")
    assert {"k": ok("k")} == journal.find(["k"], "live")


def test_an_answer_takes_the_place_of_a_failure_and_of_an_older_answer(journal):
    for message in (None, b"1", b"2"):
        journal.write([failure("k") if message is None else ok("k", message)], "a")
    assert b"2" == journal.find(["k"], "live")["k"].message
    journal.write([ok("k", b"3")], "b")
    assert b"3" == journal.find(["k"], "live")["k"].message


def test_o6_practice_answers_never_stand_for_live_ones(journal):
    journal.write([ok("p", source="practice"), ok("l"), ok("b", source="batch"), ok("r", source="replay")])
    assert {"l", "b"} == {*journal.find("plbr", "live")}
    assert {"p"} == {*journal.find("plbr", "practice")}


def test_a_hundred_thousand_keys_are_found_in_few_statements(journal):
    keys = [f"{n:032x}" for n in range(100_000)]
    journal.write([ok(key, b"{}") for key in keys[::50]])
    assert keys[::50] == sorted(journal.find(keys, "live"))


def test_nothing_is_written_for_a_row_without_a_key(journal):
    journal.write([failure("")])
    journal.write([])
    assert [] == journal.disk.select("SELECT * FROM answers")


@posix
def test_k5_the_file_is_for_its_owner_alone(path):
    old = os.umask(0)
    try:
        with opened(path) as journal:
            journal.write([ok("k")])
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert {0o600} == modes


@posix
def test_k5_appended_files_and_their_folder_are_for_their_owner_alone(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    with opened(path) as journal:
        journal.write([ok("k")])
    folder = path.with_suffix(".d")
    assert [0o700, 0o600] == [stat.S_IMODE(p.stat().st_mode) for p in (folder, next(folder.iterdir()))]


def test_s3_whatever_a_server_says_of_an_answer_it_is_kept(journal, path):
    odd = ok("k", model={"id": "m"}, error="half \ud83d", input_tokens=2**70, output_tokens=7)
    journal.write([odd, ok("j")])
    journal.write([ok("i", stop_reason=["list"])])
    journal.write([ok("after")])
    with opened(path) as other:
        found = other.find(["k", "j", "i", "after"], "live")
    assert ({"k", "j", "i", "after"}, MESSAGE, 7) == ({*found}, found["k"].message, found["k"].output_tokens)
    assert ("{'id': 'm'}", "half ?") == (found["k"].model, found["k"].error)


# ---- what is not kept --------------------------------------------------------------------------------------


def bytes_of(folder):
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_with_store_false_no_text_reaches_the_disk(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    journal = Journal(False)
    run = journal.begin(Run(template="Is SECRET true?", output='{"SECRET": 1}'), ["k", "f"])
    journal.write([ok("k", b'"SECRET"'), failure("f")._replace(error="SECRET")], run.name)
    journal.disk.close()
    assert b"SECRET" not in bytes_of(tmp_path)
    assert (None, None, "rows") == (run.template, run.output, run.name)
    (kept,) = [o for o in Journal(None).outcomes("rows") if o.key == "k"]
    assert ("ok", None, Decimal("0.0000123")) == (kept.status, kept.message, kept.cost_usd)


def test_m9_with_store_false_the_same_kernel_goes_on_having_its_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    module.shared(False).write([ok("k")])
    assert {"k": ok("k")} == module.shared(False).find(["k"], "live")


def test_rows_whose_texts_were_not_kept_are_not_paid_for_again_in_silence(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    Journal(False).write([ok("k"), ok("j")])
    with pytest.warns(JournalWarning, match="2 of these rows were paid for with store=False"):
        assert {} == Journal().find(["k", "j"], "live")
    Journal().write([ok("k"), ok("j")])
    Journal(False).write([ok("k", b"{}")])
    assert {"k", "j"} == {*Journal().find(["k", "j"], "live")}


def test_a_store_may_be_any_file_and_is_another_journal(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    mine = module.shared(tmp_path / "deep" / "mine.sqlite")
    mine.write([ok("k")])
    assert mine is module.shared(str(tmp_path / "deep" / "mine.sqlite"))
    assert [{}, {"k": ok("k")}] == [j.find(["k"], "live") for j in (module.shared(True), mine)]


# ---- runs --------------------------------------------------------------------------------------------------


def test_a_run_comes_back_with_the_keys_of_its_rows(journal, path):
    keys = ["a", "", "b", "a"]
    begun = journal.begin(Run("r", "live", model="m", template="{x}", source="practice"), keys)
    with opened(path) as other:
        assert ([begun], keys) == (other.runs(), other.keys("r"))
    assert (4, "practice", "running") == (begun.rows, begun.bucket, begun.state_now)


@pytest.mark.parametrize("keys", [[], [""], ["", ""]], ids=str)
def test_a_run_may_have_no_row_to_ask(journal, keys):
    journal.begin(Run("r"), keys)
    assert keys == journal.keys("r")


def test_a_run_without_a_name_gets_a_readable_one_of_its_own(journal):
    given = ["Sum up {text}, please", "Sum up {text}!", "{日本}", None]
    names = [journal.begin(Run(template=template), ["k"]).name for template in given]
    assert ["sum-up-text", "sum-up-text-2", "rows", "rows-2"] == names


def test_a_run_of_a_known_name_goes_on_under_it(journal):
    journal.begin(Run("r", model="old"), ["a"])
    journal.end("r")
    journal.begin(Run("r", model="new"), ["a", "b"])
    assert [("new", "running")] == [(run.model, run.state_now) for run in journal.runs()]
    assert ["a", "b"] == journal.keys("r")


def test_outcomes_of_a_run_are_its_own_or_what_others_paid_for(journal):
    journal.write([ok("a", b"before"), failure("b")], "before")
    journal.begin(Run("r"), ["a", "b", "c", "d", "a", ""])
    journal.write([ok("c", b"mine"), failure("d")], "r")
    journal.write([ok("c", b"later"), ok("d", b"later")], "later")
    found = [(owner, o.key, o.status, o.message) for owner, o in journal.origins("r")]
    assert [
        ("before", "a", "ok", b"before"),
        ("before", "b", "error", None),
        ("r", "c", "ok", b"mine"),
        ("later", "d", "ok", b"later"),
    ] == found
    assert {None} == {o.message for o in journal.outcomes("r", texts=False)}


def test_what_a_run_was_answered_by_a_replay_is_its_own_alone(journal):
    journal.begin(Run("r"), ["a"])
    journal.begin(Run("other"), ["a"])
    journal.write([ok("a", source="replay")], "r")
    assert [["a"], []] == [[o.key for o in journal.outcomes(name)] for name in ("r", "other")]
    journal.forget("other")
    assert ["a"] == [o.key for o in journal.outcomes("r")]
    journal.forget("r")
    assert [] == journal.disk.select("SELECT key FROM answers")


def test_an_unknown_run_names_the_one_that_was_meant(journal):
    journal.begin(Run("topics"), ["a"])
    for ask in (journal.run, journal.keys, journal.forget, lambda name: [*journal.outcomes(name)]):
        with pytest.raises(InputError, match='There is no run "topcs"') as told:
            ask("topcs")
        assert 'Did you mean "topics"?' in told.value.hint


def test_a_run_whose_kernel_ended_is_broken_off_and_one_in_batches_goes_on(journal, path):
    ran(path, "journal.begin(Run('r'), ['a']); journal.begin(Run('b', 'batch'), ['a'])")
    assert {"r": "broken off", "b": "running"} == {run.name: run.state_now for run in journal.runs()}
    journal.end("b", "broken off")
    assert "broken off" == journal.run("b").state_now


def test_runs_with_the_same_rows_share_one_list_of_keys(journal):
    for name in "abc":
        journal.begin(Run(name), [f"{n:032x}" for n in range(1000)])
    assert [(1,)] == journal.disk.select("SELECT count(*) FROM keylists")


def test_forgetting_a_run_removes_what_no_other_has(journal, path):
    journal.begin(Run("r"), ["a", "b"])
    journal.write([ok("a", b"FORGOTTEN"), ok("b", b"KEPT")], "r")
    journal.write([ok("a", b"PRACTISED", source="practice")])
    journal.begin(Run("other"), ["b", "c"])
    journal.begin(Run("practised", source="practice"), ["a"])
    journal.forget("r")
    journal.disk.close()
    with opened(path) as other:
        assert {"b": b"KEPT"} == {k: o.message for k, o in other.find("abc", "live").items()}
        assert ["other", "practised"] == [run.name for run in other.runs()]
        assert [(2,)] == other.disk.select("SELECT count(*) FROM keylists")
    left = bytes_of(path.parent)
    assert [False, True, True] == [text in left for text in (b"FORGOTTEN", b"KEPT", b"PRACTISED")]


def test_forgetting_a_run_removes_what_an_earlier_prompt_of_its_name_was_answered(journal, path):
    journal.begin(Run("r"), ["a"])
    journal.write([ok("a", b"FORGOTTEN")], "r")
    journal.begin(Run("r", template="another"), ["b"])
    journal.write([ok("b", b"GONE")], "r")
    journal.forget("r")
    journal.disk.close()
    left = bytes_of(path.parent)
    assert [False, False] == [text in left for text in (b"FORGOTTEN", b"GONE")]


def test_forgetting_where_nothing_can_be_written_says_so(kind, tmp_path):
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "rows.sqlite")
    journal.begin(Run("r"), ["a"])
    with pytest.raises(ConfigError, match="cannot be written"):
        journal.forget("r")


# ---- batches -----------------------------------------------------------------------------------------------


def test_m5_a_job_and_its_parts_are_there_for_any_kernel(journal, path):
    made = journal.batches.intend(
        Job("j", "r", "practice", about={"x": [1]}), [("sha", ["a", "b"]), ("t", [])]
    )
    with opened(path) as other:
        job = other.batches.job("j")
        assert ("r", "practice", {"x": [1]}, True) == (job.run, job.bucket, job.about, job.created_at > 0)
        assert made == other.batches.parts("j")
        assert [["a", "b"], []] == [other.batches.custom_ids(part) for part in made]
    assert [("intended", 2), ("intended", 0)] == [(part.state, part.size) for part in made]


def test_m5_only_one_kernel_takes_a_part_further(journal, path):
    (part,) = journal.batches.intend(Job("j"), [("sha", ["a"])])
    assert "True" == ran(
        path, "b = journal.batches; print(b.change(b.parts('j')[0], state='sent') is not None)"
    )
    assert None is journal.batches.change(part, state="sent")
    (now,) = journal.batches.parts("j")
    made = journal.batches.change(now, state="made", batch_id="msgbatch_1", expires_at=5, counts={"ok": 1})
    assert (made, place.mark()) == (journal.batches.of_batch("msgbatch_1"), made.owner)
    assert None is journal.batches.of_batch("msgbatch_2")


def test_further_parts_of_a_job_follow_those_it_has(journal):
    journal.batches.intend(Job("j", about={"first": True}), [("1", ["a"])])
    journal.batches.intend(Job("j"), [("2", ["b"]), ("3", ["c"])])
    assert [(0, "1"), (1, "2"), (2, "3")] == [(p.number, p.sha256) for p in journal.batches.parts("j")]
    assert [{"first": True}] == [job.about for job in journal.batches.jobs()]
    journal.batches.forget("j")
    assert ([], []) == (journal.batches.jobs(), journal.batches.parts("j"))


def test_m5_no_intent_means_no_batch(kind, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        Journal(tmp_path / "file" / "rows.sqlite").batches.intend(Job("j"), [("sha", ["a"])])


# ---- kernels, threads and forks ----------------------------------------------------------------------------


def test_r1_threads_share_a_journal(journal):
    def work(n):
        for i in range(20):
            journal.write([ok(f"{n}-{i}")], "r")
            assert f"{n}-{i}" in journal.find([f"{n}-{i}"], "live")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 160 == len(journal.find([f"{n}-{i}" for n in range(8) for i in range(20)], "live"))


@posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_r2_eight_kernels_write_at_once_and_a_fork_goes_on(journal, path):
    journal.write([ok("parent")])
    children = []
    for n in range(8):
        if not (pid := os.fork()):
            try:
                for i in range(10):
                    journal.write([ok(f"{n}-{i}-{j}") for j in range(4)], f"r{n}")
                journal.begin(Run(template="Say {x}"), [str(n)])
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        children.append(pid)
    assert [0] * 8 == [os.waitpid(pid, 0)[1] for pid in children]
    journal.write([ok("after")])
    keys = [f"{n}-{i}-{j}" for n in range(8) for i in range(10) for j in range(4)]
    assert {*keys, "parent", "after"} == {*journal.find([*keys, "parent", "after"], "live")}
    names = {run.name for run in journal.runs()}
    assert {"say-x", *(f"say-x-{n}" for n in range(2, 9))} == names


def test_m9_of_two_kernels_with_one_map_only_one_asks_for_a_row(path):
    with opened(path) as journal:
        journal.write([ok("0")])
        keys = [str(n) for n in range(100)]
        mine = journal.turns(keys, "live")
        asked = [next(asking) for asking in [iter(mine)] for _ in range(10)]
        others = subprocess.Popen(
            [sys.executable, "-c", TURNS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        theirs = others.stdout.readline().split()
        assert "0" not in asked and not {*asked} & {*theirs}
        assert {*keys[32:]} == {*theirs}  # this process has claimed the first 32 alone
        rest = [*mine]
        assert {*keys[1:32]} >= {*rest} and {*theirs} <= {*mine.left}
        others.communicate()
        assert {*theirs} == {*journal.turns(mine.left, "live")} - {"0"}  # their process ended


TURNS = """
import sys
from pathlib import Path
from claude_magic.rows.kept.journal import Journal
print(*Journal(Path(sys.argv[1])).turns(map(str, range(100)), "live"), flush=True)
sys.stdin.read()
"""


def test_m9_of_two_threads_with_one_map_only_one_asks_for_a_row(journal):
    keys = [str(n) for n in range(100)]
    with journal.turns(keys, "live") as mine, journal.turns(keys, "live") as others:
        both = [*zip(mine, others, strict=False)]  # by turns, as threads may
        asked = [key for pair in both for key in pair]
        assert len({*asked}) == len(asked)
        assert {*keys} == {*asked, *mine.left, *others.left}
        journal.begin(Run("another"), ["x"])
        journal.end("another")
        assert [] == [*journal.turns(asked, "live")]
    assert keys == [*journal.turns(keys, "live")]


def test_what_was_claimed_is_free_when_it_is_answered_or_its_map_ends(path):
    with opened(path) as journal:
        left = "SELECT key FROM claims ORDER BY key"
        with journal.turns("abc", "live") as turns:
            assert ["a", "b", "c"] == [*turns]
            journal.write([ok("a")], "r")
            assert [("b",), ("c",)] == journal.disk.select(left)
        assert [] == journal.disk.select(left)


def test_what_turns_have_claimed_that_nobody_ended_is_free_in_their_own_process(path):
    with opened(path) as journal:
        assert ["a"] == [*journal.turns("a", "live")]
        assert ["a"] == [*journal.turns("a", "live")]


def test_a_stale_claim_counts_for_nothing(path):
    elsewhere = place.mark().replace("|", "elsewhere|", 1)
    with opened(path) as journal, journal.disk._store.transaction() as db:
        now = module.now()
        rows = [("old", "live", elsewhere, now - claims.STALE - 1), ("new", "live", elsewhere, now)]
        db.executemany("INSERT INTO claims VALUES (?,?,?,?)", rows)
    assert ["old"] == [*journal.turns(["old", "new"], "live")]


# ---- disks -------------------------------------------------------------------------------------------------


def test_r2_answers_that_the_disk_does_not_take_are_kept_and_written_later(kind, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    journal = Journal(blocked / "rows.sqlite")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = journal.begin(Run(template="Say {x}"), ["a", "b"])
        journal.write([ok("a")], run.name)
        assert {"a": ok("a")} == journal.find(["a"], "live")
        assert ("say-x", ["a", "b"]) == (run.name, journal.keys("say-x"))
    assert [JournalWarning] == [one.category for one in told]
    blocked.unlink()
    journal.write([ok("b")], run.name)
    journal.disk.close()
    with opened(blocked / "rows.sqlite") as other:
        assert {"a", "b"} == {*other.find(["a", "b"], "live")} == {*other.keys("say-x")}


def test_r2_a_warning_that_is_an_error_loses_no_answer(kind, tmp_path):
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "rows.sqlite")  # warnings are errors in these tests
    journal.write([ok("a")])
    assert {"a": ok("a")} == journal.find(["a"], "live")


def test_r2_a_lock_that_another_holds_is_waited_for_once_then_hardly_and_again_at_the_end(path, monkeypatch):
    monkeypatch.setattr(keeping, "BUSY_SECONDS", 0.2)
    with opened(path) as journal:

        def waited():
            return journal.disk._store._db.execute("PRAGMA busy_timeout").fetchone()[0]

        run = journal.begin(Run(template="Say {x}"), ["a", "b"])
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            seen = []
            for key in ("a", "b"):
                journal.write([ok(key)], run.name)
                seen.append(waited())
            journal.end(run.name)
            assert [200, 100, 200] == [*seen, waited()]
            assert {"a", "b"} == {*journal.find("ab", "live")}
            lock.execute("ROLLBACK")
        journal.end(run.name)
    with opened(path) as other:
        assert {"a", "b"} == {*other.find("ab", "live")}


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_r2_a_full_disk_loses_no_answer(tmp_path):
    code = """
import resource, warnings
warnings.simplefilter("ignore")
journal.write([ok("first")])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
keys = [f"{n:032x}" for n in range(3000)]
for start in range(0, 3000, 100):
    journal.write([ok(key) for key in keys[start:start + 100]])
print(len(journal.find(keys, "live")), end=" ")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write([])
print(len(Journal(Path(sys.argv[1])).find(keys, "live")))
"""
    for kind in ("sqlite", "files"):
        os.environ["CLAUDE_MAGIC_LEDGER"] = kind
        try:
            assert "3000 3000" == ran(tmp_path / kind / "rows.sqlite", code)
        finally:
            del os.environ["CLAUDE_MAGIC_LEDGER"]


@posix
def test_r2_a_read_only_home_is_read(kind):
    code = """
import os, warnings
os.geteuid() or os.setuid(65534)
warnings.simplefilter("ignore")
journal.write([ok("b")])
print(*sorted(journal.find(["a", "b"], "live")), *sorted(Journal(Path(sys.argv[1])).find(["a", "b"], "live")))
"""
    with tempfile.TemporaryDirectory() as top:  # pytest's own folders are closed to other users
        home = Path(top)
        with opened(home / "data" / "rows.sqlite") as journal:
            journal.write([ok("a")])
        for found in (*home.rglob("*"), home):
            found.chmod(0o555 if found.is_dir() else 0o444)
        try:
            assert "a b a" == ran(journal.path, code)
        finally:
            for found in (home, *home.rglob("*")):
                found.chmod(0o755 if found.is_dir() else 0o644)


def test_practice_does_not_take_the_name_of_a_batch_that_is_paid_for(journal):
    for source in ("practice", "batch"):
        journal.begin(Run("r", "batch", source=source), ["a"])
        (part,) = journal.batches.intend(Job(source, "r"), [("sha", ["a"])])
        journal.batches.change(part, state="made", batch_id="msgbatch_1")
    with pytest.raises(InputError, match='The run "r" waits for answers that are paid for'):
        journal.begin(Run("r", "batch", source="practice"), ["a"])


class Interrupted(list):
    """Values in the middle of which an interrupt comes, once."""

    def __iter__(self):
        for n, value in enumerate([*super().__iter__()]):
            if n and not hasattr(self, "was"):
                self.was = True
                raise KeyboardInterrupt
            yield value


def test_an_interrupted_write_is_written_by_the_next(path):
    with opened(path) as journal:
        journal.write([ok("before")])
        with pytest.raises(KeyboardInterrupt):
            journal.disk.change(("keylist", Interrupted([("a", b""), ("b", b"")])))
        assert [] == journal.disk.select("SELECT * FROM keylists")
        journal.write([ok("after")])
        assert [("a",), ("b",)] == journal.disk.select("SELECT digest FROM keylists ORDER BY digest")
        assert {"before", "after"} == {*journal.find(["before", "after"], "live")}


def test_r2_a_file_that_is_removed_is_made_anew(path):
    with opened(path) as journal:
        journal.write([ok("a")])
        for file in path.parent.iterdir():
            file.unlink()
        journal.write([ok("b")])
        assert {"b"} == {*journal.find(["a", "b"], "live")}


def test_a_file_of_a_newer_version_is_left_alone(path):
    with opened(path) as journal:
        journal.write([ok("a")])
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.warns(JournalWarning, match="written by a newer claude_magic"):
        Journal(path).write([ok("b")])


def test_r2_a_record_cut_off_at_any_byte_spoils_no_other(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    with opened(path) as journal:
        journal.write([ok("a", b"{}")])
        (file,) = path.with_suffix(".d").glob("*.rows")
        first = file.stat().st_size
        journal.write([ok("b", b"{}")])
    whole = file.read_bytes()
    for end in range(first, len(whole), 7):
        file.write_bytes(whole[:end])
        journal = Journal(path)
        assert {"a"} == {*journal.find(["a", "b"], "live")}
    journal.write([ok("c")])
    assert {"a", "c"} == {*Journal(path).find(["a", "b", "c"], "live")}


def test_many_files_of_ended_processes_become_one(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    monkeypatch.setattr("claude_magic.rows.kept.appended.FILES", 3)
    ran(path, "for n in range(5): Journal(Path(sys.argv[1])).write([ok(str(n))], 'r')")
    ran(path, "journal.begin(Run('r'), ['0', '4']); journal.batches.intend(Job('j'), [('s', ['0'])])")
    with opened(path) as journal:
        found = journal.find("01234", "live")
        assert (5, ["0", "4"], 1) == (len(found), journal.keys("r"), len(journal.batches.parts("j")))
    assert 1 == len([*path.with_suffix(".d").glob("*")])
