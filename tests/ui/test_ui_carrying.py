"""Is a map heard while it is under way: paused, gone on with, cancelled?"""

from __future__ import annotations

import threading
from types import SimpleNamespace

import httpx2
import pandas as pd
import pytest

import claude_magic
from claude_magic import Client, Practice, ledger, ui
from claude_magic.errors import InputError
from claude_magic.looks.readout import dollars
from claude_magic.pool import AppTransport
from claude_magic.rows.outcome import Outcome
from claude_magic.rows.tally import Sums, Tally
from claude_magic.ui.carrying import MapProgress
from tests.ui.conftest import until

FRAME = pd.DataFrame({"text": [f"Penguin number {n} eats fish." for n in range(12)]})


class Held:
    """A practice server that holds each answer but the first until `go` is set."""

    def __init__(self):
        self.app, self.go, self.asked = Practice(), threading.Event(), 0
        http = httpx2.Client(transport=AppTransport(self))
        self.client = Client("practice-key", base_url="https://api.example", http_client=http)

    def __call__(self, request):
        self.asked += request.path == "/v1/messages"
        assert self.asked == 1 or self.go.wait(60)
        return self.app(request)


@pytest.fixture
def held():
    made = Held()
    yield made
    made.go.set()


def enabled(work):
    return {name for name, button in work._buttons.items() if not button.disabled}


def test_a_map_runs_while_the_cell_has_ended_and_its_frame_is_that_of_map(screen):
    work = ui.map(FRAME, "Who eats in {text}", name="penguins")
    found = work.wait(60)
    pd.testing.assert_frame_equal(claude_magic.map(FRAME, "Who eats in {text}", progress=False), found)
    assert "penguins · ended · done 12 of 12 · failed 0 · cost $0.00" in screen.text
    assert set() == enabled(work)
    assert 1 == len(screen.widgets)


def test_pause_sends_nothing_more_and_resume_goes_on(screen, held):
    work = ui.map(FRAME, "Who eats in {text}", concurrency=1, client=held.client)
    until(lambda: work._tally and work._tally.done)
    assert {"pause", "cancel"} == enabled(work)
    work._buttons["pause"].click()
    assert {"resume", "cancel"} == enabled(work)
    assert "paused" in screen.text
    work._buttons["resume"].click()
    held.go.set()
    assert 12 == len(work.wait(60))
    assert ["ok"] * 12 == list(work.frame.claude_status)


def test_cancel_keeps_what_was_answered_and_the_rest_is_asked_again(screen, held):
    work = ui.map(FRAME, "Who eats in {text}", concurrency=1, client=held.client)
    until(lambda: work._tally and work._tally.done)
    work._buttons["cancel"].click()
    held.go.set()
    found = work.wait(60)
    assert {"ok", "not_sent"} == set(found.claude_status)
    ok = (found.claude_status == "ok").sum()
    assert f"stopped: what was answered is kept · done {ok} of 12" in screen.text
    assert {"again"} == enabled(work)
    work._buttons["again"].click()
    assert {"ok"} == set(work.wait(60).claude_status)
    assert f"{ok} answered before" in screen.text
    paid = sum(call.cost_usd for call in ledger.shared().rows())
    assert f"cost {dollars(paid)}" in screen.text


def test_rows_that_fail_are_counted_and_the_bar_says_so(screen):
    frame = pd.DataFrame({"text": ["practice:400", "Penguins eat fish."]})
    work = ui.map(frame, "Who eats? {text}")
    work.wait(60)
    assert "failed 1" in screen.text
    assert {"again"} == enabled(work)


def test_what_is_wrong_is_raised_from_frame_and_shown(screen):
    work = ui.map(FRAME, "Who eats in {nothing}")
    with pytest.raises(InputError, match="nothing"):
        work.wait(60)
    assert "broken off" in screen.text
    assert "nothing" in screen.text
    work.error = OSError("the disk is full")
    assert repr(work).endswith(" · OSError: the disk is full")


def test_the_frame_is_not_there_before_the_end(screen, held):
    work = ui.map(FRAME, "Who eats in {text}", concurrency=1, client=held.client)
    with pytest.raises(InputError, match="still being asked"):
        _ = work.frame
    work.cancel()
    held.go.set()
    work.wait(60)


def test_m10_a_price_that_is_not_known_is_not_nothing(screen):
    ui.map(FRAME, "Who eats in {text}", model="claude-mythos-preview").wait(60)
    assert "done 12 of 12 · failed 0 · cost price unknown · practice" in screen.text


@pytest.mark.parametrize("display", ["live", "static", "terminal"])
def test_rows_that_were_answered_before_are_counted_when_nothing_is_asked(screen, monkeypatch, display):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", display)  # no kernel: any other word is a terminal
    twice, told = pd.concat([FRAME, FRAME]), []
    for _ in range(2):
        work = ui.map(twice, "Who eats in {text}", client=Client(base_url="practice:"))
        work.wait(60)
        told.append(repr(work))
    paid = dollars(sum(call.cost_usd for call in ledger.shared().rows()))
    assert [
        f"Map · ended · done 12 of 12 · failed 0 · cost {paid} · practice",
        "Map · ended · done 12 of 12 12 answered before · failed 0 · cost $0.00 · practice",
    ] == told


def test_the_rate_after_a_pause_is_that_of_what_was_answered_since(monkeypatch):
    now = 0.0
    monkeypatch.setattr("claude_magic.rows.tally.time", SimpleNamespace(monotonic=lambda: now))
    sums = Sums(100)
    sums.add([Outcome("key", "ok")] * 20)
    now = 8.0
    assert 0.0 == sums.tally(Tally(why="paused"), 100).rate
    now = 9.0
    sums.add([Outcome("key", "ok")] * 5)
    assert 5.0 == sums.tally(Tally(), 100).rate


def test_where_nobody_watches_it_is_the_map_itself(screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    work = ui.map(FRAME, "Who eats in {text}", progress=False)
    assert ["ok"] * 12 == list(work.frame.claude_status)
    assert [] == screen.widgets


def test_a_batch_is_sent_elsewhere_as_no_button_would_stop_it(screen):
    with pytest.raises(InputError) as error:
        ui.map(FRAME, "Who eats in {text}", mode="batch")
    assert "ui.batch(claude_magic.batch(" in error.value.hint


def test_before_anything_is_known_the_bar_is_empty_and_while_it_pauses_there_is_no_rate(screen):
    work = MapProgress(FRAME, "Who eats in {text}")
    work._going = True
    assert "width:0.0%" in work._sheet().html
    work._tally = Tally(total=12, done=3, ok=3, in_flight=1, waiting=8, rate=2.5, source="practice")
    assert "rate 2.5 a second · time left 4 s" in repr(work)
    work.pause()
    work._tally = work._tally._replace(why="paused")
    said = "Map · paused · done 3 of 12 · failed 0 · waiting 8 1 under way · cost $0.00 · practice"
    assert said == repr(work)


def test_it_is_shown_once_in_the_cell_that_makes_it(screen):
    work = ui.map(FRAME, "Who eats in {text}")
    work._ipython_display_()
    assert 1 == len(screen.widgets)
    work.wait(60)
