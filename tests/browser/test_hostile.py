"""Can what a model wrote run, fetch, cover or offer anything, now or when it is reopened?"""

from __future__ import annotations

import nbformat
import pytest

from tests.browser.desk import REOPEN, TRUSTED
from tests.hostile import HOSTILE

pytestmark = pytest.mark.browser

SHOW = """
from claude_magic.show.display import View
view, text = View(), {!r}
view.text(text), view.thinking(text), view.waiting(9, text), view.calling(text, {{text: text}})
while not view._live.drawn: pass
view.finish(text, thinking=text, readout=text)
"""
FORMATS = ("text", "code", "json", "df", "html")
SOURCE = "from claude_magic.show.display import View; View(format={!r}).finish({!r})"
CELLS = {name: SHOW.format(text) for name, text in HOSTILE.items()} | {
    format: SOURCE.format(format, "\n\n".join(HOSTILE.values())) for format in FORMATS
}
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
    menu: menu && menu.closest('#jp-top-panel, #top-panel-wrapper') !== null,
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


def check(notebook):
    for number, name in enumerate(CELLS):
        area = notebook.area(number)
        area.locator(".claude-magic").first.wait_for()
        assert area.inner_text().strip(), name
        assert HARMLESS == area.evaluate(PROBE), name


def untrusted(path):
    """Write a copy of a notebook that its signature does not fit, as if it came from somebody else."""
    book = nbformat.read(path, 4)
    book.metadata["from"] = "somebody else"
    for cell in book.cells:
        cell.metadata.pop("trusted", None)
    copy = path.with_name(f"untrusted-{path.name}")
    nbformat.write(book, copy)
    return copy


def test_o1_hostile_answers_run_fetch_cover_and_offer_nothing_now_reopened_and_untrusted(front):
    notebook = front.open(*CELLS.values())
    notebook.run()
    assert [] == notebook.errors(len(CELLS))
    check(notebook)
    front.page.evaluate(REOPEN)
    check(notebook)
    theirs = front.reopen(untrusted(notebook.saved()))
    assert not front.page.evaluate(TRUSTED)
    check(theirs)
    assert [] == front.outside


def test_o1_the_same_watch_sees_html_that_is_not_harmless(front):
    notebook = front.open(DANGER)
    notebook.run()
    assert [] == notebook.errors()
    notebook.area().locator("img").wait_for()
    seen = notebook.area().evaluate(PROBE)
    assert {"pwned", "controls", "handlers", "links", "fixed"} == {
        k for k in HARMLESS if seen[k] != HARMLESS[k]
    }
    assert {"http://hostile.invalid/i.png"} == {*front.outside}
    front.open("pass")  # its picture is asked for again whenever it is drawn


def test_a_diagram_is_shown_as_its_code(front):
    notebook = front.open(SOURCE.format("markdown", "```mermaid\ngraph TD; A-->B\n```"))
    notebook.run()
    assert [] == notebook.errors()
    assert "graph TD; A-->B" == notebook.area().locator(".highlight pre").inner_text().strip()
    assert 0 == notebook.area().locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").count()
