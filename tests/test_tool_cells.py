"""Do tools, types and labels do in a cell what their flags say?"""

from __future__ import annotations

import pandas as pd
import pytest

from claude_magic.show import showing
from claude_magic.talk import chat
from claude_magic.talk.answer import Answer
from tests.shells import rows

DEFINED = '''
import claude_magic
from dataclasses import dataclass
from typing import Literal

def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@claude_magic.tool(side_effects=True)
def delete(name: str) -> str:
    """Delete a file by its name."""
    return f"{name} is gone"

@dataclass
class Person:
    name: str
    age: int
'''


@pytest.fixture
def defined(shell):
    """A shell with functions and types of the reader's own."""
    shell.run(DEFINED)
    return shell


# ---- tools -------------------------------------------------------------------------------------------------


def test_a_function_of_the_notebook_is_called(defined):
    result = defined.run("%%claude --tool add -o x\nadd 2 and 3")
    assert ("5" in defined["x"], ["add"]) == (True, [call.name for call in defined["x"].calls])
    assert "turn 1" in result.outputs[-1].data["text/html"]
    assert ["tool_use", "end_turn"] == [row.stop_reason for row in rows()]


@pytest.mark.parametrize(
    ("cell", "message", "hint"),
    [
        ("%%claude --tool ad\nadd 2 and 3", "no function ad", "Did you mean add?"),
        ("%%claude --tool Person.name\nwho?", "has no name", ""),
        ("%%claude --tool delete\ndelete a.txt", "nobody to ask", "Run the cell where somebody can answer"),
        ("%%claude --tool add --approve\nadd 1 and 2", "nobody to ask", "approve=function"),
        ("%%claude --approve\nhello", "--approve is about tools", "--tool NAME --approve"),
        ("%%claude --max-steps 3\nhello", "--max-steps is about tools", "--tool NAME --max-steps"),
        ("%%claude --tool bash\nlist files", "runs on this machine", "@claude_magic.tool(runs='bash')"),
    ],
)
def test_a_tool_that_cannot_be_used_is_refused_and_nothing_is_sent(defined, cell, message, hint):
    error = defined.error(cell)
    assert (True, True) == (message in error.message, hint in error.hint)
    assert [] == rows()


def test_o5_steps_are_limited_and_the_cell_says_how_to_go_on(defined):
    result = defined.run("%%claude --tool add --max-steps 1\nadd 2 and 3")
    assert "%claude continue" in result.outputs[-1].data["text/plain"]
    assert [] == defined["_claude"].calls or defined["_claude"].calls[0].is_error
    assert defined.run("%claude continue").success
    assert ["max_steps", "end_turn"] == [turn.stop_reason for turn in chat.threads.get().turns]


def test_undo_takes_a_question_with_its_calls_back(defined):
    defined.run("%%claude --tool add\nadd 2 and 3")
    defined.run("%claude undo")
    assert [] == chat.threads.get().messages


def test_a_dry_run_has_tools_and_schema_in_its_body_and_calls_nothing(defined):
    body = defined.run("%%claude --dry-run --tool add --schema Person\nadd 2 and 3").result.attrs["body"]
    assert ("add", "json_schema") == (body["tools"][0]["name"], body["output_config"]["format"]["type"])
    assert [] == rows()


# ---- types and labels --------------------------------------------------------------------------------------


def test_a_value_of_a_type_is_bound_and_shown_as_python_writes_it(defined):
    result = defined.run("%%claude --schema Person -o p\nAda is 36 years old.")
    assert defined["Person"]("Ada", 36) == defined["p"]
    assert "Person(name='Ada', age=36)" == result.outputs[0].data["text/plain"]
    assert isinstance(defined["_claude"], Answer)


def test_a_list_of_objects_is_shown_as_a_table_and_bound_as_a_list(defined):
    result = defined.run("%%claude --schema list[Person] -o people\nAda is 36. Alan is 41.")
    assert ["Ada", "Alan"] == [person.name for person in defined["people"]]
    assert "<table" in result.outputs[-1].data["text/html"]
    assert "<table" in showing.bundle(defined["_claude"])["text/html"]


def test_a_frame_of_a_type_has_its_dtypes(defined):
    defined.run("%%claude --schema list[Person] -f df -o people\nAda is 36. Alan is 41.")
    assert isinstance(defined["people"], pd.DataFrame)
    assert ["string", "Int64"] == [str(dtype) for dtype in defined["people"].dtypes]


def test_o1_o4_a_frame_is_shown_without_escapes_scripts_and_formulas(defined):
    found = pd.DataFrame({"a": ["\x1b[2J <script>window.pwned=1</script> $\\href{javascript:1}{x}$"]})
    defined.ip.user_ns.update(found=found, showing=showing)
    (shown,) = defined.run("showing.frame(found)").outputs
    assert ("␛[2J" in shown.data["text/plain"], "\x1b" in shown.data["text/plain"]) == (True, False)
    assert ("<script" in shown.data["text/html"], "mathjax_ignore" in shown.data["text/html"]) == (
        False,
        True,
    )


def test_json_of_a_type_is_bound_as_plain_values(defined):
    defined.run('%%claude --schema "name: str, age: int" -f json -o p\nAda is 36.')
    assert {"name": "Ada", "age": 36} == defined["p"]


def test_the_question_is_sent_as_it_is_where_a_type_says_the_form(defined):
    defined.run("%%claude --schema Person -f df\nAda is 36.")
    assert 1 == len(chat.threads.get().messages[0]["content"])


def test_a_label_is_bound_and_shown_as_its_text(defined):
    result = defined.run("%%claude --choices good,bad -o label\nIs it good? It is bad, bad.")
    assert defined["label"] in ("good", "bad")
    assert (defined["label"], str) == (result.outputs[0].data["text/plain"], type(defined["label"]))


def test_an_answer_that_does_not_fit_is_shown_and_the_cell_fails(defined):
    error = defined.error("%%claude --schema Person -n 5\nAda is 36 years old, and so on.")
    assert ("The answer is no Person, it is cut short", "larger -n" in error.hint) == (error.message, True)
    assert str(defined["_claude"]) == error.text


def test_a_type_that_is_not_there_names_the_nearest(defined):
    assert "Did you mean Person?" in defined.error("%%claude --schema Persn\nAda").hint
    assert [] == rows()


def test_o1_what_a_type_says_of_itself_is_shown_as_text(defined):
    defined.run("class Bad(dict):\n    def _repr_html_(self):\n        return '<script>alert(1)</script>'")
    defined.run('%%claude --schema "name: str"\nThe name is <b>Ada</b>')
    assert "<b>" not in showing.bundle(defined["_claude"])["text/html"].replace("</b>", "")


# ---- caching -----------------------------------------------------------------------------------------------


def test_the_readout_says_what_was_written_to_the_cache_and_what_reading_saved(shell):
    shell.run("%claude system " + "Be brief. " * 1500)
    written = shell.run("%%claude\nWhat is an index?").outputs[0].data["text/html"]
    read = shell.run("%%claude\nWhat is a row?").outputs[0].data["text/html"]
    assert ("to the cache)" in written, " cached, $0.000" in read, " saved)" in read) == (True, True, True)


# ---- a real kernel -----------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_o2_in_a_cell_that_somebody_runs_a_call_is_approved_by_typing(kernel):
    kernel.run(DEFINED)
    asked = []
    outcome = kernel.run(
        "%%claude --tool delete --new\ndelete the file named a.txt", answers=["y"], watch=asked.append
    )
    assert outcome.error is None, outcome
    assert "is gone" in kernel.run("str(_claude.calls)").text
    outcome = kernel.run("%%claude --tool add --approve --new\nadd 2 and 3", answers=["not today"])
    assert "The user refused this call: not today" in kernel.run("_claude.calls[0].content").text


@pytest.mark.kernel
def test_o2_in_a_notebook_that_runs_by_itself_nobody_is_asked_and_the_cell_fails(kernel):
    kernel.run(DEFINED)
    outcome = kernel.run("%%claude --tool delete --new\ndelete the file named a.txt")
    assert "nobody to ask" in str(outcome.error)


@pytest.mark.kernel
def test_m8_an_interrupt_in_a_function_stops_the_cell_and_the_conversation_goes_on(kernel):
    kernel.run(
        "import time, claude_magic\ndef wait(seconds: int) -> str:\n    'Wait some seconds.'\n"
        "    print('waiting')\n    time.sleep(600)\n    return 'done'"
    )

    def watch(message):
        if message["msg_type"] == "stream" and "waiting" in message["content"]["text"]:
            kernel.interrupt()

    outcome = kernel.run("%%claude --tool wait --new -t w\nwait 5 seconds", answers=[], watch=watch)
    assert "Stopped; type %claude continue w to go on" in str(outcome.error)
    assert (
        "interrupted this call"
        in kernel.run("_claude.calls, claude_magic.talk.thread.threads.get('w').results").text
    )
    assert "ok" == kernel.run("%claude continue w").reply["status"]


@pytest.mark.kernel
def test_an_async_function_runs_on_the_kernels_own_loop_where_it_says_so(kernel):
    kernel.run(
        "import asyncio, claude_magic\nhome = asyncio.get_running_loop()\n"
        "@claude_magic.tool(own_loop=True)\nasync def locate(name: str) -> bool:\n"
        "    'Locate a name.'\n    await asyncio.sleep(0)\n    return asyncio.get_running_loop() is home"
    )
    outcome = kernel.run("%%claude --tool locate --new\nlocate the name Ada")
    assert outcome.error is None, outcome
    assert "'true'" in kernel.run("_claude.calls[0].content").text


def test_a_line_s_value_is_the_answer_and_out_binds_what_it_was_read_as(shell):
    shell.run("x = %claude --schema int -o e 5 apples")
    assert isinstance(shell["e"], int) and shell["e"] == shell["x"].value
    assert str(shell["e"]) == str(shell["x"])


def test_a_module_is_not_written_over_without_a_word(shell):
    shell.run("import json")
    assert "json was a module and is the answer now" in shell.run("%claude -o json hello").seen
    assert "was a module" not in shell.run("%claude -o json hello").seen
