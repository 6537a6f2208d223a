"""Does the practice server correct cells by rule only, and only when asked?"""

from __future__ import annotations

import pytest

from claude_magic.practice.messages import fixes

ASK = "A cell of a notebook failed.\n\nGive the whole corrected cell as one fenced block of Python code."


def prompt(cell: str, trace: str) -> str:
    told = f'<traceback of="In[3]">\n{trace}\n</traceback>'
    return f'{ASK}\n\n<cell of="In[3]">\n{cell}\n</cell>\n\n{told}'


@pytest.mark.parametrize(
    "text", ["", "Fix my prose", "Explain this cell of a notebook", ASK, "What is a traceback?"]
)
def test_other_prompts_are_left_alone(text):
    assert fixes.say(text) is None


def test_what_is_changed_is_marked_and_the_rest_is_as_it_was():
    said = fixes.say(prompt("x = 1\nfor i in x\n    y", "  In[3], line 2\nSyntaxError: expected ':'"))
    assert "By rule, without a model: a colon is missing at the end of the line." in said
    assert f"```python\nx = 1\nfor i in x:{fixes.MARK}\n    y\n```" in said


def test_code_with_a_fence_in_it_gets_a_longer_one():
    said = fixes.say(prompt("s = '''\n```\n'''\nif s\n    1", "  In[3], line 4\nSyntaxError: expected ':'"))
    assert said.endswith("    1\n````")


@pytest.mark.parametrize(
    ("cell", "trace"),
    [
        ("x", "RuntimeError: odd"),
        ("x", "  In[3], line 99\nSyntaxError: expected ':'"),
        ("x", "  In[3], line 1\nNameError: name 'y' is not defined"),
        ("x", "  In[3], line 1\nKeyError: 5"),
        ("x", "  In[3], line 1\nZeroDivisionError: division by zero"),
        ("return (", "  In[3], line 1\nZeroDivisionError: division by zero"),
        ("x", "  In[3], line 1\nSyntaxError: invalid syntax"),
        ("x", ""),
        ("(" * 500, "  In[3], line 1\nZeroDivisionError: division by zero"),
    ],
)
def test_what_no_rule_fits_is_said_to_be_so(cell, trace):
    assert "No model was asked, and no rule fits this cell." in fixes.say(prompt(cell, trace))


def test_the_same_prompt_gives_the_same_answer():
    text = prompt("print(a / b)", "  In[3], line 1\nZeroDivisionError: division by zero")
    assert fixes.say(text) == fixes.say(text)
    assert f'print((a / b if b else float("nan"))){fixes.MARK}' in fixes.say(text)


@pytest.mark.parametrize(
    ("cell", "trace", "corrected"),
    [
        ("  x = 1", "  this cell, line 1\nIndentationError: unexpected indent", "x = 1"),
        ("if a:\n  b\n    c", "  this cell, line 3\nIndentationError: unexpected indent", "if a:\n  b\n  c"),
        ("print(1/0)", "  this cell, line 1\nZeroDivisionError: division by zero", 'print(float("nan"))'),
    ],
)
def test_the_first_slips_of_a_lesson_are_corrected(cell, trace, corrected):
    said = fixes.say(prompt(cell, trace).replace("In[3]", "this cell"))
    assert f"```python\n{corrected}{fixes.MARK}\n```" in said


def test_a_source_that_is_cut_is_told_by_how_it_begins():
    source = "def read(\n    path,\n):\n    text = (open[… 9 characters left out]"
    told = f'Explain to the author of a notebook what `read` is.\n\n<value of="read">\n{source}\n</value>'
    assert "there are 4 lines. It begins with `def read`." in fixes.say(told)
