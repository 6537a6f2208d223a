"""Does %claude fix send what failed, show what would change, and run nothing?"""

from __future__ import annotations

import sys

import pytest

from claude_magic import wire
from claude_magic.practice.messages import fixes as practice
from claude_magic.repair import fixing
from claude_magic.talk.answer import Answer
from claude_magic.talk.thread import threads
from tests.hostile import HOSTILE
from tests.shells import KEY, rows


def fixed(shell, line: str = ""):
    result = shell.run(f"%claude fix {line}")
    assert result.success, result.seen
    return result


def question() -> str:
    """Return what was asked last in the conversation of corrections."""
    return threads.get(fixing.THREAD).turns[-1].question


@pytest.fixture
def says(monkeypatch):
    """Have the practice server say something of a test's own about a cell."""
    return lambda text: monkeypatch.setattr(practice, "say", lambda _: text)


def test_a_fix_shows_what_would_change_and_how_to_take_it(shell):
    shell.run("penguins = 3")
    shell.run("print(pengiuns)")
    number = shell.ip.execution_count - 1
    result = fixed(shell)
    assert f"--- In[{number}]\n+++ In[{number}], corrected" in result.seen
    assert "-print(pengiuns)\n+print(penguins)  # practice: corrected by rule" in result.seen
    assert f"%claude fix --apply puts the corrected In[{number}] into a cell below" in result.seen
    assert "print(penguins)  # practice: corrected by rule" == result.result.code
    assert "```" not in result.outputs[0].data["text/plain"]
    assert [] == shell.inserted


def test_o2_apply_puts_the_cell_below_and_never_runs_it(shell):
    shell.run("penguins = 3")
    shell.run("made = pengiuns")
    fixed(shell, "--apply")
    assert [("made = penguins  # practice: corrected by rule", False)] == shell.inserted
    assert "made" not in shell


def test_apply_takes_the_correction_that_is_there_without_asking_again(shell):
    shell.run("penguins = 3")
    shell.run("made = pengiuns")
    fixed(shell)
    assert "It has not run" in fixed(shell, "--apply").seen
    assert 1 == len(rows())
    assert [("made = penguins  # practice: corrected by rule", False)] == shell.inserted
    fixed(shell, "use a loop --apply")
    assert 2 == len(rows())
    shell.run("other = pengiuns")
    fixed(shell, "--apply")
    assert 3 == len(rows())


@pytest.mark.parametrize(
    ("before", "cell", "line"),
    [
        ("", "for i in range(3)\n    print(i)", "for i in range(3):"),
        ("", "for i in range(3):\nprint(i)", "    print(i)"),
        ("", "print((1, 2)\nx = 1", "print((1, 2))"),
        ("", "x = 1\nif x = 1:\n    pass", "if x == 1:"),
        ("", "print 1", "print(1)"),
        ("data = {'colour': 1}", "data['color']", "data['colour']"),
        (
            "import pandas as pd\ndf = pd.DataFrame({'body_mass': [1.0]})",
            "df['boddy_mass'].mean()",
            "df['body_mass'].mean()",
        ),
        ("import pandas as pd\ndf = pd.DataFrame({'mass': [1.0]})", "df.hed()", "df.head()"),
        ("n = 0", "print(1 / n)", 'print((1 / n if n else float("nan")))'),
        ("penguins = 1", "%%time\nprint(pengiuns)", "print(penguins)"),
        ("penguins = 1", "%%capture\nx = 1\nprint(pengiuns)", "print(penguins)"),
        ("", "import nosuchpackage", "%pip install nosuchpackage"),
    ],
)
def test_practice_corrects_classical_errors_by_rule_and_says_so(shell, before, cell, line):
    shell.run(before or "0")
    shell.run(cell)
    result = fixed(shell)
    assert any(found.partition("  #")[0] == line for found in result.result.code.splitlines())
    assert "[practice] By rule, without a model" in result.seen
    assert cell.count("\n") + line.startswith("%pip") == result.result.code.count("\n")


def test_practice_says_where_no_rule_fits(shell):
    shell.run("raise RuntimeError('odd')")
    result = fixed(shell)
    assert "no rule fits this cell" in result.seen
    assert "There is no corrected cell in this answer." in result.seen
    assert "There is no corrected cell" in fixed(shell, "--apply").seen
    assert [] == shell.inserted


def test_an_error_in_a_function_of_an_earlier_cell_corrects_that_cell(shell):
    shell.run("def mean(xs):\n    return sum(xs) / len(xs)")
    earlier = shell.ip.execution_count - 1
    shell.run("z = 1\nmean([])")
    result = fixed(shell, "--apply")
    assert f"--- In[{earlier}]" in result.seen
    assert "`# another cell` or `# this cell`" in question()
    assert "  this cell, line 2\n    mean([])\n  another cell, line 2, in mean\n" in question()
    assert "z = 1\nmean([])" in question()
    assert '<value of="xs" type="list of 0">' in question()
    assert shell.inserted[0][0].startswith("def mean(xs):\n    return (sum(xs)")
    assert f"then run In[{earlier + 1}] again" in fixed(shell, "or so").seen


def test_an_error_in_a_script_corrects_the_script_when_the_reader_runs_the_cell(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("data = {'colour': 1}\ndata['color']\n")
    shell.run("%run script.py")
    result = fixed(shell, "--apply")
    assert "--- script.py" in result.seen
    assert shell.inserted[0][0].startswith("%%writefile script.py\ndata = {'colour': 1}\ndata['colour']")
    assert "data['color']\n" in (tmp_path / "script.py").read_text()


def test_cells_that_ran_after_the_failed_one_change_nothing(shell):
    shell.run("penguins = 3")
    shell.run("print(pengiuns)")
    shell.run("1 + 1")
    shell.run("%claude hello")
    assert "+print(penguins)" in fixed(shell).seen


def test_no_error_is_said_plainly(shell, monkeypatch):
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    shell.run("%reload_ext claude_magic")
    error = shell.error("%claude fix")
    assert "No cell has failed, so there is nothing to fix" == error.message
    assert "%claude -- fix my prose" in shell.error("%claude fix my prose").hint
    assert [] == rows()


def test_a_cell_can_be_named(shell):
    shell.run("total = 1  # of {nothing}")
    number = shell.ip.execution_count - 1
    fixed(shell, f"{number} say what it is --no-history -q")
    assert "What the author says: say what it is" in shell_prompt(shell, f"fix {number} say what it is")
    assert "There is no cell In[9999]" == shell.error("%claude fix 9999").message


def shell_prompt(shell, line: str) -> str:
    body = shell.run(f"%claude {line} --dry-run").result.attrs["body"]
    return body["messages"][-1]["content"][-1]["text"]


def test_o3_only_what_the_code_names_is_sent_and_it_is_told(shell, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    shell.run("a, b, unseen = 1, [2], 'walrus'\npassword = 'hunter2'\nimport os\nenv = os.environ")
    shell.run("x = a + b  # unseen\nenv, password")
    result = fixed(shell)
    assert '<value of="a" type="int">\n1\n</value>' in question()
    assert '<value of="b" type="list of 1">\n[2]\n</value>' in question()
    assert "walrus" not in question()
    assert "hunter2" not in question()
    assert "correct horse" not in question()
    assert "Not sent, as it may be secret or is too much: env, password" in result.seen
    html = "".join(o.data.get("text/html", "") for o in result.outputs)
    assert "In[" in html
    assert "a (int)" in html


def test_o3_a_doubtful_text_that_is_written_in_the_cell_is_told_to_be_sent(shell):
    shell.run("token = str(7) * 3")
    shell.run("secret_token = 'sk-abc'\nsecret_token[token]")
    result = fixed(shell)
    assert "sk-abc" in question()
    assert "Sent, as it is written in the cell, though it may be secret: secret_token" in result.seen
    assert "Not sent, as it may be secret or is too much: token" in result.seen


def test_k1_a_secret_in_the_cell_stops_the_call(shell, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    shell.run("login = 'correct horse battery'\n1/0")
    assert "SERVICE_TOKEN" in shell.error("%claude fix").message
    shell.run("1/0")
    assert "SERVICE_TOKEN" in shell.error("%claude fix it says correct horse battery").message
    assert [] == rows()
    shell.run(f"part = 'sk-' + 'ant-'\nraise ValueError(part + {KEY.removeprefix('sk-ant-')!r})")
    fixed(shell)
    assert "removed: a secret" in question()
    assert KEY not in question()


def test_braces_in_code_and_values_are_never_read(shell):
    shell.run("df, secret_thing = 'the text {secret_thing} {os.environ[HOME]}', 'walrus'")
    shell.run("f'{df} {secret_thing.nope}' + '{df:head}{{x}}' % df")
    fixed(shell)
    assert "f'{df} {secret_thing.nope}' + '{df:head}{{x}}' % df" in question()
    assert "the text {secret_thing} {os.environ[HOME]}" in question()


@pytest.mark.usefixtures("shallow")
def test_a_huge_traceback_and_a_huge_value_stay_small(shell):
    shell.run("big = list(range(10**6))\ntext = 'x' * 10**5\ndef f(x): return f(x)")
    shell.run("raise ExceptionGroup('g', [ValueError(text)] * 9)")
    fixed(shell)
    assert 10_000 > len(question())
    shell.run("f(big), text")
    fixed(shell)
    assert 10_000 > len(question())
    assert "RecursionError" in question()


def test_a_cell_too_long_to_send_is_refused(shell, monkeypatch):
    monkeypatch.setattr(fixing, "MOST_SOURCE", 500)
    shell.run("x = 1\n" * 100 + "1/0")
    assert "more than can be sent as a whole" in shell.error("%claude fix").message
    assert [] == rows()


def test_paths_of_the_machine_are_shortened(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shell.run("import pandas as pd\npd.read_csv('nope.csv')")
    fixed(shell)
    assert "pandas/io/" in question()
    assert "site-packages" not in question()
    assert str(tmp_path) not in question()


def test_flags_hold_for_the_call(shell):
    shell.run("penguins = 3\nprint(pengiuns)")
    body = shell.run("%claude fix -m opus --effort low -n 1k -s 'Be brief' --dry-run").result.attrs["body"]
    assert ("claude-opus-5-5", 1000, "Be brief") == (body["model"], body["max_tokens"], body["system"])
    assert "BudgetError" in shell.run("%claude fix --max-cost 0.0000001").seen
    assert [] == rows()
    quiet = fixed(shell, "-q -o mine")
    assert [] == quiet.outputs
    assert shell["mine"] is shell["_claude"]
    assert "--compare cannot stand here" in shell.error("%claude fix --compare haiku,opus").message


def test_the_ledger_has_the_call_and_the_conversation_is_its_own(shell):
    shell.run("%claude hello")
    shell.run("penguins = 3\nprint(pengiuns)")
    fixed(shell)
    fixed(shell, "again")
    assert ["hello"] == [turn.question for turn in threads.get().turns]
    assert 1 == len(threads.get("fix"))
    assert ["fix", "fix"] == [row.thread for row in rows()[1:]]
    shell.run("%%claude -t fix\nAnd why?")
    assert 2 == len(threads.get("fix"))
    fixed(shell, "-t other")
    assert 1 == len(threads.get("other"))
    fixed(shell, "--no-history")
    assert 2 == len(threads.get("fix"))


def test_the_marker_of_the_cell_is_no_part_of_it_and_without_one_the_likest_is_meant(shell, says):
    shell.run("def half(x):\n    return x / 0")
    shell.run("value = half(4)\nprint(value)")
    for marker in ("# this cell\n", f"# In[{shell.ip.execution_count - 1}]\n", ""):
        says(f"So:\n```python\n{marker}value = half(5)\nprint(value)\n```")
        fixed(shell, "--apply do")
        assert "value = half(5)\nprint(value)" == shell.inserted[-1][0]


def test_an_answer_that_changes_nothing_puts_no_cell_below(shell, says):
    shell.run("1/0")
    says("It is right.\n```python\n1/0\n```")
    assert "would stay as it is" in fixed(shell, "--apply").seen
    assert [] == shell.inserted


def test_a_correction_that_is_cut_says_so(shell):
    shell.run("for i in range(3)\n    print('a long line of the cell that goes on', i)")
    result = fixed(shell, "-n 45")
    assert "It is not complete" in result.seen
    assert "It is not complete" in fixed(shell, "-n 45 --apply").seen


@pytest.mark.parametrize("name", HOSTILE)
def test_o1_o4_hostile_corrections_are_text(shell, says, name):
    shell.run("1/0")
    says(f"{HOSTILE[name]}\n\n`````python\n!rm -rf nothing\nx = 1  # {HOSTILE[name]}\n`````")
    result = fixed(shell, "--apply")
    html = "".join(o.data.get("text/html", "") for o in result.outputs)
    assert "<script" not in html
    assert "<img" not in html
    assert "\x1b" not in html + result.seen
    assert "!rm -rf nothing\nx = 1" in shell.inserted[-1][0]
    assert "\x1b" not in shell.inserted[-1][0]


def test_a_megabyte_of_code_is_neither_compared_nor_put_into_a_cell(shell, monkeypatch):
    shell.run("1/0")
    content = [{"type": "text", "text": "So:\n```python\n" + "x = 1\n" * 170_000 + "```"}]
    answer = Answer(wire.record({"type": "message", "role": "assistant", "content": content}))
    monkeypatch.setattr(fixing.asking, "ask", lambda *_, **__: answer)
    seen = fixed(shell, "--apply").seen
    assert "too long to compare" in seen
    assert "too long for a cell" in seen
    assert [] == shell.inserted


@pytest.mark.kernel
def test_o2_in_a_kernel_a_correction_is_a_payload_for_the_cell_below_and_runs_nothing(kernel):
    kernel.run("penguins = 3")
    kernel.run("made_by_fix = pengiuns")
    found = kernel.run("%claude fix --apply", answers=())
    assert "+made_by_fix = penguins" in found.text
    cell = {
        "source": "set_next_input",
        "text": f"made_by_fix = penguins{practice.MARK}",
        "replace": False,
    }
    assert [cell] == found.reply["payload"]
    assert "made_by_fix" not in kernel.run("print(dir())").stdout
    kernel.run("if made_by_fix\n    pass")
    assert "+if made_by_fix:" in kernel.run("%claude fix").text
    kernel.run("def half(x):\n    return x / 0")
    kernel.run("half(4)")
    assert "-    return x / 0" in kernel.run("%claude fix").text
    assert "ZeroDivisionError" in kernel.run("%claude explain error").text
    kernel.run("%%claude -f code --no-history\npractice:echo\n```python\nmade_by_code = 1\n```")
    assert "made_by_code" not in kernel.run("print(dir())").stdout


@pytest.mark.kernel
def test_in_a_notebook_that_runs_by_itself_nothing_breaks_and_the_code_is_in_the_answer(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "%load_ext claude_magic\n%claude practice on",
        "penguins = 3",
        "print(pengiuns)",
        "%claude fix --apply",
        "print(_claude.code)",
        "%%claude -f code --no-history\npractice:echo\n```python\nmade = 1\n```",
        "print(_claude.code, 'made' in dir())",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.cells[2].metadata["tags"] = ["raises-exception"]
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert 7 == len(book.cells)
    assert f"print(penguins){practice.MARK}\n" == book.cells[4].outputs[0].text
    assert "made = 1 False\n" == book.cells[6].outputs[0].text


def test_in_a_terminal_the_cell_is_what_is_typed_next(tmp_path, monkeypatch):
    import subprocess

    (tmp_path / "session.py").write_text(TERMINAL)
    done = subprocess.run(
        [sys.executable, "session.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "made = penguins" in done.stdout.splitlines()[-2], done.stderr
    assert "False" == done.stdout.splitlines()[-1]
    assert "\x1b" not in done.stdout.partition("--- In[2]")[2]


TERMINAL = """
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from traitlets.config import Config
config = Config(HistoryManager={"hist_file": ":memory:"}, TerminalInteractiveShell={"simple_prompt": True})
ip = TerminalInteractiveShell.instance(config=config)
ip.run_line_magic("load_ext", "claude_magic")
ip.run_line_magic("claude", "practice on")
for cell in ("penguins = 3", "made = pengiuns", "%claude fix --apply"):
    ip.run_cell(cell, store_history=True)
print(ip.rl_next_input)
print("made" in ip.user_ns)
"""


def test_the_same_failure_in_a_cell_of_another_number_asks_the_same(shell):
    """So a recorded correction is found when the notebook runs again."""
    asked = []
    for _ in range(2):
        shell.run("def mean(xs):\n    return sum(xs) / len(xs)")
        shell.run("z = 1\nmean([])")
        fixed(shell)
        shell.run("%%claude -q --no-history -o told\npractice:echo {Err}")
        asked.append((question(), str(shell["told"])))
    assert asked[0] == asked[1]
    assert "In[" not in "".join(asked[0])


def test_a_misspelt_builtin_is_known(shell):
    shell.run('pritn("hello")')
    assert '+print("hello")' in fixed(shell).seen
