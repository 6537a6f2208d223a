"""Does the quickstart look as the README shows it?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.browser.__main__ import PICTURES
from tests.browser.test_streaming import LOAD

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
DATA = "import pandas as pd\n\npenguins = pd.read_csv('data/penguins.csv')"
QUESTION = """%%claude
What is the body mass of the penguins, and which species are there?

{penguins}"""
LINE = r"\d+ in .*\d+ out \(\d+ tokens/s\) · \$0\.\d+ · claude-haiku-5-5 · turn 1\s+practice"
COUNTED = r"\d s · ~\d+ tokens.*practice"
SLOWLY = """async () => {
  const code = "import os; os.environ['CLAUDE_MAGIC_PRACTICE_SPEED'] = '15'";
  const {kernel} = jupyterapp.shell.currentWidget.sessionContext.session;
  await kernel.requestExecute({code, silent: true}).done;
}"""


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_quickstart_cell_streams_and_keeps_its_picture(lab, desk, theme):
    (lab.root / "data").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "notebooks/data/penguins.csv", lab.root / "data")
    lab.theme(theme)
    notebook = lab.reopen(desk.write(LOAD, DATA, QUESTION))
    lab.page.evaluate(SLOWLY)
    notebook.start()
    area = notebook.area(2)
    area.locator("[aria-busy]").filter(has_text=re.compile(COUNTED)).wait_for()
    notebook.picture(f"streaming-{theme.lower()}.png")
    notebook.settle()
    assert [] == notebook.errors(3)
    assert 0 == area.locator("button, [aria-busy]").count()
    assert re.search(LINE, area.inner_text())
    notebook.picture(f"quickstart-{theme.lower()}.png")


def test_the_controls_keep_their_picture(lab, desk):
    lab.theme("Light")
    ask = "%%claude\nWhich planet is red? Mars is called the red planet."
    cells = ("from claude_magic import ui\nui.cost()", "ui.usage()", "ui.chat()")
    notebook = lab.reopen(desk.write(LOAD, ask, *cells))
    notebook.run()
    assert [] == notebook.errors(5)
    notebook.page.locator(".claude-magic-controls").last.wait_for()
    notebook.picture("controls.png")


def test_every_picture_of_the_readme_is_made_by_these_tests():
    shown = re.findall(r"notebooks/images/([\w.-]+)", (REPOSITORY / "README.md").read_text())
    assert shown
    assert [] == [name for name in shown if name not in PICTURES]
