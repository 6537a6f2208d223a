"""Does the picker show every model, and set the one that is chosen?"""

from __future__ import annotations

import pytest

from claude_magic import settings
from claude_magic.protocol import catalog
from claude_magic.ui.picker import ModelPicker, short
from tests.ui.conftest import told


@pytest.fixture
def picker(screen):
    made = ModelPicker()
    made._ipython_display_()
    return made


def test_models_are_grouped_by_line_with_sizes_prices_abilities_and_retirement(picker, screen):
    assert {m.line for m in catalog.all_models() if m.status == "active"} == {r.line for r in picker.found()}
    opus = next(row for row in picker.rows if row.id == "claude-opus-5-5")
    assert ("1M context · 128k out", "$4.00 in · $20.00 out") == (opus.size, opus.price)
    assert "until 2027-09-22 at least" == opus.end
    for said in (opus.size, opus.price, opus.end, "fast mode", "structured output"):
        assert said in screen.html


def test_what_is_not_known_of_a_model_is_said_and_not_taken_for_no(picker, screen):
    rows = {row.id: row for row in picker.rows}
    fable, mythos, haiku = (
        rows[f"claude-{name}"] for name in ("fable-5-2", "mythos-5-2", "haiku-4-5-20251001")
    )
    assert {"thinking", "effort"} <= {*fable.abilities}
    assert (("effort",), ()) == (mythos.unknown, haiku.unknown)
    assert "effort" not in haiku.abilities
    assert "not known: effort" in screen.html
    picker._filter("ability", "effort")
    assert {fable, mythos} <= {*picker.found()}
    assert haiku not in picker.found()


@pytest.mark.parametrize(
    ("until", "retires", "end"),
    [
        ("2026-10-15", "", "may retire any day"),
        ("9999-01-01", "", "until 9999-01-01 at least"),
        ("2026-10-15", "2026-12-01", "retires 2026-12-01"),
        ("", "", ""),
    ],
)
def test_a_day_until_which_a_model_is_there_at_least_is_no_promise_once_it_is_over(
    picker, until, retires, end
):
    assert end == picker.rows[0]._replace(status="active", not_before=until, retires=retires).end


def test_choosing_a_model_is_the_setting_of_claude_model(picker, shell, screen):
    picker._choice.value = "claude-opus-5-5"
    assert "claude-opus-5-5 (this session)" == str(shell.run("%claude model").result)
    assert "In use: claude-opus-5-5 (this session)" in screen.text


def test_a_model_set_in_another_cell_is_seen(picker, shell, screen):
    shell.run("%claude model sonnet")
    assert catalog.resolve("sonnet") == picker._choice.value
    assert f"In use: {catalog.resolve('sonnet')}" in screen.text


def test_filters_leave_what_fits_and_choose_nothing(picker, screen):
    picker._filter("line", "opus")
    picker._filter("ability", "fast mode")
    found = picker.found()
    assert {"opus"} == {row.line for row in found}
    assert all("fast mode" in row.abilities for row in found)
    assert found
    picker._filter("word", "no such model")
    assert [] == picker.found()
    assert "No model fits the filters." in screen.html
    assert settings.DEFAULT_MODEL == picker.model == picker._choice.value
    assert {} == {k: v for k, v in settings.session.items() if k == "model"}


def test_old_models_are_there_where_they_are_wanted(picker):
    assert {"active"} == {row.status for row in picker.found()}
    picker._filter("old", True)
    assert {"active", "deprecated", "retired"} == {row.status for row in picker.found()}
    assert "retired 2026-08-05" in {row.end for row in picker.found()}


def test_a_model_of_ones_own_that_the_catalogue_does_not_know_stays_in_use(screen, shell):
    settings.use("model", "claude-secret-9")
    picker = ModelPicker()
    picker._ipython_display_()
    assert "claude-secret-9" == picker._choice.value
    picker._filter("word", "opus")
    assert "claude-secret-9" == picker.model


def test_what_the_service_lists_is_text_and_nothing_else(screen, client, monkeypatch):
    rows = ModelPicker(client).rows
    picker = ModelPicker(client)
    picker.rows = [rows[0]._replace(name="<img src=x onerror=alert(1)>", line="<b>")]
    picker._ipython_display_()
    assert "<img" not in screen.html
    assert "&lt;img src=x" in screen.html


def test_in_a_page_opened_anew_a_choice_is_made_and_its_line_says_what_is_not_seen(picker, monkeypatch):
    monkeypatch.setattr("claude_magic.ui.controls.page", lambda: "another")
    assert not told(picker._panel)
    picker._choice.value = "claude-opus-5-5"
    assert "claude-opus-5-5" == picker.model
    assert told(picker._panel)


def test_small_prices_are_not_nothing_and_sizes_are_round(picker):
    row = picker.rows[0]._replace(price_in=0.004, price_out=0.0225)
    assert "$0.004 in · $0.023 out" == row.price
    assert ["512", "8.2k", "200k", "1M", "1.5M"] == [short(n) for n in (512, 8192, 200_000, 2**20, 1_500_000)]


def test_where_nobody_can_press_there_are_no_controls(screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    ModelPicker()._ipython_display_()
    assert [] == screen.widgets
    assert "claude-haiku-5-5" in screen.text
