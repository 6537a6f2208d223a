"""Is the code found in whatever a model wraps around it?"""

from __future__ import annotations

import pytest

from claude_magic.prompts.fences import code, fences, is_python, prose

CASES = {
    # what was answered, and the code in it
    "prose around it": ("Use this:\n```python\nx = 1\n```\nDone.", "x = 1"),
    "several fences": ("```python\nx = 1\n```\nthen\n```python\ny = 2\n```", "x = 1\n\ny = 2"),
    "a shell fence beside it": ("```bash\npip install x\n```\n```python\nimport x\n```", "import x"),
    "four backticks": ("````python\ns = '''\n```\nno end\n```\n'''\n````", "s = '''\n```\nno end\n```\n'''"),
    "tildes": ("~~~~ python\n~~~\n~~~~", "~~~"),
    "a fence in a docstring": (
        "```python\ndef f():\n    '''\n    ```\n    f()\n    ```\n    '''\n```",
        "def f():\n    '''\n    ```\n    f()\n    ```\n    '''",
    ),
    "a markdown fence around all": ("````markdown\n```python\nx = 1\n```\n````", "x = 1"),
    "a list": (
        "1. First\n\n   ```python\n   for i in x:\n       print(i)\n   ```",
        "for i in x:\n    print(i)",
    ),
    "a list's own line": ("- ```python\n  x = 1\n  ```", "x = 1"),
    "an indented block": ("```python\n    x = 1\n    y = 2\n```", "x = 1\ny = 2"),
    "no label": ("Use\n```\nimport os\nprint(os.name)\n```", "import os\nprint(os.name)"),
    "a wrong label": ("```javascript\ndef f():\n    return 1\n```", "def f():\n    return 1"),
    "an idle label": ("```text\nprint(1)\n```", "print(1)"),
    "curly labels": ("```{python}\nx = 1\n```", "x = 1"),
    "a title": ('```python title="a.py"\nx = 1\n```', "x = 1"),
    "capitals": ("```Python\nx = 1\n```", "x = 1"),
    "a fence at the end of a line": ("Here it is: ```python\nx = 1\n```\nok", "x = 1"),
    "no fence": ("import os\nprint(os.name)", "import os\nprint(os.name)"),
    "no fence, after the practice label": ("[practice] x = 1\nprint(x)", "x = 1\nprint(x)"),
    "no fence, indented after prose": ("Here:\n\n    x = 1\n    print(x)\n\nThat is it.", "x = 1\nprint(x)"),
    "magics": ("%%time\nprint(1)", "%%time\nprint(1)"),
    "shell lines": (
        "!pip install x\nfiles = !ls\ndf?\nimport x",
        "!pip install x\nfiles = !ls\ndf?\nimport x",
    ),
    "Windows newlines": ("a\r\n```python\r\nx = 1\r\ny = 2\r\n```\r\n", "x = 1\ny = 2"),
    "doctest prompts": (
        "```pycon\n>>> for i in x:\n...     print(i)\n...\n1\n>>> x\n[1]\n```",
        "for i in x:\n    print(i)\n\nx",
    ),
    "IPython's prompts": ("```python\nIn [1]: x = 1\n   ...: x\nOut[1]: 1\n```", "x = 1\nx"),
    "an empty fence beside it": ("```python\n```\n```python\nx = 1\n```", "x = 1"),
}


@pytest.mark.parametrize(("answer", "wanted"), CASES.values(), ids=CASES)
def test_the_code_is_what_stands_in_the_cell(answer, wanted):
    found = code(answer)
    assert ("python", wanted, True) == found


@pytest.mark.parametrize(
    "answer", ["", "Yes.", "Note: this", "No code", "```python\n```", "x", "a.\n\n    b\n"]
)
def test_prose_is_no_code(answer):
    assert "" == code(answer).text


@pytest.mark.parametrize(
    ("answer", "language", "text"),
    [
        ("```bash\nls -l\n```", "bash", "ls -l"),
        ("```js\nfoo(1)\n```", "js", "foo(1)"),
        ('```json\n{"a": 1}\n```', "json", '{"a": 1}'),
        ("```sql\nselect 1\n```\n```sql\nselect 2\n```", "sql", "select 1\n\nselect 2"),
        ("```c++\nint x = 1;\n```", "c++", "int x = 1;"),
    ],
)
def test_other_languages_keep_their_name(answer, language, text):
    assert (language, text, True) == code(answer)


def test_a_fence_that_was_cut_is_known_as_not_closed():
    cut = "Sure:\n```python\ndef f():\n    x = (1,"
    assert ("python", "def f():\n    x = (1,", False) == code(cut)
    assert "Sure:" == prose(cut)


def test_code_without_a_fence_that_was_cut_is_found():
    cut = "import os\ndef f():\n    x = (1,"
    assert "" == code(cut).text
    assert ("python", cut, False) == code(cut, cut=True)


def test_o2_what_nobody_would_see_is_an_escape():
    found = code("```python\nx = '\x1b[2J'  # \u202e\u2066 \u200b\x00\x85 \U000e0041 é 日本 👩‍💻\n```").text
    assert "x = '\\x1b[2J'  # \\u202e\\u2066 \\u200b\\x00\\x85 \\U000e0041 é 日本 👩‍💻" == found
    assert "\x1b[2J" == eval(found.splitlines()[0].partition("#")[0].removeprefix("x = "))


@pytest.mark.parametrize(
    "text",
    ["-" * 90_000 + "1", "[" * 90_000, "1" + "+1" * 40_000, "x" + ".a" * 40_000, "\x00", "(" * 10 + "\ud800"],
)
def test_code_that_breaks_a_parser_is_no_python(text):
    assert not is_python(text)


def test_a_megabyte_is_read_at_once():
    lines = "x = foo(1, 2)\n" * 20_000
    assert lines.strip() == code(f"```python\n{lines}```").text
    assert "" == code(lines).text  # too much to tell by parsing
    assert [] == list(fences("a " + "`" * 200_000 + " b"))
    assert "" == code(" \t" * 100_000 + "`" * 3).text


def test_prose_is_what_is_left_without_the_blocks():
    assert "One.\n\nTwo." == prose("One.\n\n```python\nx\n```\nTwo.")
