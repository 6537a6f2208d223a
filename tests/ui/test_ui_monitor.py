"""Is a batch seen from its making to its end?"""

from __future__ import annotations

import pandas as pd
import pytest

import claude_magic
from claude_magic import ui
from claude_magic.errors import InputError
from claude_magic.looks.readout import dollars
from claude_magic.ui import styles

FRAME = pd.DataFrame({"text": [f"Penguin number {n} eats fish." for n in range(5)]})


@pytest.fixture
def job(screen):
    return claude_magic.batch(FRAME, "Who eats in {text}", name="penguins")


def ended(watch):
    if watch._thread:
        watch._thread.join(60)


def test_it_is_watched_until_it_has_ended(job, screen):
    watch = ui.batch(job)
    watch._ipython_display_()
    ended(watch)
    assert "Batch penguins · ended · done 5 of 5 · failed 0" in screen.text
    assert watch._cancel.disabled
    assert ["ok"] * 5 == list(job.frame().claude_status)


def test_it_is_found_by_its_name(job):
    assert repr(ui.batch("penguins")).startswith("Batch penguins · ")


def test_what_is_neither_a_job_nor_a_name_is_one_clear_error():
    with pytest.raises(InputError, match='There is no batch job "5"'):
        ui.batch(5)


def test_cancel_is_a_button(job, screen):
    watch = ui.batch(job)
    watch._ipython_display_()
    watch._cancel.click()
    ended(watch)
    assert not watch.status.is_open
    assert "done 5 of 5 5 canceled · failed 0" in screen.text
    assert styles.COLOURS["amber"] in screen.html
    assert styles.COLOURS["red"] not in screen.html


def test_m10_an_open_batch_says_the_most_it_may_cost_or_that_the_price_is_not_known(job):
    most = dollars(job.status().most_usd)
    assert f"cost $0.00 · at most {most} · expires " in repr(ui.batch(job))
    unknown = claude_magic.batch(FRAME, "Who eats in {text}", model="claude-mythos-preview")
    assert "cost price unknown · expires " in repr(ui.batch(unknown))


def test_where_nobody_watches_nothing_is_asked_again(job, screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    watch = ui.batch(job)
    watch._ipython_display_()
    assert (None, []) == (watch._thread, screen.widgets)
    assert "Batch penguins" in screen.text
