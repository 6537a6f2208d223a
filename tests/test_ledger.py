"""Does the ledger keep every call, exactly, whatever happens to kernels, disks and clocks?"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from claude_magic import ledger as module
from claude_magic.errors import BudgetError
from claude_magic.ledger import Entry, Ledger, LedgerWarning, place
from claude_magic.ledger.files import Files
from claude_magic.ledger.sqlite import MIGRATIONS, Sqlite
from claude_magic.limits import Budgets

pytestmark = pytest.mark.usefixtures("one_day")

D = Decimal
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NONE = Budgets()
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals, forks and file modes")


def entry(cost="0.01", **more):
    return Entry(time=NOON, cost_usd=None if cost is None else D(cost), **more)


def today():
    return datetime.now(UTC).date()


@pytest.fixture(params=["sqlite", "files"])
def kind(request, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", request.param)
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "ledger.sqlite"


@pytest.fixture
def books(kind, path):
    made = Ledger(path)
    yield made
    made.close()


SCRIPT = """
import os, sys, threading
from decimal import Decimal
from datetime import UTC, datetime
from pathlib import Path
from claude_magic.errors import BudgetError
from claude_magic.ledger import Entry, Ledger
from claude_magic.limits import Budgets
books = Ledger(Path(sys.argv[1]))
now = datetime.now(UTC)
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
say("ready")
sys.stdin.readline()
"""


@contextlib.contextmanager
def started(path, code, count=1, **options):
    """Start processes that run SCRIPT and then `code` once each is told to go."""
    command = [sys.executable, "-c", SCRIPT + code, str(path)]
    pipe = subprocess.PIPE
    made = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, **options) for _ in range(count)]
    try:
        for process in made:
            assert process.stdout.readline() == "ready\n"
        for process in made:
            process.stdin.write("go\n")
            process.stdin.flush()
        yield made
    finally:
        for process in made:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def ran(path, code, count=1, **options):
    with started(path, code, count, **options) as processes:
        return [process.communicate()[0].splitlines() for process in processes]


def test_a_call_is_a_row_and_comes_back_as_it_was(books):
    full = entry(
        "0.000000125",
        notebook="a.ipynb",
        cell="c1",
        thread="main",
        model="claude-haiku-5-5",
        input_tokens=1,
        output_tokens=2,
        cache_read_tokens=3,
        cache_write_5m_tokens=4,
        cache_write_1h_tokens=5,
        latency_s=1.25,
        ttft_s=0.5,
        outcome="refused",
        stop_reason="refusal",
        error_type=None,
        request_id="req_1",
        attempts=3,
        source="batch",
        session="s",
    )
    books.record(full)
    assert [full] == books.rows()
    assert D("0.000000125") == books.spent(session="s", day=NOON.date())


def test_the_table_holds_no_column_for_what_was_said():
    said = ("prompt", "text", "content", "answer", "message", "body", "key")
    assert [] == [name for name in module.COLUMNS if any(word in name for word in said)]


def test_rows_can_be_asked_for_a_stretch_of_time(books):
    for hour in (2, 0, 1):
        books.record(Entry(time=NOON + timedelta(hours=hour)))
    got = books.rows(since=NOON, until=NOON + timedelta(hours=2))
    assert [NOON, NOON + timedelta(hours=1)] == [e.time for e in got]


def test_m10_sums_are_exact_and_an_unknown_cost_counts_at_its_worst_case(books):
    for cost in ("0.1", "0.2", None):
        held = books.reserve(D("0.7"), NONE, session="s")
        books.settle(held, entry(cost))
    assert D("1.0") == books.spent(session="s")
    assert [D("0.1"), D("0.2"), None] == [e.cost_usd for e in books.rows()]


def test_m7_a_reservation_counts_until_it_is_settled_at_what_it_cost(books):
    budgets = Budgets(session=D("0.10"))
    held = books.reserve(D("0.08"), budgets, session="s")
    with pytest.raises(BudgetError, match=r"\$0\.02 left .*\$0\.08 is held"):
        books.reserve(D("0.03"), budgets, session="s")
    books.settle(held, entry("0.01"))
    books.reserve(D("0.09"), budgets, session="s")


def test_m7_a_call_that_was_not_sent_gives_its_room_back(books):
    budgets = Budgets(day=D("0.10"))
    books.release(books.reserve(D("0.10"), budgets, session="s"))
    books.reserve(D("0.10"), budgets, session="s")
    assert [] == books.rows()


def test_m7_a_budget_of_a_session_is_not_used_by_another_and_the_days_is(books):
    books.settle(books.reserve(D(1), NONE, session="a"), entry("1"))
    books.reserve(D(1), Budgets(session=D(1)), session="b")
    with pytest.raises(BudgetError, match="today's budget"):
        books.reserve(D(1), Budgets(day=D("2.5")), session="c")


def test_m7_a_call_that_ends_after_midnight_counts_for_the_day_it_was_reserved_on(books):
    held = books.reserve(D(1), NONE, session="s")
    books.settle(held, Entry(time=NOON + timedelta(days=900), cost_usd=D("0.4")))
    assert D("0.4") == books.spent(day=today())


def test_practice_and_live_money_never_mix_and_batches_are_live(books):
    for source in ("live", "batch", "practice", "replay"):
        books.settle(books.reserve(D("0.4"), NONE, session="s", source=source), entry("0.4", source=source))
    assert [D("0.8"), D("0.4")] == [books.spent(session="s", source=s) for s in ("live", "practice")]
    books.reserve(D("0.5"), Budgets(session=D(1)), session="s", source="practice")
    with pytest.raises(BudgetError):
        books.reserve(D("0.5"), Budgets(session=D(1)), session="s", source="batch")


def test_m10_an_unknown_price_goes_without_a_budget_and_not_with_one(books):
    books.settle(books.reserve(None, NONE, session="s"), entry(None))
    with pytest.raises(BudgetError, match="not known"):
        books.reserve(None, Budgets(day=D(1)), session="s")
    assert 1 == len(books.rows())


def test_settling_twice_counts_once(books):
    held = books.reserve(D(1), NONE, session="s")
    books.settle(held, entry("0.5"))
    books.settle(held, entry("0.5"))
    assert (D("0.5"), 1) == (books.spent(session="s"), len(books.rows()))
    books.reserve(D("0.5"), Budgets(session=D(1)), session="s")


def test_r1_a_hundred_threads_share_one_ledger(books):
    def work():
        for _ in range(3):
            books.settle(books.reserve(D("0.02"), NONE, session="s"), entry())

    threads = [threading.Thread(target=work) for _ in range(100)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (300, D("3.00")) == (len(books.rows()), books.spent(session="s"))


RACE = """
def work():
    while True:
        try:
            held = books.reserve(Decimal("0.01"), Budgets(day=Decimal("0.40")), session="s")
        except BudgetError:
            return
        say("through")
        books.settle(held, Entry(time=now, cost_usd=Decimal("0.01")))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""


def test_m7_r2_eight_kernels_with_four_threads_each_get_exactly_the_calls_a_budget_is_worth(
    path, monkeypatch
):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "sqlite")
    assert 40 == sum(map(len, ran(path, RACE, 8)))
    with contextlib.closing(Ledger(path)) as books:
        assert (D("0.40"), 40) == (books.spent(day=today()), len(books.rows()))


def test_m7_r2_append_only_files_let_no_call_too_many_through(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    through = sum(map(len, ran(path, RACE, 4)))
    books = Ledger(path)
    assert (through * D("0.01"), through) == (books.spent(day=today()), len(books.rows()))
    assert 24 < through <= 40  # near the end those of sixteen that announce at once step back for each other


def test_m7_r2_room_that_another_kernel_holds_for_a_moment_is_waited_for(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    books, other = Ledger(path), Ledger(path)
    held = other.reserve(D(1), NONE, session="t")
    monkeypatch.setattr("claude_magic.ledger.files.clock.sleep", lambda _: other.release(held))
    books.reserve(D(1), Budgets(day=D(1)), session="s")


ENDLESS = """
n = 0
while True:
    held = books.reserve(Decimal("0.01"), Budgets(day=Decimal(1000)), session="s")
    books.settle(held, Entry(time=now, request_id=f"{os.getpid()}-{n}", cost_usd=Decimal("0.001")))
    say(f"{os.getpid()}-{n}")
    n += 1
"""


@posix
def test_r2_a_kernel_killed_at_any_moment_loses_no_call_it_has_recorded(kind, path):
    said = set()
    with started(path, ENDLESS, 3) as processes:
        for n, process in enumerate(processes):
            for _ in range(5 + 3 * n):
                said.add(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
            said |= {line for line in process.stdout.read().split("\n")[:-1] if line}
    books = Ledger(path)
    rows = books.rows()
    lost = [e for e in rows if e.outcome == "lost"]
    assert said <= {e.request_id for e in rows}
    assert len(lost) <= 3
    whole = D("0.001") * (len(rows) - len(lost)) + D("0.01") * len(lost)
    assert whole == books.spent(day=today()) == books.spent(session="s")
    with pytest.raises(BudgetError, match="could cost"):  # the totals say the same as the rows
        books.reserve(D("0.01"), Budgets(day=whole), session="t")
    books.reserve(D("0.01"), Budgets(day=whole + D("0.01")), session="t")


HOLD = """
held = books.reserve(Decimal("0.30"), Budgets(), session="s")
say(held.id)
sys.stdin.readline()
"""


@posix
def test_m7_a_crashed_kernels_reservation_counts_as_spent_and_blocks_nothing_else(kind, path):
    with started(path, HOLD) as [process]:
        process.stdout.readline()
        books = Ledger(path)
        assert [] == books.rows()
    [lost] = books.rows()
    assert ("lost", None, "s") == (lost.outcome, lost.cost_usd, lost.session)
    assert D("0.30") == books.spent(day=today())
    books.reserve(D("0.70"), Budgets(day=D(1)), session="t")


def test_m7_a_call_thought_lost_that_ends_after_all_counts_at_what_it_cost(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "sqlite")
    with contextlib.closing(Ledger(path)) as books:
        held = books.reserve(D("0.30"), NONE, session="s")
        with monkeypatch.context() as patch:
            patch.setattr(place, "is_gone", lambda _: True)
            assert ["lost"] == [e.outcome for e in books.rows()]
        books.settle(held, entry("0.05"))
        assert (["ok"], D("0.05")) == ([e.outcome for e in books.rows()], books.spent(session="s"))
        books.reserve(D("0.95"), Budgets(session=D(1)), session="s")


FORK = """
held = books.reserve(Decimal("0.5"), Budgets(), session="s")
child = os.fork()
if child == 0:
    books.settle(held, Entry(time=now, cost_usd=Decimal("0.25"), request_id="child"))
    for _ in range(20): books.record(Entry(time=now, session="child", cost_usd=Decimal("0.01")))
    os._exit(0)
for _ in range(20): books.record(Entry(time=now, session="parent", cost_usd=Decimal("0.01")))
os.waitpid(child, 0)
say(len(books.rows()), books.spent(session="s"), books.spent(session="child"), books.spent(session="parent"))
"""


@posix
def test_r1_a_fork_goes_on_with_the_ledger_beside_its_parent(kind, path):
    assert [["41 0.25 0.20 0.20"]] == ran(path, FORK)


DISK_FULL = """
import resource, signal, warnings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
books.settle(books.reserve(Decimal("0.2"), Budgets(), session="s"), Entry(time=now, cost_usd=Decimal("0.2")))
whole = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1, whole[1]))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for _ in range(3):
        held = books.reserve(Decimal("0.3"), Budgets(session=Decimal("2")), session="s")
        books.settle(held, Entry(time=now, cost_usd=Decimal("0.3")))
say(len(seen), seen[0].category.__name__, len(books.rows()), books.spent(session="s"))
for budgets in (Budgets(session=Decimal("1.2")), Budgets(day=Decimal("100"))):
    try: books.reserve(Decimal("0.2"), budgets, session="s")
    except BudgetError as e: say(type(e).__name__, bool(e.hint))
resource.setrlimit(resource.RLIMIT_FSIZE, whole)
books.settle(books.reserve(Decimal("0.4"), Budgets(), session="s"), Entry(time=now, cost_usd=Decimal("0.4")))
other = Ledger(Path(sys.argv[1]))
say(len(other.rows()), other.spent(session="s"))
"""


@posix
def test_r2_on_a_full_disk_answers_are_kept_and_budgets_hold_and_all_is_written_later(kind, path):
    expected = ["1 LedgerWarning 4 1.1", "BudgetError True", "BudgetError True", "5 1.5"]
    assert [expected] == ran(path, DISK_FULL)


READ_ONLY = """
import warnings
if os.geteuid() == 0: os.seteuid(65534)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    say(len(books.rows()))
    held = books.reserve(Decimal("0.3"), Budgets(session=Decimal("1")), session="s")
    books.settle(held, Entry(time=now, cost_usd=Decimal("0.3")))
    say(len(books.rows()), books.spent(session="s"), len(seen))
try: books.reserve(Decimal("0.8"), Budgets(session=Decimal("1")), session="s")
except BudgetError: say("refused")
"""


@posix
@pytest.mark.parametrize("before", [0, 2], ids=["new", "with calls"])
def test_r2_a_read_only_home_is_read_and_a_session_keeps_its_budget(kind, before):
    with tempfile.TemporaryDirectory() as top:  # pytest's own folders are closed to other users
        home = Path(top)
        with contextlib.closing(Ledger(home / "data" / "ledger.sqlite")) as books:
            for _ in range(before):
                books.record(entry())
            books.path.parent.mkdir(exist_ok=True)
        for found in (*home.rglob("*"), home):
            found.chmod(0o555 if found.is_dir() else 0o444)
        try:
            said = ran(books.path, READ_ONLY)
        finally:
            home.chmod(0o755)
            for found in home.rglob("*"):
                found.chmod(0o755 if found.is_dir() else 0o644)
    assert [[str(before), f"{before + 1} 0.3 1", "refused"]] == said


def test_r2_no_warning_filter_makes_a_paid_answer_fail(tmp_path):
    (tmp_path / "file").write_text("in the way")
    books = Ledger(tmp_path / "file" / "ledger.sqlite")  # warnings are errors in these tests
    books.settle(books.reserve(D(1), NONE, session="s"), entry())
    assert 1 == len(books.rows())


def test_r2_a_file_that_is_no_database_is_told_of_and_left_alone(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "sqlite")
    path.parent.mkdir()
    path.write_bytes(b"something else entirely, and quite long" * 100)
    books = Ledger(path)
    with pytest.warns(LedgerWarning, match="not a database"):
        books.record(entry())
    assert 1 == len(books.rows())
    assert path.read_bytes().startswith(b"something else")


def test_a_ledger_of_a_newer_version_is_not_written(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "sqlite")
    with contextlib.closing(Ledger(path)) as books:
        books.record(entry())
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.warns(LedgerWarning, match="newer claude_magic"):
        Ledger(path).record(entry())


def test_a_ledger_that_is_deleted_is_begun_anew(kind, path):
    books = Ledger(path)
    books.record(entry())
    for found in sorted(path.parent.rglob("*"), reverse=True):
        found.rmdir() if found.is_dir() else found.unlink()
    books.record(entry("0.5"))
    assert [D("0.5")] == [e.cost_usd for e in Ledger(path).rows()]
    books.close()


def test_r2_a_line_cut_at_any_byte_spoils_no_other(path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_LEDGER", "files")
    books = Ledger(path)
    books.record(entry("0.5", session="s"))
    [file] = path.with_suffix(".d").iterdir()
    whole = file.read_bytes()
    last = whole.strip(b"\n")
    for cut in range(len(last)):
        file.write_bytes(whole + last[:cut])
        assert D("0.5") == Files(file.parent).totals("s", "", "live")[0].session
    books.record(entry("0.25", session="s"))  # the same process goes on after its own torn line
    Ledger(path).record(entry("0.25", session="s"))
    assert D("1.00") == Ledger(path).spent(session="s")


def test_r4_entries_of_any_date_count_the_same(books):
    for when in (datetime(1971, 1, 1, tzinfo=UTC), datetime(2191, 1, 1, tzinfo=UTC), NOON):
        books.settle(books.reserve(D(1), Budgets(session=D(3)), session="s"), Entry(time=when, cost_usd=D(1)))
    assert (3, D(3)) == (len(books.rows()), books.spent(session="s"))


def test_r4_m7_a_clock_that_jumps_by_a_day_loses_no_call_and_loosens_no_session_budget(books, monkeypatch):
    class Clock(datetime):
        wrong = timedelta()

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + cls.wrong

    monkeypatch.setattr(module, "datetime", Clock)
    budgets = Budgets(session=D(3))
    held = books.reserve(D(1), budgets, session="s")
    for days in (1, -1):
        Clock.wrong = timedelta(days=days)
        assert [] == books.rows()
        with pytest.raises(BudgetError, match=r"\$1\.00 is held"):
            books.reserve(D("2.5"), budgets, session="s")
    books.settle(held, entry("0.5"))
    books.release(books.reserve(D("2.5"), budgets, session="s"))
    assert (["ok"], D("0.5")) == ([e.outcome for e in books.rows()], books.spent(session="s"))


def test_what_is_shared_follows_the_data_folder_and_is_one_a_process(monkeypatch, tmp_path):
    first = module.shared()
    assert first is module.shared()
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    assert tmp_path / "ledger.sqlite" == module.shared().path


@posix
def test_only_the_user_can_read_the_ledger(books, path):
    books.record(entry())
    modes = {found.stat().st_mode & 0o077 for found in path.parent.rglob("*") if found.is_file()}
    assert {0} == modes


@pytest.mark.parametrize(
    ("line", "network"),
    [
        ("server:/home {} nfs4 rw 0 0", True),
        ("//server/home {} cifs rw 0 0", True),
        ("me@host: {} fuse.sshfs rw 0 0", True),
        ("drvfs {} 9p rw 0 0", True),
        ("mds:/scratch {} lustre rw 0 0", True),
        ("/dev/sda1 {} ext4 rw 0 0", False),
        ("/dev/sdb1 {} fuse.ntfs-3g rw 0 0", False),
        ("overlay {} overlay rw 0 0", False),
    ],
)
def test_r2_network_file_systems_are_told_by_their_mount(tmp_path, line, network):
    home = tmp_path / "my home"
    home.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(home).replace(" ", "\\040")
    mounts.write_text(f"/dev/root / ext4 rw 0 0\n{line.format(escaped)}\n")
    assert network is place.is_network(home / "data", mounts)
    assert not place.is_network(tmp_path, mounts)


def test_a_process_is_known_by_more_than_its_number():
    host, boot, space, pid, began = place.mark().split("|")
    assert not place.is_gone(place.mark())
    assert not place.is_gone("|".join(("elsewhere", boot, space, pid, began)))
    if sys.platform == "linux":
        assert place.is_gone("|".join((host, boot, space, pid, "1")))
        assert place.is_gone("|".join((host, "another boot", space, pid, began)))


def test_sums_in_sql_are_exact():
    with contextlib.closing(Sqlite(":memory:")) as db:
        sql = "SELECT exact_sum(column1) FROM (VALUES ('0.1'), ('0.2'), (NULL), ('1E-30'))"
        assert "0.300000000000000000000000000001" == db.query(sql)[1][0][0]
        assert db.query("SELECT exact_sum(NULL)")[1][0][0] is None


def test_a_call_counts_for_the_utc_day_it_was_made_on(books):
    books.record(Entry(time=datetime(2026, 11, 20, 23, 59, tzinfo=UTC) + timedelta(hours=1), cost_usd=D(1)))
    assert [D(0), D(1)] == [books.spent(day=date(2026, 11, d)) for d in (20, 21)]
