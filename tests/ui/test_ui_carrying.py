"""Is a map heard while it is under way: paused, gone on with, cancelled?"""

from __future__ import annotations

import threading

import pandas as pd
import pytest

import claude_magic
from claude_magic import ui
from claude_magic.errors import InputError

FRAME = pd.DataFrame({"text": [f"Penguin number {n} eats fish." for n in range(12)]})


def enabled(work):
    return {name for name, button in work._buttons.items() if not button.disabled}


def until(done):
    while not done():
        threading.Event().wait(0.01)


def test_a_map_runs_while_the_cell_has_ended_and_its_frame_is_that_of_map(screen):
    work = ui.map(FRAME, "Who eats in {text}", name="penguins")
    found = work.wait(30)
    pd.testing.assert_frame_equal(claude_magic.map(FRAME, "Who eats in {text}", progress=False), found)
    assert "penguins · ended · done 12 of 12 · failed 0 · cost $0.00" in screen.text
    assert set() == enabled(work)
    assert 1 == len(screen.widgets)


def test_pause_sends_nothing_more_and_resume_goes_on(screen):
    work = ui.map(FRAME, "practice:slow@500 {text}", concurrency=1)
    until(lambda: work._tally and work._tally.done)
    assert {"pause", "cancel"} == enabled(work)
    work._buttons["pause"].click()
    assert {"resume", "cancel"} == enabled(work)
    assert "paused" in screen.text
    work._buttons["resume"].click()
    assert 12 == len(work.wait(60))
    assert ["ok"] * 12 == list(work.frame.claude_status)


def test_cancel_keeps_what_was_answered_and_the_rest_is_asked_again(screen):
    work = ui.map(FRAME, "practice:slow@500 {text}", concurrency=1)
    until(lambda: work._tally and work._tally.done)
    work._buttons["cancel"].click()
    found = work.wait(60)
    assert {"ok", "not_sent"} == set(found.claude_status)
    ok = (found.claude_status == "ok").sum()
    assert f"stopped: what was answered is kept · done {ok} of 12" in screen.text
    assert {"again"} == enabled(work)
    work._buttons["again"].click()
    assert {"ok"} == set(work.wait(60).claude_status)
    assert f"{ok} answered before" in screen.text


def test_rows_that_fail_are_counted_and_the_bar_says_so(screen):
    frame = pd.DataFrame({"text": ["practice:400", "Penguins eat fish."]})
    work = ui.map(frame, "Who eats? {text}")
    work.wait(30)
    assert "failed 1" in screen.text
    assert {"again"} == enabled(work)


def test_what_is_wrong_is_raised_from_frame_and_shown(screen):
    work = ui.map(FRAME, "Who eats in {nothing}")
    with pytest.raises(InputError, match="nothing"):
        work.wait(30)
    assert "broken off" in screen.text
    assert "nothing" in screen.text


def test_the_frame_is_not_there_before_the_end(screen):
    work = ui.map(FRAME, "practice:slow@500 {text}", concurrency=1)
    with pytest.raises(InputError, match="still being asked"):
        _ = work.frame
    work.cancel()
    work.wait(60)


def test_where_nobody_watches_it_is_the_map_itself(screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    work = ui.map(FRAME, "Who eats in {text}")
    assert ["ok"] * 12 == list(work.frame.claude_status)
    assert [] == screen.widgets


def test_it_is_shown_once_in_the_cell_that_makes_it(screen):
    work = ui.map(FRAME, "Who eats in {text}")
    work._ipython_display_()
    assert 1 == len(screen.widgets)
    work.wait(30)
