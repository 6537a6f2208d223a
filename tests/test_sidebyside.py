"""Are the answers of several models shown side by side, safely, and bound as a frame?"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from claude_magic import errors, settings
from claude_magic.show import sidebyside
from claude_magic.talk import chat, compare
from tests.conftest import Kernel, Message

TWO = "%%claude --compare haiku,opus"


def bundle(result):
    (shown,) = result.outputs
    return shown.data, shown.metadata["claude_magic"]


@pytest.fixture
def shown(shell, monkeypatch):
    """A shell whose outputs are those of a notebook that nobody watches."""
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    return shell


def test_the_answers_stand_in_columns_with_what_each_took(shown):
    data, _ = bundle(shown.run(f"{TWO}\npractice:echo hello"))
    page, plain = data["text/html"], data["text/plain"]
    assert 2 == page.count("hello") == plain.count("hello")
    assert "display:grid" in page
    assert plain.index("── claude-haiku-5-5 ──") < plain.index("── claude-opus-5-5 ──")
    assert "2 of 2 models" in page
    assert 2 == page.count(">practice</span>")


def test_a_frame_is_bound_and_the_conversation_and_the_last_answer_stay_as_they_were(shown):
    shown.run("%%claude\npractice:echo before")
    last = shown["_claude"]
    result = shown.run(f"{TWO} -o found\npractice:echo hello")
    assert shown["found"] is result.result
    assert ["claude-haiku-5-5", "claude-opus-5-5"] == list(shown["found"].model)
    assert last is shown["_claude"]
    assert 1 == len(chat.threads.get())


def test_the_frame_is_shown_in_the_cells_that_follow_and_not_below_the_answers(shown):
    assert "cost_usd" not in shown.run(f"{TWO} -o found\npractice:echo hello").seen
    assert "model" in shown.run("found").seen


def test_o1_what_a_model_wrote_is_text_live_and_at_rest(shown, monkeypatch):
    attack = "<script>window.pwned=1</script><img src=x onerror=alert(1)>"
    page = bundle(shown.run(f"{TWO}\npractice:echo {attack}"))[0]["text/html"]
    assert "<script" not in page
    assert "<img" not in page
    view = sidebyside.View(["<b>"], None, format="markdown", note=print)
    view.text(0, attack)
    assert "<script" not in view._coming(0)
    assert "<b>" not in view._coming(0)


def test_a_models_error_stands_in_its_column(shown):
    result = shown.run("%%claude --compare haiku,claude-of-tomorrow-9 -o found\npractice:echo hello")
    data = result.outputs[-1].data
    assert "NotFoundError" in data["text/html"]
    assert "%claude models" in data["text/plain"]
    assert "1 of 2 models" in data["text/plain"]
    assert [True, False] == list(shown["found"].error.isna())


def test_what_is_kept_with_the_output_are_figures_alone(shown):
    _, kept = bundle(shown.run(f"{TWO}\npractice:echo a secret plan"))
    assert ["claude-haiku-5-5", "claude-opus-5-5"] == [facts["model"] for facts in kept["compare"]]
    assert {"usage", "cost", "request_id", "source"} <= set(kept["compare"][0])
    assert "secret plan" not in json.dumps(kept)


def test_a_value_of_a_type_or_format_is_a_column(shown):
    shown.run(f"{TWO} --choices red,blue -o found\nWhich?")
    assert {"red", "blue"} >= set(shown["found"].value)
    shown.run(f'{TWO} -f json -o found\npractice:echo {{"a": 1}}')
    assert {"value", "error"} <= set(shown["found"])


def test_a_quiet_comparison_shows_nothing_and_binds_its_frame(shown):
    assert [] == shown.run(f"{TWO} -q -o found\npractice:echo hello").outputs
    assert 2 == len(shown["found"])


def test_m7_a_comparison_that_could_cost_more_is_refused_in_two_lines(shown):
    error = shown.error(f"{TWO} --max-cost 0.0001\nhello")
    assert isinstance(error, errors.BudgetError)
    assert "2 models together" in error.message


def test_the_request_of_one_model_stands_for_all(shown):
    result = shown.run(f"{TWO} --show-request\npractice:echo hello")
    assert 2 == len(result.outputs)
    assert "claude-haiku-5-5" in str(result.outputs[0].data)


def test_a_dry_run_of_a_comparison_prices_its_models_first(shown):
    found = shown.run("%%claude --compare opus,haiku --dry-run\nhello").result
    assert ["claude-opus-5-5", "claude-haiku-5-5"] == list(found.index[:2])
    assert "2 models together" in repr(found)


def test_o4_a_terminal_says_who_is_there_and_shows_the_answers_one_after_the_other(capsys):
    settings.use("practice", True)
    words = sidebyside.Told(lambda answer: answer.model, lambda _: "practice", lambda _: {})
    view = sidebyside.View(["claude-haiku-5-5", "claude-opus-5-5"], words, format="markdown", note=print)
    assert "terminal" == view.mode  # there is no shell here
    rows = compare.compare(chat.ask, "practice:echo hello \x1b[2J", ["haiku", "opus"], watch=view)
    view.finish(rows)
    said = capsys.readouterr().out
    assert said.index("claude-opus-5-5: is there") < said.index("── claude-haiku-5-5 ──")
    assert "\x1b" not in said


def test_a_note_of_several_models_is_shown_once():
    told = []
    view = sidebyside.View(["a", "b"], None, format="markdown", note=told.append)
    for _ in range(2):
        view.note("the same")
    view.tick()
    assert ["the same"] == told


def test_an_error_and_its_hint_are_one_line():
    row = compare.Row("m", None, errors.InputError("It is wrong", hint="Do this."))
    view = sidebyside.View(["m"], None, format="markdown", note=print)
    assert "── m ──\nInputError: It is wrong → Do this." == view._plain(row)


@pytest.mark.kernel
def test_m8_an_interrupted_comparison_keeps_what_came_in_a_real_kernel(kernel: Kernel):
    done: list[bool] = []

    def watch(m: Message) -> None:
        page = m["content"].get("data", {}).get("text/html", "")
        if not done and page.count("<pre") == 2 and "tokens" in page:
            done.append(True)
            kernel.interrupt()

    kernel.run("%config ClaudeMagics.practice_speed = 30")
    outcome = kernel.run(f"{TWO} -o found\npractice:long@5000", answers=[], watch=watch)
    kernel.run("%config ClaudeMagics.practice_speed = None")
    assert done
    assert "Stopped" == outcome.error["ename"]
    page = outcome.outputs[0]["data"]["text/html"]
    assert "notebook:interrupt-kernel" not in page
    assert 2 == page.count("Stopped</div>")
    assert "['stopped', 'stopped']" in kernel.run("list(found.stop_reason)").text


LOADING = """
import sys, threading, types
from claude_magic.show import sidebyside

def call(**_):
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    print("pandas" in sys.modules)
    raise KeyboardInterrupt

asked = types.SimpleNamespace(quiet=True, compare=["haiku"], stream=True, out=None)
try:
    sidebyside.ask(None, asked, call, None, format="text", value=None, note=print, before=[], used="")
except KeyboardInterrupt:
    pass
"""


def test_m8_the_prompt_does_not_wait_for_pandas_after_an_interrupt():
    said = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True).stdout
    assert "True\n" == said
