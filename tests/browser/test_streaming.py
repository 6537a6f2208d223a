"""Does an answer stream, stop and come to rest in JupyterLab and Notebook 7, in a real browser?"""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser

LOAD = "%load_ext claude_magic\n%claude practice on"
STREAM = """
import time
from pathlib import Path
from claude_magic.show.display import View
view = View(badge="practice")
words = "The **median** is the value in the middle. " * {times}
try:
    for word in words.split(" "):
        view.text(word + " "); time.sleep({pause})
    while not Path({until!r}).exists(): time.sleep(0.05)
    line = "1.8 s · 412 in · 96 out · $0.0004 · claude-haiku-5-5 · turn 1 · practice"
    view.finish(words, metadata={{"model": "m"}}, readout=line)
except KeyboardInterrupt:
    view.stopped("".join(view._said), readout="stopped early")
    raise
"""
FENCED = """%%claude -f code
practice:echo
```python
made_by_model = 1
```"""
ACTIVE = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
GROWING = "[aria-busy] pre"
STOP = "Stop this answer"


def stream(times, pause, until="."):
    """Return a cell whose answer grows, and ends when there is a file."""
    return STREAM.format(times=times, pause=pause, until=str(until))


@pytest.fixture
def seen(tmp_path):
    """A file to make when what was to be seen of a growing answer is seen."""
    return tmp_path / "seen"


def test_an_answer_is_seen_while_it_grows_and_ends_as_one_output_with_the_readout(front, seen):
    notebook = front.open(LOAD, stream(8, 0.03, seen))
    notebook.start()
    area = notebook.area(1)
    area.locator(GROWING).filter(has_text="The **median** is").wait_for()
    assert area.get_by_role("button", name=STOP).is_visible()
    area.locator("[aria-busy]").filter(has_text=re.compile(r"\d s · ~\d+ tokens · \d+ tokens/s")).wait_for()
    seen.touch()
    notebook.settle()
    assert [] == notebook.errors(2)
    (output,) = notebook.outputs(1)
    assert {"claude_magic": {"model": "m"}} == output["metadata"]
    assert "<strong>median</strong>" in output["data"]["text/html"]
    assert "claude-haiku-5-5 · turn 1" in area.inner_text()
    assert 0 == area.locator("button, [aria-busy]").count()


def test_a_long_answer_is_read_through_while_it_grows_and_is_one_output_at_rest(front, seen):
    notebook = front.open(LOAD, stream(400, 0.001, seen))
    notebook.start()
    area = notebook.area(1)
    area.locator(GROWING).nth(2).wait_for()
    *full, grows = area.evaluate("a => [...a.querySelectorAll('[aria-busy]')].map(e => e.innerText)")
    read = " ".join(" ".join(full).split())
    assert ("The **median** is the value in the middle. " * 400).startswith(read)
    assert 4_000 < len(read)
    assert [True] == ["tokens" in text for text in (*full, grows) if "tokens" in text]
    assert "tokens" in grows
    seen.touch()
    notebook.settle()
    (output,) = notebook.outputs(1)
    assert 400 == output["data"]["text/plain"].count("median")


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_m8_stop_ends_the_cell_and_keeps_what_arrived(front, way):
    notebook = front.open(LOAD, stream(200, 0.03))
    notebook.start()
    area = notebook.area(1)
    area.locator(GROWING).filter(has_text="middle").wait_for()
    button = area.get_by_role("button", name=STOP)
    if way == "mouse":
        button.click(delay=250)  # as slow as a hand: the text is drawn again meanwhile
    else:
        button.focus()
        area.locator(GROWING).filter(has_text="middle. The **median** is the").wait_for()
        front.page.keyboard.press("Enter")
    notebook.settle()
    answer, error = notebook.outputs(1)
    assert "KeyboardInterrupt" == error["ename"]
    assert re.fullmatch(r"(The \*\*median\*\* .*)\n\[stopped\]", answer["data"]["text/plain"], re.DOTALL)
    assert 8_000 > len(answer["data"]["text/plain"])
    assert 0 == area.locator("button").count()


def test_m8_stop_ends_a_magic_cell_and_the_cells_after_it_do_not_run(front):
    notebook = front.open(LOAD, "%%claude\npractice:long@5000", "print('ran')")
    notebook.start()
    notebook.area(1).locator("[aria-busy]").wait_for()
    notebook.area(1).get_by_role("button", name=STOP).click(delay=250)
    notebook.settle()
    assert "Stopped" == notebook.errors(3)[0]["ename"]
    assert [] == notebook.outputs(2)
    assert 0 == notebook.area(1).locator("button, [aria-busy]").count()


def test_what_the_cell_printed_before_and_beside_an_answer_stays(lab, seen):
    beside = stream(8, 0.03, seen).replace("try:\n", "print('beside')\ntry:\n", 1)
    notebook = lab.open(LOAD, "print('before')" + stream(8, 0.03), beside)
    notebook.start()
    notebook.area(2).locator(GROWING).wait_for()
    seen.touch()
    notebook.settle()
    assert [] == notebook.errors(3)
    for cell, printed in ((1, "before\n"), (2, "beside\n")):
        kinds = [o.get("text") or "median" in o["data"].get("text/plain", "") for o in notebook.outputs(cell)]
        assert [printed, True] == [kind for kind in kinds if kind]


def test_code_that_went_into_a_cell_is_one_press_away(front):
    notebook = front.open(LOAD, FENCED, "print('the cell after it')")
    notebook.start()
    go = notebook.area(1).get_by_role("button", name="The code is in the cell below.")
    go.wait_for()
    notebook.settle()
    assert [] == notebook.errors(2)
    assert "made_by_model = 1" == front.page.evaluate(SOURCE, 2)
    for press in (go.click, lambda: (go.focus(), front.page.keyboard.press("Enter"))):
        front.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0 }")
        press()
        front.page.wait_for_function(f"() => ({ACTIVE})() === 2")


SOURCE = "i => jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.getSource()"


def test_a_wide_answer_can_be_scrolled_to_its_end(lab):
    table = "|" + "a_wide_column_name|" * 40 + "\\n|" + "---|" * 40
    notebook = lab.open(f"from claude_magic.show.display import View; View().finish('{table}')")
    notebook.run()
    assert [] == notebook.errors()
    last = notebook.area().locator("th").last
    last.scroll_into_view_if_needed()
    assert last.evaluate("""e => {
      const r = e.getBoundingClientRect();
      return document.elementFromPoint(r.right - 3, r.top + 3) === e
    }""")
