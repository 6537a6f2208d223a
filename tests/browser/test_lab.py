"""Does an answer stream, stop and stay harmless in JupyterLab in a real browser?"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from tests.browser.conftest import REOPEN, THEME
from tests.hostile import HOSTILE

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
LOAD = "%load_ext claude_magic\n%claude practice on"
DATA = "import pandas as pd\n\npenguins = pd.read_csv('data/penguins.csv')"
QUESTION = """%%claude
What is the body mass of the penguins, and which species are there?

{penguins}"""
STREAM = """
import time
from claude_magic.display import View
view = View(badge="practice")
words = "The **median** is the value in the middle. " * {times}
try:
    for word in words.split(" "):
        view.text(word + " "); time.sleep({pause})
    line = "1.8 s · 412 in · 96 out · $0.0004 · claude-haiku-5-5 · turn 1 · practice"
    view.finish(words, metadata={{"model": "m"}}, readout=line)
except KeyboardInterrupt:
    view.stopped("".join(view._said), readout="stopped early")
    raise
"""
SHOW = """
from claude_magic.display import View
view, text = View(), {!r}
view.text(text), view.thinking(text), view.waiting(9, text)
while not view._live.drawn: pass
view.finish(text, thinking=text)
"""
DANGER = """
from IPython.display import HTML, display
display(HTML('<script>window.pwned = 1</script><img src="http://hostile.invalid/i.png" onerror="1">'
             '<a href="javascript:1" style="position:fixed">x</a><button>y</button>'))
"""
PROBE = """area => {
  const all = [...area.querySelectorAll('.jp-OutputArea-output *')].filter(e => !e.closest('mjx-container'));
  const controls = 'button,form,input,iframe,object,video,img,svg,script,style,link,[id],' +
    '[data-commandlinker-command]';
  const menu = document.elementFromPoint(300, 12);
  return {
    pwned: window.pwned || null,
    controls: all.filter(e => e.matches(controls)).map(e => e.outerHTML),
    handlers: all.flatMap(e => e.getAttributeNames()).filter(name => name.startsWith('on')),
    links: all.map(e => e.getAttribute('href')).filter(h => h && !/^(https?:|mailto:)/i.test(h)),
    fixed: all.filter(e => getComputedStyle(e).position === 'fixed').length,
    page: getComputedStyle(document.body).visibility,
    menu: menu && menu.closest('#jp-top-panel') !== null,
    huge: area.scrollHeight > 2000,
  }
}"""
HARMLESS = {
    "pwned": None,
    "controls": [],
    "handlers": [],
    "links": [],
    "fixed": 0,
    "page": "visible",
    "menu": True,
    "huge": False,
}


def errors(notebook, cells=1):
    return [o for n in range(cells) for o in notebook.outputs(n) if o["output_type"] == "error"]


def test_an_answer_is_seen_while_it_grows_and_ends_with_the_readout(lab):
    notebook = lab.open(STREAM.format(times=8, pause=0.03))
    notebook.start()
    growing = notebook.area().locator("[aria-busy] pre")
    growing.filter(has_text="The **median** is").wait_for()
    assert notebook.area().get_by_role("button", name="Stop this answer").is_visible()
    notebook.settle()
    assert errors(notebook) == []
    (output,) = notebook.outputs()
    assert {"claude_magic": {"model": "m"}} == output["metadata"]
    assert "<strong>median</strong>" in output["data"]["text/html"]
    assert "claude-haiku-5-5 · turn 1" in notebook.area().inner_text()
    assert notebook.area().locator("button, [aria-busy]").count() == 0


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_m8_stop_ends_the_cell_and_keeps_what_arrived(lab, way):
    notebook = lab.open(STREAM.format(times=200, pause=0.03))
    notebook.start()
    notebook.area().locator("[aria-busy] pre").filter(has_text="middle").wait_for()
    button = notebook.area().get_by_role("button", name="Stop this answer")
    if way == "mouse":
        button.click(delay=250)  # as slow as a hand: the text is drawn again meanwhile
    else:
        button.focus()
        notebook.area().locator("[aria-busy] pre").filter(has_text="middle. The **median** is the").wait_for()
        lab.page.keyboard.press("Enter")
    began = time.monotonic()
    notebook.settle()
    print(f"idle {time.monotonic() - began:.2f} s after {way}")
    answer, error = notebook.outputs()
    assert "KeyboardInterrupt" == error["ename"]
    assert re.fullmatch(r"(The \*\*median\*\* .*)\n\[stopped\]", answer["data"]["text/plain"], re.DOTALL)
    assert len(answer["data"]["text/plain"]) < 8_000
    assert notebook.area().locator("button").count() == 0


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_quickstart_cell_streams_and_keeps_its_picture(lab, theme):
    (lab.root / "data").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "notebooks/data/penguins.csv", lab.root / "data")
    lab.page.evaluate(THEME, f"JupyterLab {theme}")
    notebook = lab.open(LOAD, DATA, QUESTION)
    notebook.start()
    notebook.area(2).locator("[aria-busy] pre").wait_for()
    notebook.picture(f"streaming-{theme.lower()}.png")
    notebook.settle()
    assert errors(notebook, 3) == []
    assert notebook.area(2).locator("button, [aria-busy]").count() == 0
    line = r"\d+ in .*\d+ out · \$0\.\d+ · claude-haiku-5-5 · turn 1\s+practice"
    assert re.search(line, notebook.area(2).inner_text())
    notebook.picture(f"quickstart-{theme.lower()}.png")


def test_m8_stop_ends_a_magic_cell_and_the_cells_after_it_do_not_run(lab):
    notebook = lab.open(LOAD, "%%claude\npractice:slow Tell me about penguins.", "print('ran')")
    notebook.start()
    notebook.area(1).locator("[aria-busy]").wait_for()
    notebook.area(1).get_by_role("button", name="Stop this answer").click(delay=250)
    notebook.settle()
    assert "Stopped" == errors(notebook, 3)[0]["ename"]
    assert notebook.outputs(2) == []
    assert notebook.area(1).locator("button, [aria-busy]").count() == 0


def test_a_wide_answer_can_be_scrolled_to_its_end(lab):
    table = "|" + "a_wide_column_name|" * 40 + "\\n|" + "---|" * 40
    notebook = lab.open(f"from claude_magic.display import View; View().finish('{table}')")
    notebook.run()
    assert errors(notebook) == []
    last = notebook.area().locator("th").last
    last.scroll_into_view_if_needed()
    assert last.evaluate("""e => {
      const r = e.getBoundingClientRect();
      return document.elementFromPoint(r.right - 3, r.top + 3) === e
    }""")


def test_o1_hostile_answers_run_fetch_cover_and_offer_nothing(lab):
    notebook = lab.open(*(SHOW.format(text) for text in HOSTILE.values()))
    notebook.run()
    assert errors(notebook, len(HOSTILE)) == []
    check_hostile(notebook)
    lab.page.evaluate(REOPEN)
    check_hostile(notebook)
    assert lab.outside == []


def check_hostile(notebook):
    for number, name in enumerate(HOSTILE):
        area = notebook.area(number)
        area.locator(".claude-magic").first.wait_for()
        assert area.inner_text().strip(), name
        assert HARMLESS == area.evaluate(PROBE), name


def test_o1_the_same_watch_sees_html_that_is_not_harmless(lab):
    notebook = lab.open(DANGER)
    notebook.run()
    assert errors(notebook) == []
    notebook.area().locator("img").wait_for()
    seen = notebook.area().evaluate(PROBE)
    assert {"pwned", "controls", "handlers", "links", "fixed"} == {
        k for k in HARMLESS if seen[k] != HARMLESS[k]
    }
    assert ["http://hostile.invalid/i.png"] == lab.outside
