"""Can everyone read and use what we show, in both themes? What axe-core can tell of it."""

from __future__ import annotations

import pytest

from tests.browser.test_streaming import LOAD, stream

pytestmark = pytest.mark.browser

DATA = """
import pandas as pd
table = pd.DataFrame({"species": ["Adelie", "Gentoo"], "mass": [3700.5, 5076.0]})
"""
SHOW = '''
from claude_magic.prompts.citing import Note
from claude_magic.show.display import View
from claude_magic.tools.toolbox import Ran
text = """# Head

Some **bold** words, `code`, [a link](https://example.com/) and ![a picture](https://example.com/a.png).

> A passage.

1. one
2. two

| a | b |
|---|--:|
| x | 1 |

```python
def mean(values: list[float]) -> float:
    \\"\\"\\"Return the mean.\\"\\"\\"
    return sum(values) / len(values)  # of all
```

$$\\\\bar{x} = \\\\frac{1}{n}\\\\sum x_i$$
"""
ran = Ran("tide", {"place": "Dover"}, "high at six", False, 0.25)
view = View(badge="practice")
view.finish(text, thinking="Let me see.", calls=[ran], readout="1.8 s · 412 in · 96 out · practice",
            notes=[Note(1, "tides.txt", "characters 1-9", "High at six.", "https://example.com/")])
'''
WIDE = """
from claude_magic.show.display import View
View().finish("|" + "a_wide_column_name|" * 40 + "\\n|" + "---|" * 40)
View().finish("```python\\n" + "wide = " * 60 + "1\\n```")
View(format="json").finish('["' + "wide " * 60 + '"]')
"""
CELLS = (
    LOAD,
    DATA,
    SHOW,
    WIDE,
    "%%claude --new --compare haiku,sonnet\nHow many species are in {table}?",
    "%%claude --new --show-request\nHow many species are in {table}?",
    "%%claude --new -f df\nReturn a JSON array with one object for each row: {table}",
    "%%claude --new -f code\npractice:echo\n```python\nprint(1)\n```",
)
OPEN_ALL = "a => a.querySelectorAll('.claude-magic details').forEach(e => { e.open = true })"


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_nothing_wrong_with_answers_and_tables(lab, axe, theme):
    lab.theme(theme)
    notebook = lab.open(*CELLS)
    notebook.run()
    assert [] == notebook.errors(len(CELLS))
    for cell in range(2, len(CELLS)):
        notebook.area(cell).evaluate(OPEN_ALL)
    notebook.picture(f"outputs-{theme.lower()}.png")
    assert [] == axe(lab.page, ".claude-magic")


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_nothing_wrong_with_an_answer_that_grows(lab, axe, theme):
    lab.theme(theme)
    notebook = lab.open(LOAD, stream(500, 0.02))
    notebook.start()
    notebook.area(1).locator("[aria-busy]").filter(has_text="tokens/s").wait_for()
    found = axe(lab.page, ".claude-magic")
    notebook.area(1).get_by_role("button", name="Stop this answer").click()
    notebook.settle()
    assert [] == found


def test_axe_sees_what_is_wrong(lab, axe):
    bad = '<div class="claude-magic"><button></button><p style="color:#ccc;background:#ddd">words</p></div>'
    notebook = lab.open(f"from IPython.display import HTML; HTML('{bad}')")
    notebook.run()
    assert {"button-name", "color-contrast"} == {v["rule"] for v in axe(lab.page, ".claude-magic")}
