"""Do questions that end in `?` and cells with no body reach us, and nothing else?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from claude_magic.grammar.questions import rewrite


@pytest.fixture(scope="module")
def transform():
    manager = TransformerManager()
    manager.cleanup_transforms.insert(0, rewrite)
    return manager.transform_cell


def line(question: str) -> str:
    return f"get_ipython().run_line_magic('claude', {question!r})\n"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%claude what is an index?", line("what is an index?")),
        ("%claude   why??  ", line("why??")),
        ("x = %claude why?", f"x = {line('why?')}"),
        ('d["a b"].c = %claude why?', f'd["a b"].c = {line("why?")}'),
        (
            "%claude don't?\n%claude (?\nz = %claude a ''' b?",
            line("don't?") + line("(?") + f"z = {line(chr(97) + ' ' + 3 * chr(39) + ' b?')}",
        ),
        ("%claude a \\\nlong one?", line("a  long one?")),
        ("if 1:\n    %claude why?", f"if 1:\n    {line('why?')}"),
        ("a = 1  # it's\n%claude why?\nb = 2", f"a = 1  # it's\n{line('why?')}b = 2\n"),
        ("s = '''\n%claude in?\n'''\n%claude out?", f"s = '''\n%claude in?\n'''\n{line('out?')}"),
        ("s = f'''{1}''' # '''\n%claude out?", f"s = f'''{{1}}''' # '''\n{line('out?')}"),
        ("\n\n%claude why?", line("why?")),
        ("%%claude", "get_ipython().run_cell_magic('claude', '', '\\n')\n"),
        ("\n%%claude opus -q", "get_ipython().run_cell_magic('claude', 'opus -q', '\\n')\n"),
        ("%%claude what is it?", "get_ipython().run_cell_magic('claude', 'what is it?', '\\n')\n"),
        ("%%claude\n%%claude", "get_ipython().run_cell_magic('claude', '', '%%claude\\n')\n"),
        (
            "%%claude opus\n%claude why?",
            "get_ipython().run_cell_magic('claude', 'opus', '%claude why?\\n')\n",
        ),
    ],
)
def test_a_question_or_an_empty_cell_becomes_a_call(cell, expected, transform):
    assert expected == transform(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "%claude?", "%%claude?", "?%claude", "%claude??", "%claude", "%claude ?", "%claude status",
        "%%time\n%claude why?", "%%bash\n%claude why?", "%%claude opus\nWhy?", "%%claudette",
        "s = '''\n%claude why?\n'''", 's = """\n\'\'\'\n%claude why?\n"""', "f(\n%claude why?\n)",
        "x = 5 \\\n%claude why?",
        "print('%claude why?')", "%claudes why?", "df?", "%timeit x?", "",
    ],
)  # fmt: skip
def test_help_strings_brackets_and_other_magics_stay_as_they_are(cell):
    lines = cell.splitlines(keepends=True)
    assert lines == rewrite(lines)


CODE = st.lists(
    st.sampled_from(
        [
            "%claude",
            "%%claude",
            " a?",
            "?",
            "\n",
            "'''",
            '"""',
            "'",
            '"',
            "(",
            ")",
            "x = ",
            "#",
            "\\",
            " ",
            "%%time",
            "!ls",
            "\r\n",
        ]
    )
).map("".join)


@given(st.one_of(CODE, st.text()))
def test_rewriting_never_fails_and_twice_is_once(cell):
    lines = cell.splitlines(keepends=True)
    once = rewrite(lines)
    assert once == rewrite(once)


def test_a_terminal_still_waits_for_a_cell_s_body():
    manager = TransformerManager()
    manager.cleanup_transforms.insert(0, rewrite)
    assert ("incomplete", 0) == manager.check_complete("%%claude\n")
    assert ("complete", None) == manager.check_complete("%claude what's this?\n")


def test_a_shell_runs_questions_and_empty_cells():
    from IPython.core.interactiveshell import InteractiveShell

    shell, asked = InteractiveShell(), []
    shell.input_transformers_cleanup.insert(0, rewrite)
    shell.register_magic_function(lambda line, body=None: asked.append((line, body)), "line_cell", "claude")
    for cell in ("%claude what's an index?", "%%claude opus", "y = 1\n%claude so?\nx = %claude and now?"):
        assert shell.run_cell(cell).success
    assert [("what's an index?", None), ("opus", "\n"), ("so?", None), ("and now?", None)] == asked
