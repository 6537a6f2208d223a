"""Does an answer's code go into the next cell, and nothing else?"""

from __future__ import annotations

import pytest

from claude_magic.show import nextcell


def asked(shell, answer, flags=""):
    return shell.run(f"%%claude -f code --no-history {flags}\npractice:echo\n{answer}")


def test_o2_code_goes_into_the_next_cell_and_is_never_run(shell):
    asked(shell, "Do this:\n```python\nmade = 1\n!echo hi > made.txt\n```\nand then that.")
    assert [("made = 1\n!echo hi > made.txt", False)] == shell.inserted
    assert "made" not in shell


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ("```bash\nls\n```", "%%bash\nls"),
        ("```html\n<b>\n```", "%%html\n<b>"),
        ("```js\nfoo(1)\n```", "%%javascript\nfoo(1)"),
    ],
)
def test_another_language_goes_under_the_magic_that_runs_it(shell, answer, cell):
    asked(shell, answer)
    assert [(cell, False)] == shell.inserted


def test_a_reader_who_watches_is_told_where_the_code_is(shell, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "live")
    shown = asked(shell, "```python\nx = 1\n```").outputs[-1].data
    assert "The code is in the cell below." == shown["text/plain"]
    assert 'data-commandlinker-command="notebook:move-cursor-down"' in shown["text/html"]


@pytest.mark.parametrize("language", ["json", "sql", "rust", "writefile"])
def test_a_language_nothing_here_runs_gets_a_note_and_no_cell(shell, language):
    result = asked(shell, f"```{language}\nselect * from a\n```")
    assert [] == shell.inserted
    assert f"The code is {language}, not Python" in result.seen
    assert "select * from a" == shell["_claude"].code


def test_an_answer_without_code_says_so(shell):
    assert "There is no code in this answer" in asked(shell, "I would rather not.").seen
    assert "no code" not in asked(shell, "I would rather not.", "-q").seen
    assert [] == shell.inserted


def test_code_cut_at_max_tokens_goes_in_as_far_as_it_came(shell):
    result = asked(shell, "```python\n" + "x = 1\n" * 200 + "```", "-n 60")
    assert shell.inserted[0][0].startswith("x = 1\nx = 1")
    assert "The code is not complete." in result.seen


def test_code_that_is_too_long_for_a_cell_stays_in_the_answer(shell, monkeypatch):
    monkeypatch.setattr(nextcell, "MOST", 40)
    result = asked(shell, "```python\n" + "x = 1\n" * 10 + "```")
    assert "The code has 59 characters, too many for a cell; it is in _claude.code." in result.seen
    assert 10 == shell["_claude"].code.count("x = 1")
    assert [] == shell.inserted


def test_o4_escapes_of_a_model_are_visible_in_the_cell(shell):
    shell.run("bad = '\\x1b[2J\\u202e'")
    shell.run("%%claude -f code --no-history\npractice:echo\n```python\nx = '{bad}'\n```")
    assert [("x = '\\x1b[2J\\u202e'", False)] == shell.inserted
