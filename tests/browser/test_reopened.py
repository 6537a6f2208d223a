"""Is what was saved still there without a kernel, as a page, without styles, and in Voila?"""

from __future__ import annotations

import importlib.util
import re

import nbformat
import pytest

from tests.browser.desk import ARTIFACTS, SHOWN
from tests.browser.test_streaming import LOAD

pytestmark = pytest.mark.browser

TOOL = '''
def tide(place: str) -> str:
    """Say when the tide is high."""
    return f"High at six in {place}."
'''
CELLS = (
    LOAD,
    TOOL,
    "%%claude --new --think\nWhich planet is red? Mars is called the red planet.",
    "%%claude --new --tool tide\nWhen is the tide high in Dover? Use the tool.",
    "%%claude --new --compare haiku,sonnet\nWhich planet is red? Mars is called the red planet.",
    "%%claude --new\npractice:400",
    "%claude usage",
    "%%claude --dry-run\nHow many planets are there?",
    "%%claude --new -f code\npractice:echo\n```python\nprint('made by a model')\n```",
)  # the last one makes a cell below it
SAID = (  # in each of the cells
    "",
    "",
    ("Mars", " in · ", "practice"),
    ("tide(", " in · ", "practice"),
    ("claude-haiku-5-5", "claude-sonnet-5-5", "Mars", "2 of 2 models"),
    ("BadRequestError", "practice"),
    ("practice",),
    ("claude-haiku-5-5", "input"),
    ("print('made by a model')", "practice"),
)
NO_SESSION = "() => jupyterapp.shell.currentWidget.sessionContext.session === null"
BARE = """page => {
  const made = new DOMParser().parseFromString(page, 'text/html');
  for (const e of made.querySelectorAll('*'))
    for (const name of e.getAttributeNames())
      if (!['href', 'open', 'colspan'].includes(name)) e.removeAttribute(name);
  return made.body.innerHTML;
}"""


@pytest.fixture(scope="module")
def book(_fronts):
    """A notebook with every kind of our outputs, as JupyterLab saves it."""
    lab = _fronts("lab")
    notebook = lab.open(*CELLS)
    for cell in range(len(CELLS)):  # all of them, whichever fail
        lab.page.evaluate("i => { jupyterapp.shell.currentWidget.content.activeCellIndex = i }", cell)
        lab.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-cell') }")
    notebook.settle()
    assert ["BadRequestError"] == [e["ename"] for e in notebook.errors(len(CELLS))]
    return notebook.saved()


def outputs(path):
    return [cell.outputs for cell in nbformat.read(path, 4).cells if cell.source]


def test_the_saved_file_has_one_whole_output_where_one_answer_was(book):
    saved = outputs(book)
    assert [1, 1, 1] == [len(saved[n]) for n in (2, 3, 4)]
    assert [] == [o for made in saved for o in made if "data" in o and not o["data"]]
    assert [] == re.findall("interrupt-kernel|aria-busy|widget-view", book.read_text())


def test_a_notebook_that_is_reopened_without_a_kernel_shows_all(lab, book):
    notebook = lab.reopen(book, kernel=False)
    assert lab.page.evaluate(NO_SESSION)
    texts = lab.page.locator(f"{SHOWN} .jp-Cell").all_inner_texts()
    for said, text in zip(SAID, [t for t in texts if t.strip()], strict=False):
        assert [] == [words for words in said if words not in text]
    notebook.picture("reopened.png")
    lab.close()


def test_an_exported_page_shows_all_without_the_network(desk, book, tmp_path):
    from nbconvert import HTMLExporter

    page, _ = desk.new_page()
    (tmp_path / "book.html").write_text(HTMLExporter().from_filename(str(book))[0])
    page.goto((tmp_path / "book.html").as_uri(), wait_until="commit")
    shown = page.locator(".jp-Cell")
    shown.last.wait_for()
    texts = shown.all_inner_texts()
    for said, text in zip(SAID, texts, strict=False):
        assert [] == [words for words in said if words not in text]
    page.screenshot(path=ARTIFACTS / "exported.png", full_page=True)
    page.close()


def test_where_styles_and_classes_are_taken_away_as_on_github_all_is_readable(desk, book):
    page, _ = desk.new_page()
    for said, made in zip(SAID, outputs(book), strict=False):
        html = "".join(o["data"].get("text/html", "") for o in made if "data" in o)
        if not html:
            continue
        page.set_content(page.evaluate(BARE, html))
        assert page.locator("body").inner_text().strip()
        lines = page.locator("body").inner_text()
        assert [] == [words for words in said if words not in lines and words != "BadRequestError"]
        assert [] == re.findall(r"\w(?:practice)\b|\bturn \d[a-z]", lines)
    page.close()


@pytest.mark.skipif(not importlib.util.find_spec("voila"), reason="Voila is not installed")
def test_voila_shows_an_answer_and_a_chat_that_answers(desk):
    chat = "from claude_magic import ui\nui.chat()"
    path = desk.write(LOAD, "%%claude\nWhich planet is red? Mars is called the red planet.", chat)
    page, outside = desk.new_page()
    page.goto(f"{desk.url}/voila/render/{path.name}?token={desk.token}")
    answers = page.locator(".claude-magic").filter(has_text="turn 1")
    answers.wait_for()
    assert "Mars" in answers.inner_text()
    page.get_by_role("textbox", name="Question").fill("What is in the middle? A median is in the middle.")
    page.get_by_role("button", name="Send").click()
    answers.filter(has_text="You").filter(has_text="[practice] A median is in the middle.").wait_for()
    assert 0 == page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
    assert [] == [url for url in outside if "anthropic" in url]
    page.screenshot(path=ARTIFACTS / "voila.png")
    page.close()
