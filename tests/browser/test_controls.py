"""Do the controls work where they are used, and is what they show read by everyone?"""

from __future__ import annotations

import re

import pytest

from tests.browser.desk import SHOWN
from tests.browser.test_streaming import LOAD

pytestmark = pytest.mark.browser

ASK = "%%claude --new\nWhich planet is red? Mars is called the red planet."
RUN = """async i => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = i;
  await jupyterapp.commands.execute('notebook:run-cell');
}"""
CONTROLS = ".claude-magic-controls"
WIDE = "() => [...document.querySelectorAll('{}')].filter(e => e.scrollWidth > e.clientWidth + 1).length"


@pytest.fixture
def model_kept(lab):
    """Leave the kernel with the model it had."""
    yield
    lab.open("%claude model haiku").run()


def test_a_model_is_picked_and_answers_from_then_on(front, model_kept):
    notebook = front.open(LOAD, "from claude_magic import ui\nui.models()", ASK)
    notebook.page.evaluate(RUN, 0)
    notebook.page.evaluate(RUN, 1)
    area = notebook.area(1)
    area.filter(has_text=re.compile(r"In use: claude-haiku-5-5")).wait_for()
    choice = area.get_by_role("combobox", name=re.compile("^Model"))
    choice.select_option(
        value=choice.evaluate("e => [...e.options].find(o => /Sonnet.5.5/.test(o.text)).value")
    )
    area.filter(has_text="In use: claude-sonnet-5-5").wait_for()
    notebook.page.evaluate(RUN, 2)
    notebook.settle()
    assert [] == notebook.errors(3)
    assert "claude-sonnet-5-5 · turn 1" in notebook.area(2).inner_text()


def test_the_cost_moves_when_a_cell_asks(front):
    notebook = front.open(LOAD, "from claude_magic import ui\nui.cost()", ASK)
    notebook.page.evaluate(RUN, 0)
    notebook.page.evaluate(RUN, 1)
    area = notebook.area(1)
    area.locator(".claude-magic").first.wait_for()
    before = area.inner_text()
    notebook.page.evaluate(RUN, 2)
    area.filter(has_text=re.compile(r"14 out · 1 call(?!s)")).wait_for()
    assert before != area.inner_text()
    assert [] == notebook.errors(3)


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_nothing_wrong_with_the_controls(lab, axe, theme):
    lab.theme(theme)
    notebook = lab.open(LOAD, "from claude_magic import ui", ASK, *(f"ui.{name}()" for name in UI))
    notebook.run()
    assert [] == notebook.errors(3 + len(UI))
    notebook.page.locator(CONTROLS).last.wait_for()
    notebook.picture(f"controls-{theme.lower()}.png")
    assert [] == axe(lab.page, f"{SHOWN} :is({CONTROLS}, .claude-magic)")


UI = ("models", "cost", "usage", "chat", "login")


@pytest.mark.parametrize("width", [360, 1600])
def test_the_controls_fit_a_narrow_and_a_wide_page(lab, width):
    notebook = lab.open(LOAD, "from claude_magic import ui", *(f"ui.{name}()" for name in UI))
    notebook.run()
    notebook.page.locator(CONTROLS).last.wait_for()
    notebook.page.set_viewport_size({"width": width + 350, "height": 760})  # beside JupyterLab's own
    try:
        assert 0 == notebook.page.evaluate(WIDE.format(CONTROLS))
        notebook.picture(f"controls-{width}.png")
    finally:
        notebook.page.set_viewport_size({"width": 1100, "height": 760})
