"""Is the cell that failed last known, whichever way it failed?"""

from __future__ import annotations

import sys

import pytest

from claude_magic.repair import failing
from tests.shells import KEY, made, session


def last(shell) -> failing.Failure:
    found = failing.last(shell.ip)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("x = 1\n1/0", "ZeroDivisionError"),
        ("for i in x\n    pass", "SyntaxError"),
        ("if 1:\npass", "IndentationError"),
        ("x = 'open", "SyntaxError"),
        ("%%time\n1/0", "ZeroDivisionError"),
        ("%%capture\n1/0", "ZeroDivisionError"),
        ("%nomagic", "IPython.UsageError"),
        ("import asyncio\nawait asyncio.sleep(0)\n{}[1]", "KeyError"),
        ("raise ExceptionGroup('g', [ValueError('a')])", "ExceptionGroup"),
        ("def f(): f()\nf()", "RecursionError"),
        ("print('{x} {df:head}' % 1)", "TypeError"),
    ],
)
@pytest.mark.usefixtures("shallow")
def test_a_failed_cell_is_known_by_its_source_and_number(shell, cell, kind):
    shell.run(cell)
    shell.run("1 + 1")
    assert (kind, cell) == (last(shell).type, last(shell).cell)
    assert str(shell.ip.execution_count - 2) == str(last(shell).number)
    assert cell == shell.ip.history_manager.input_hist_raw[last(shell).number]


def test_an_error_within_a_script_that_runs_is_known(shell, tmp_path):
    (tmp_path / "script.py").write_text("x = 1\n1/0\n")
    cell = f"%run {tmp_path / 'script.py'}"
    shell.run(cell)
    assert ("ZeroDivisionError", cell) == (last(shell).type, last(shell).cell)
    assert "  script.py, line 2\n    1/0" in last(shell).traceback


def test_questions_to_claude_and_interrupts_are_no_failed_cells(shell):
    shell.run("1/0")
    for cell in (
        "%%claude --nope\nhi",
        "%claude fix 999",
        "x = %claude practice:400",
        "raise KeyboardInterrupt",
    ):
        shell.run(cell)
    assert "1/0" == last(shell).cell


def test_cells_of_the_traceback_keep_the_numbers_they_had(shell):
    shell.run("def f(x):\n    return 1 / x")
    defined = shell.ip.execution_count - 1
    shell.run("f(0)")
    shell.run("def f(x):\n    return 1 / x")
    assert [last(shell).number, defined] == [p.cell for p in last(shell).places]


def test_the_error_that_was_there_before_the_magics_is_known():
    with made() as ip:
        sys.last_value = None
        ip.run_cell("a = 1", store_history=True)
        ip.run_cell("a / 0", store_history=True)
        with session(ip) as shell:
            assert ("a / 0", 2) == (last(shell).cell, last(shell).number)
        assert failing.last(ip) is None


def test_an_error_of_another_shell_is_nobodys():
    with made() as ip:
        sys.last_value = ValueError("elsewhere")
        with session(ip) as shell:
            assert failing.last(shell.ip) is None
        sys.last_value = None


def test_err_stands_for_the_last_error_in_a_prompt(shell):
    shell.run("data = {'a': 1}\ndata['b']  # {data}")
    shown = shell.run("%%claude --no-history\npractice:echo it is {Err.type} {Err.message}\n{Err}")
    said = str(shell["_claude"])
    assert "it is KeyError 'b'" in said
    assert "data['b']  # {data}" in said
    assert '<value of="Err" type="KeyError">' in said
    assert "Err (KeyError)" in shown.outputs[0].data["text/html"]


def test_a_variable_called_err_goes_before(shell):
    shell.run("1/0")
    shell.run("Err = 'mine'")
    shell.run("%%claude -q --no-history\npractice:echo it is {Err}")
    assert "it is mine" in shell["_claude"]


def test_k1_a_key_in_an_error_is_not_in_err(shell):
    shell.run("part = 'sk-' + 'ant-'")
    shell.run(f"raise ValueError(part + {KEY.removeprefix('sk-ant-')!r})")
    shell.run("%%claude -q --no-history\npractice:echo {Err}")
    assert "removed: a secret" in shell["_claude"]
    assert KEY not in str(shell["_claude"])
