"""Do the controls work where they are used, and is what they show read by everyone?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
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
LESSONS = Path(__file__).parents[2] / "notebooks"
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


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_a_question_is_asked_by_keyboard_and_axe_finds_nothing_wrong_meanwhile(lab, axe, theme):
    lab.theme(theme)
    notebook = lab.open(LOAD, "import pandas as pd\nfrom claude_magic import ui", ROWS, CHAT)
    notebook.run()
    assert [] == notebook.errors(4)
    area, press = notebook.area(3), lab.page.keyboard.press
    question = area.get_by_role("textbox", name="Question")
    question.fill("When is the tide high in Dover? Use the tool.")
    question.press("Tab")
    press("Enter")
    area.get_by_role("button", name="Run it").wait_for()
    found = axe(lab.page, f"{SHOWN} :is({CONTROLS}, .claude-magic)")
    notebook.picture(f"asking-{theme.lower()}.png")
    assert question.evaluate(FOCUSED)
    for _ in range(2):  # Send cannot be pressed: Stop, Run it
        press("Tab")
    press("Enter")
    area.filter(has_text="High at six in Dover.").filter(has_text="turn 1").wait_for()
    notebook.area(2).get_by_role("button", name="Cancel").press("Enter")
    notebook.area(2).filter(has_text=re.compile("stopp")).wait_for()
    assert [] == found


CHAT = '''
def tide(place: str) -> str:
    """Say when the tide is high."""
    return f"High at six in {place}."
ui.chat(tools=[tide], approve=True)
'''
ROWS = """
rows = pd.DataFrame({"text": ["A penguin", "A gull"]})
work = ui.map(rows, "practice:slow@1 {text} eats fish. What does it eat?")
"""
FOCUSED = "e => e === document.activeElement"


def test_a_list_is_chosen_from_by_keyboard_and_a_page_opened_anew_is_told_what_it_does_not_see(front):
    notebook = front.open(LOAD, "from claude_magic import ui\nui.usage()")
    notebook.run()
    assert [] == notebook.errors(2)
    notebook.area(1).get_by_role("combobox", name="Show").focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "Enter"):  # JupyterLab has the arrows of a closed list
        front.page.keyboard.press(key)
    notebook.area(1).filter(has_text="charts show calls").wait_for()
    told = notebook.area(1).get_by_text("The page was opened anew")
    assert not told.is_visible()
    front.reload()
    notebook.area(1).get_by_role("button", name="Refresh").click()
    told.wait_for()


def test_the_lesson_about_controls_runs_whole_where_it_is_watched(lab):
    lesson = Path(shutil.copy(LESSONS / "09_widgets.ipynb", lab.root))
    shutil.copytree(LESSONS / "data", lab.root / "data", dirs_exist_ok=True)
    notebook = lab.reopen(lesson)
    notebook.run()
    cells = [cell for cell in nbformat.read(notebook.saved(), as_version=4).cells if cell.cell_type == "code"]
    assert [*range(1, len(cells) + 1)] == [cell.execution_count for cell in cells]
    assert [] == [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    lab.close()


def test_a_number_is_never_broken_and_the_ring_of_a_box_to_tick_lies_around_it(lab):
    notebook = lab.open(LOAD, "from claude_magic import ui\nui.login()", NARROW)
    notebook.run()
    assert [] == notebook.errors(3)
    assert 30 > notebook.area(2).get_by_text("$0.000015").evaluate("e => e.offsetHeight")
    box = notebook.area(1).get_by_role("checkbox")
    notebook.area(1).get_by_role("combobox").press("Tab")  # by key, as a ring is for whoever has no mouse
    assert box.evaluate(FOCUSED)
    assert "1px" == box.evaluate("e => getComputedStyle(e).outlineOffset")


NARROW = """
from IPython.display import HTML
from claude_magic.ui import styles
HTML(styles.box(f'<div style="width:60px">{styles.figure("cost", "$0.000015")}</div>'))
"""


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
