"""Are many requests carried out, whatever goes wrong with some of them? Small real services, real sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections import Counter
from decimal import Decimal

import httpx2
import pytest

from claude_magic import Client, ledger, wire
from claude_magic.errors import (
    APIConnectionError,
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    Stopped,
)
from claude_magic.pool import AppTransport
from claude_magic.rows.kept.journal import Journal
from claude_magic.rows.outcome import Ask
from claude_magic.rows.pace import engine
from claude_magic.rows.pace.engine import Control, carry
from claude_magic.rows.pace.gate import Gate
from claude_magic.rows.pace.purse import Purse
from claude_magic.talk import replaying
from tests.doors import ASK, KEY, answer, error, json
from tests.loopback import request_of, serving
from tests.ports import on_a_port


def asks(number, text="Row {}", **more):
    for n in range(number):
        message = {"role": "user", "content": text.format(n)}
        yield Ask(f"{n:032x}", {**ASK, "messages": [message], **more})


def client_of(app):
    return Client(
        api_key=KEY, base_url="https://api.example", http_client=httpx2.Client(transport=AppTransport(app))
    )


class Told:
    """An App that answers by the row's number, and counts how often each was asked."""

    def __init__(self, say=lambda n, times: json(answer(f"Answer {n}"))):
        self.say, self.times = say, Counter()
        self._lock = threading.Lock()

    def __call__(self, request):
        n = int(wire.decode(request.body)["messages"][-1]["content"].split()[-1])
        with self._lock:
            self.times[n] += 1
            times = self.times[n]
        return self.say(n, times)


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "rows.sqlite")
    yield made
    made.disk.close()


def by_key(outcomes):
    return {int(one.key, 16): one for one in outcomes}


def test_every_row_is_answered_once(journal):
    app = Told()
    found = list(carry(asks(200), client_of(app), journal=journal))
    assert 200 == len(by_key(found)) == len(found)
    assert {"ok"} == {one.status for one in found}
    assert {1} == set(app.times.values())


def test_m1_an_outcome_is_in_the_journal_before_it_is_yielded(journal):
    for one in carry(asks(40), client_of(Told()), journal=journal):
        assert one.message == journal.find([one.key], "live")[one.key].message


def test_m2_no_more_is_under_way_than_may_be_lost(journal):
    app, seen = Told(), []
    found = carry(asks(60), client_of(app), journal=journal, concurrency=5)
    for n, _ in enumerate(found, 1):
        seen.append(sum(app.times.values()) - n)
    assert max(seen) < 5 + 5  # those of the group that is yielded, and those under way


def test_requests_are_drawn_as_they_are_sent(journal):
    drawn = []

    def slowly():
        for ask in asks(100):
            drawn.append(ask)
            yield ask

    found = carry(slowly(), client_of(Told()), journal=journal, concurrency=4)
    next(found)
    assert len(drawn) <= 4 + 1
    found.close()


def test_a_row_that_fails_fails_alone(journal):
    app = Told(lambda n, _: error(400, "invalid_request_error") if n == 7 else json(answer("Good")))
    found = by_key(carry(asks(20), client_of(app), journal=journal))
    assert ("error", "invalid_request_error", "told 400", 1) == (
        found[7].status, found[7].error_type, found[7].error, found[7].attempts,
    )  # fmt: skip
    assert 19 == sum(one.status == "ok" for one in found.values())


def refusing(words):
    """Return an App that refuses row `n` with `words(n)`; None: it answers."""

    def say(n, _):
        refusal = error(400, "invalid_request_error")
        if (said := words(n)) is None:
            return json(answer("Good"))
        refusal.body = refusal.body.replace(b"told 400", said.encode())
        return refusal

    return Told(say)


def test_what_refuses_all_rows_alike_is_not_asked_for_each_of_them(journal):
    app = refusing(lambda n: "temperature: range: 0..1")
    found = by_key(carry(asks(500), client_of(app), journal=journal, concurrency=4))
    assert 20 <= sum(app.times.values()) == sum(one.status == "error" for one in found.values()) < 30
    assert ("not_sent", "invalid_request_error") == (found[499].status, found[499].error_type)
    assert "All rows before this one were refused: temperature: range: 0..1" == found[499].error


@pytest.mark.parametrize(
    ("words", "cached"),
    [
        (lambda n: "messages.0.content: it is too long", 0),
        (lambda n: f"it is {n} tokens too long", 0),
        (lambda n: "temperature: range: 0..1" if n else None, 0),
        (lambda n: "temperature: range: 0..1", 1),
    ],
    ids=["of-the-row", "each-its-own", "one-was-answered", "one-was-answered-before"],
)
def test_rows_that_are_refused_for_themselves_keep_no_other_back(words, cached, journal):
    app = refusing(words)
    list(carry(asks(60), client_of(app), journal=journal, concurrency=1, cached=cached))
    assert 60 == sum(app.times.values())


def test_m3_a_row_is_sent_at_most_max_attempts_times(journal):
    app = Told(lambda n, _: error(500, retry_after_ms="1") if n == 3 else json(answer("Good")))
    found = by_key(carry(asks(6), client_of(app), journal=journal, max_attempts=4))
    assert (4, 4, "error") == (app.times[3], found[3].attempts, found[3].status)


def test_an_overloaded_service_is_asked_again(journal):
    app = Told(lambda n, times: error(529, retry_after_ms="1") if times < 3 else json(answer("Good")))
    found = list(carry(asks(8), client_of(app), journal=journal))
    assert {("ok", 3)} == {(one.status, one.attempts) for one in found}


def test_a_rate_limit_uses_no_attempt(journal):
    app = Told(lambda n, times: error(429, retry_after_ms="1") if times < 3 else json(answer("Good")))
    found = list(carry(asks(5), client_of(app), journal=journal, max_attempts=1))
    assert {("ok", 3)} == {(one.status, one.attempts) for one in found}


def test_s6_a_rate_limit_of_more_than_a_minute_stops_and_says_until_when(journal):
    app = Told(lambda n, _: error(429, retry_after="600") if n == 5 else json(answer("Good")))
    with pytest.raises(RateLimitError) as caught:
        list(carry(asks(50), client_of(app), journal=journal, concurrency=1))
    assert caught.value.hint == "Wait 10 min, then run the cell again: it goes on where it stopped."
    assert 6 == sum(app.times.values())


FOR_ALL = {
    "key": (401, "authentication_error", None, AuthenticationError),
    "model": (404, "not_found_error", None, NotFoundError),
    "spend limit": (429, "rate_limit_error", "enforced_spend_limit_reached", RateLimitError),
}


@pytest.mark.parametrize(("status", "kind", "code", "raised"), FOR_ALL.values(), ids=FOR_ALL)
def test_m4_nothing_follows_what_concerns_all_rows_and_what_arrived_is_kept(
    status, kind, code, raised, journal
):
    def say(n, _):
        refusal = error(status, kind, code)
        if status == 404:
            refusal.body = refusal.body.replace(b"told 404", b"model: claude-haiku-9")
        return refusal if n == 6 else json(answer("Good"))

    app, found = Told(say), []
    with pytest.raises(raised):
        found.extend(carry(asks(100), client_of(app), journal=journal, concurrency=1))
    assert list(range(7)) == sorted(app.times)
    assert {*range(6)} == {*by_key(found)}
    assert 6 == len(journal.find([ask.key for ask in asks(100)], "live"))


def test_m4_a_send_of_unknown_fate_is_repeated_and_counts_as_possibly_billed(journal):
    seen = Counter()

    def handle(connection):
        while data := request_of(connection):
            row = data.partition(b"Row ")[2].partition(b'"')[0]
            seen[row] += 1
            if row == b"2" and seen[row] == 1:
                return  # the request arrived, and no answer follows
            body = wire.encode(answer("Good"))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    with serving(handle) as url:
        client = Client(api_key=KEY, base_url=url)
        found = by_key(carry(asks(4), client, journal=journal, purse=Purse(max_cost="1")))
    assert (2, 2, "ok") == (seen[b"2"], found[2].attempts, found[2].status)
    lines = ledger.shared().rows()
    assert ["error", "ok", "ok", "ok", "ok"] == sorted(line.outcome for line in lines)
    assert [None] == [line.cost_usd for line in lines if line.outcome == "error"]


def test_an_address_where_nobody_is_ends_it_early(journal):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = Client(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
    found = []
    with pytest.raises(APIConnectionError):
        found.extend(carry(asks(500), client, journal=journal, max_attempts=1))
    assert 10 <= len(found) < 100


def test_m7_a_budget_ends_with_rows_that_are_not_sent(journal):
    app = Told(lambda n, _: json(answer("Good", usage={"input_tokens": 100, "output_tokens": 80})))
    purse = Purse(max_cost="0.01")
    found = list(carry(asks(300), client_of(app), journal=journal, purse=purse))
    sent = [one for one in found if one.status == "ok"]
    assert 300 == len(by_key(found)) == len(found)
    assert {"ok", "not_sent"} == {one.status for one in found}
    assert len(sent) == sum(app.times.values()) > 10
    assert sum(one.cost_usd for one in sent) <= Decimal("0.01")
    assert {"budget"} == {one.error_type for one in found if one.status == "not_sent"}


def test_each_row_leaves_a_line_in_the_ledger(journal):
    app = Told(lambda n, _: error(400) if n == 1 else json(answer("Good")))
    list(carry(asks(5), client_of(app), journal=journal, purse=Purse(cell="3")))
    lines = ledger.shared().rows()
    assert (5, {"3"}, {"live"}) == (len(lines), {e.cell for e in lines}, {e.source for e in lines})
    assert [Decimal(0)] == [line.cost_usd for line in lines if line.outcome == "error"]


def test_what_does_not_fit_is_invalid_and_paid(journal):
    found = list(
        carry(asks(3), client_of(Told()), journal=journal, fits=lambda text: "" if "1" in text else "No 1")
    )
    assert Counter(ok=1, invalid=2) == Counter(one.status for one in found)
    assert 3 == len(journal.find([one.key for one in found], "live"))


def test_a_check_that_fails_itself_loses_no_answer(journal):
    found = list(carry(asks(2), client_of(Told()), journal=journal, fits=lambda text: text.nothing))
    assert {"invalid"} == {one.status for one in found}
    assert all(one.error.startswith("It could not be checked: AttributeError") for one in found)


@pytest.mark.parametrize(
    ("counted", "value", "column"),
    [
        ("input_tokens", "many", "input_tokens"),
        ("output_tokens", 1e300, "output_tokens"),
        ("cache_creation_input_tokens", [1], "cache_write_1h_tokens"),
        ("cache_read_input_tokens", 10**30, "cache_read_tokens"),
    ],
)
def test_s3_whatever_a_server_counts_the_answer_is_kept(counted, value, column, journal):
    usage = {"input_tokens": 1, "output_tokens": 1, counted: value}
    app = Told(lambda n, _: json(answer("Good", usage=usage)))
    found = list(carry(asks(3), client_of(app), journal=journal))
    assert [("ok", True)] * 3 == [(one.status, not getattr(one, column)) for one in found]
    assert 3 == len(journal.find([one.key for one in found], "live"))


def test_practice_in_this_process_is_labelled(journal, client):
    found = list(carry(asks(30), client, journal=journal))
    assert {("ok", "practice")} == {(one.status, one.source) for one in found}
    assert (Decimal(0), 30) == (ledger.shared().spent(), len(ledger.shared().rows()))


def test_practice_on_a_port_is_labelled_too(journal, app):
    with on_a_port(app) as url:
        found = list(carry(asks(30), Client(api_key="practice", base_url=url), journal=journal))
    assert {("ok", "practice")} == {(one.status, one.source) for one in found}


def test_m9_what_is_recorded_is_played_and_costs_nothing(journal, tmp_path):
    app = Told()
    for _ in range(2):
        client = replaying.replay(client_of(app), "auto", tmp_path / "lesson.replay.jsonl")
        found = list(carry(asks(5), client, journal=journal, purse=Purse(max_cost="0.05")))
    assert {("ok", "replay")} == {(one.status, one.source) for one in found}
    assert 5 == sum(app.times.values())
    replayed = [line.cost_usd for line in ledger.shared().rows() if line.source == "replay"]
    assert [Decimal(0)] * 5 == replayed


def test_an_answer_that_may_take_long_is_streamed(journal, app):
    with on_a_port(app) as url:
        client = Client(api_key="practice", base_url=url)
        found = list(carry(asks(3, max_tokens=30_000), client, journal=journal))
    assert {"ok"} == {one.status for one in found}


def test_r1_it_works_in_a_thread_and_under_a_running_loop(journal):
    done = []

    def work():
        done.extend(carry(asks(10), client_of(Told()), journal=journal))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    async def cell():
        work()

    asyncio.run(cell())
    assert 20 == len(done)


def test_a_failure_of_ours_is_raised_after_what_arrived_is_kept(journal):
    def broken():
        yield from asks(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(carry(broken(), client_of(Told()), journal=journal, concurrency=1))
    assert 3 == len(journal.find([ask.key for ask in asks(3)], "live"))


# ---- stopping ----------------------------------------------------------------------------------------------


class Held(Told):
    """Answers the first rows at once, and the others when `go` is set; `begun` counts these."""

    def __init__(self, at_once):
        super().__init__(self._answer)
        self.at_once, self.go, self.begun = at_once, threading.Event(), threading.Semaphore(0)

    def _answer(self, n, _):
        if n >= self.at_once:
            self.begun.release()
            self.go.wait(30)
        return json(answer("Good"))


def interrupted(app, journal, then, **how):
    """Interrupt this thread when four rows are held, do `then`, and return what arrived and the error."""

    def helper():
        for _ in range(4):
            app.begun.acquire(timeout=30)
        os.kill(os.getpid(), signal.SIGINT)
        then()

    thread, found = threading.Thread(target=helper), []
    thread.start()
    with pytest.raises(Stopped) as caught:
        found.extend(carry(asks(100), client_of(app), journal=journal, concurrency=4, **how))
    app.go.set()
    thread.join()
    return found, caught.value


def test_m8_an_interrupt_sends_nothing_more_and_keeps_what_arrives(journal):
    app = Held(3)
    found, stopped = interrupted(app, journal, app.go.set, total=100)
    assert 7 == len(found) == sum(app.times.values())
    assert "Stopped: 7 of 100 rows are answered and kept; run the cell again to go on" == str(stopped)
    assert 7 == len(journal.find([one.key for one in found], "live"))
    assert 7 == len(ledger.shared().rows())


def test_m8_a_second_interrupt_ends_it_at_once(journal, monkeypatch):
    monkeypatch.setattr(engine, "GRACE", 1000.0)
    app, once, heard = Held(3), threading.Event(), threading.Semaphore(0)

    def then():
        once.set()
        for _ in range(2):  # a whole step: two signals that come together are one
            heard.acquire(timeout=30)
        os.kill(os.getpid(), signal.SIGINT)

    found, _ = interrupted(app, journal, then, watch=lambda _: heard.release() if once.is_set() else None)
    assert 3 == len(found)
    lines = Counter(line.outcome for line in ledger.shared().rows())
    assert Counter(ok=3, stopped=4) == lines  # what may be on the bill is in the books


class Impatient:
    """A journal whose every write is interrupted again and again."""

    def __init__(self, journal):
        self.journal = journal

    def write(self, outcomes, run):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
        self.journal.write(outcomes, run)


def test_m8_interrupts_in_a_row_lose_nothing_that_arrived_and_leave_no_thread(journal):
    app = Told()
    with pytest.raises(Stopped):
        list(carry(asks(100), client_of(app), journal=Impatient(journal), concurrency=1))
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)
    assert [] == [t for t in threading.enumerate() if t.name.startswith("claude-magic rows")]
    kept = journal.find([ask.key for ask in asks(100)], "live")
    lines = Counter(line.outcome for line in ledger.shared().rows())
    assert (len(kept), sum(app.times.values())) == (lines["ok"], lines.total())
    assert 0 < lines["ok"] < 100


def test_m8_an_interrupt_is_heard_where_a_failure_has_ended_it_already(journal, monkeypatch):
    monkeypatch.setattr(engine, "GRACE", 0.1)
    refused, late, go = threading.Event(), [], threading.Event()

    def say(n, _):
        if n:
            return error(401, "authentication_error")
        late.append(go.wait(30))
        return json(answer("Good"))

    def watch(tally):
        if tally.in_flight == 1 and app.times[1]:
            refused.set()

    def helper():
        refused.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    app, thread = Told(say), threading.Thread(target=helper)
    thread.start()
    with pytest.raises(AuthenticationError):
        list(carry(asks(2), client_of(app), journal=journal, watch=watch))
    assert [] == late
    go.set()
    thread.join()


def test_m7_what_is_held_for_rows_that_wait_is_given_back_at_the_end(journal):
    def watch(tally):
        if tally.why == "rate limit" and not tally.in_flight:
            raise ZeroDivisionError

    app = Told(lambda n, _: error(429, retry_after="30") if n == 3 else json(answer("Good")))
    with pytest.raises(ZeroDivisionError):
        list(carry(asks(9), client_of(app), journal=journal, watch=watch, concurrency=2))
    assert [] == ledger.shared().query("SELECT amount FROM reservations")[1]


def test_m8_calls_that_hang_are_cut_when_the_grace_is_over(journal, monkeypatch):
    monkeypatch.setattr(engine, "GRACE", 0.1)
    app = Held(0)
    with on_a_port(Told()) as _, serving(lambda c: (request_of(c), app.begun.release(), c.recv(1))) as url:
        client, closed = Client(api_key=KEY, base_url=url), []
        control = Control()
        found = carry(asks(20), client, journal=journal, concurrency=3, control=control)
        thread = threading.Thread(target=lambda: closed.extend(found))
        thread.start()
        for _ in range(3):
            app.begun.acquire(timeout=30)
        control.cancel()
        thread.join(30)
    assert Counter(error=3, not_sent=17) == Counter(one.status for one in closed)
    assert 3 == sum(line.outcome == "stopped" for line in ledger.shared().rows())


def test_closing_it_early_keeps_what_is_under_way(journal):
    app = Told()
    found = carry(asks(100), client_of(app), journal=journal, concurrency=8)
    next(found)
    found.close()
    sent = sum(app.times.values())
    assert sent < 30
    assert sent == len(journal.find([ask.key for ask in asks(100)], "live"))
    assert not [t for t in threading.enumerate() if t.name.startswith("claude-magic rows")]


def test_a_map_can_be_paused_gone_on_with_and_cancelled(journal):
    control, app, states = Control(), Told(), []

    def watch(tally):
        states.append(tally.why)
        if tally.done >= 5 and "paused" not in states:
            control.pause()
        elif tally.why == "paused" and not tally.in_flight:
            control.resume()
        elif tally.done >= 20:
            control.cancel()

    how = {"watch": watch, "control": control, "concurrency": 2}
    found = list(carry(asks(60), client_of(app), journal=journal, **how))
    assert "paused" in states
    assert 60 == len(found)
    assert 20 <= sum(one.status == "ok" for one in found) == sum(app.times.values()) < 30
    assert {"cancelled"} == {one.error_type for one in found if one.status == "not_sent"}


def test_a_tally_adds_up(journal):
    tallies = []
    app = Told(lambda n, _: error(400) if n == 1 else json(answer("Good")))
    list(carry(asks(12), client_of(app), journal=journal, watch=tallies.append, total=12, cached=5))
    assert all(t.total == t.done + t.in_flight + t.waiting for t in tallies)
    last = tallies[-1]
    assert (12, 5, 12, 11, 1, 0) == (
        last.total, last.cached, last.done, last.ok, last.failed, last.waiting,
    )  # fmt: skip
    assert (88, 33) == (last.input_tokens, last.output_tokens)
    assert last.spent == sum(line.cost_usd for line in ledger.shared().rows())
    assert last.rate > 0


def test_one_gate_can_serve_several_maps(journal):
    gate = Gate(3)
    for _ in range(2):
        list(carry(asks(10), client_of(Told()), journal=journal, gate=gate))
    assert 0 == gate.in_flight
