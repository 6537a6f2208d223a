"""Is what would change in a cell shown, and nothing of it more than text?"""

from __future__ import annotations

import html
import re

from claude_magic.show.diffs import MOST_LINES, diff
from tests.hostile import HOSTILE


def test_a_diff_is_unified():
    found = diff("a = 1\nb = 2\n", "a = 1\nb = 3", "In[4]")
    assert "--- In[4]\n+++ In[4], corrected\n@@ -1,2 +1,2 @@\n a = 1\n-b = 2\n+b = 3" == found.text


def test_no_change_is_no_line():
    assert () == diff("a\n", "a", "In[4]").lines


def test_what_comes_and_goes_has_a_colour_that_suits_both_themes():
    shown = diff("a\nb", "a\nc", "In[4]").html
    assert 'background:rgba(248,81,73,.20)">-b</span>' in shown
    assert 'background:rgba(46,160,67,.20)">+c</span>' in shown
    assert "var(--jp-ui-font-color1" in shown


def test_o1_o4_hostile_code_is_text():
    for code in HOSTILE.values():
        shown = diff("x = 1\n" + code[::-1], f"</pre></div>\n{code}\x1b[2J\x9b", "In[1]")
        assert {"div", "pre", "span"} == {t.lower() for t in re.findall(r"</?([A-Za-z]\w*)", shown.html)}
        assert not set(shown.html) & {"\x1b", "\x9b"}
        assert not set(shown.text) & {"\x1b", "\x9b"}
        assert "</pre></div>" in html.unescape(shown.html.partition("+")[2])


def test_what_would_take_minutes_is_not_compared():
    assert diff("x\n" * MOST_LINES * 2, "y", "In[1]") is None
    worst = diff("x = 1\ny = 2\n" * (MOST_LINES // 2), "y = 2\nx = 1\n" * (MOST_LINES // 2), "In[1]")
    assert worst.lines[0].startswith("---")
