"""Do the magics keep their promises in a real kernel?

CLAUDE_MAGIC_KERNEL_PYTHON names the Python whose kernel is tested, such as one with an older ipykernel.
"""

from __future__ import annotations

import ast
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claude_magic.app import Request, Response
from claude_magic.practice import Practice
from tests.conftest import Kernel, Message, Outcome, started
from tests.ports import on_a_port

pytestmark = pytest.mark.kernel

PYTHON = os.environ.get("CLAUDE_MAGIC_KERNEL_PYTHON")
KEY = "sk-ant-api03-" + "0aB-_" * 12 + "LAST"
OTHER = "sk-ant-api03-" + "9zY_-" * 12 + "NEXT"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel with the start-up file, in practice mode, with a key in its environment."""
    python = Path(PYTHON) if PYTHON else None
    with started(tmp_path_factory.mktemp("kernel"), python=python, ANTHROPIC_API_KEY=KEY) as made:
        yield made


def value(kernel: Kernel, code: str) -> Any:
    """Return what an expression is in the kernel, for values whose repr is their source."""
    outcome = kernel.run(code)
    assert outcome.error is None, outcome.error
    return ast.literal_eval(outcome.of("execute_result")[0]["data"]["text/plain"])


class Port:
    """The practice server on a port of its own, which notes when a reader comes and leaves."""

    def __init__(self, speed: float) -> None:
        self.app, self.requests = Practice(speed), list[str]()
        self.asked, self.left, self.whole = threading.Event(), threading.Event(), False

    def __call__(self, request: Request) -> Response:
        self.requests.append(request.path)
        self.asked.set()
        response = self.app(request)
        return Response(response.status, response.headers, self._noted(response))

    def _noted(self, response: Response) -> Iterator[bytes | float | Exception]:
        try:
            yield from response.parts()
            self.whole = True
        finally:
            self.left.set()


@pytest.fixture
def slow(kernel: Kernel) -> Iterator[Port]:
    """A slow server on a real port, which the kernel asks until the test ends."""
    port = Port(speed=30)
    with on_a_port(port) as url:
        kernel.run("%claude practice off")
        kernel.run(f"%env ANTHROPIC_BASE_URL={url}")
        yield port
        kernel.run("%env ANTHROPIC_BASE_URL=")
        kernel.run("%claude practice on")


# ---- first use ---------------------------------------------------------------------------------------------


def test_k4_a_key_in_the_first_cell_of_a_kernel_is_stopped(kernel):
    outcome = kernel.run(f"leaked = {OTHER!r}")
    assert "InputError" == outcome.error["ename"]
    assert OTHER not in kernel.run("In, _i").text


def test_a_question_works_in_a_new_kernel_with_nothing_loaded(kernel):
    outcome = kernel.run("%claude what is an index?")
    assert "ok" == outcome.reply["status"]
    assert "what is an index?" in outcome.text
    assert "practice" in outcome.html
    assert [] == outcome.of("execute_result")


def test_a_cell_without_a_body_says_what_to_type(kernel):
    outcome = kernel.run("%%claude")
    assert "InputError" == outcome.error["ename"]
    assert 2 == len("\n".join(outcome.error["traceback"]).splitlines())


def test_an_error_is_two_lines_and_fails_the_cell(kernel):
    outcome = kernel.run("%%claude --modle opus\nhi")
    assert "error" == outcome.reply["status"]
    what, hint = "\n".join(outcome.error["traceback"]).splitlines()
    assert "--modle" in what
    assert hint == "→ Did you mean --model?"


# ---- display -----------------------------------------------------------------------------------------------


def test_with_nobody_watching_there_is_one_display_at_the_end(kernel):
    outcome = kernel.run("%%claude\npractice:slow@40 Name three colours of the sky at dawn.")
    assert 1 == len(outcome.of("display_data"))
    assert [] == outcome.of("update_display_data")
    assert {"text/plain", "text/html"} == set(outcome.outputs[0]["data"])
    assert "practice" == outcome.outputs[0]["metadata"]["claude_magic"]["source"]


def test_with_someone_watching_it_grows_with_a_stop_button_that_is_gone_at_the_end(kernel):
    kernel.run("%claude version")
    outcome = kernel.run("%%claude\npractice:slow@20 Name three colours of the sky.", answers=[])
    live = "".join(c["data"].get("text/html", "") for c in outcome.of("display_data", "update_display_data"))
    assert "notebook:interrupt-kernel" in live
    assert "aria-busy" in live
    assert 1 == len(outcome.outputs)
    assert "notebook:interrupt-kernel" not in outcome.html
    assert " out (20 tokens/s) · " in re.sub(r"\(\d+ ", "(20 ", outcome.html)


def test_o6_an_answer_of_practice_says_so_from_its_first_words_on(kernel):
    outcome = kernel.run("%%claude\npractice:slow@20 Name three colours of the sky.", answers=[])
    shown = [c["data"].get("text/html", "") for c in outcome.of("display_data", "update_display_data")]
    live = [html for html in shown if "aria-busy" in html]
    assert live
    assert [] == [html for html in live if "practice" not in html]


def test_code_is_offered_in_the_next_cell_and_not_run(kernel):
    outcome = kernel.run("%%claude -f code\npractice:echo\n```python\nmade_by_model = 1\n```")
    assert [("set_next_input", "made_by_model = 1")] == [
        (p["source"], p["text"]) for p in outcome.reply["payload"]
    ]
    assert value(kernel, "'made_by_model' not in globals()")


def test_commands_return_frames(kernel):
    kernel.run("%claude what is an index?")
    assert "<table" in kernel.run("%claude usage").html
    assert value(kernel, "(_ := get_ipython().run_line_magic('claude', 'usage')).shape[0] > 0")


def test_k3_login_asks_with_a_password_prompt(kernel):
    asked: list[Message] = []
    outcome = kernel.run("%claude login", answers=[OTHER], watch=asked.append)
    assert "ok" == outcome.reply["status"]
    assert OTHER not in json.dumps([asked, outcome.reply], default=str)
    assert "ANTHROPIC_API_KEY goes before it" in outcome.text
    kernel.run("%claude login forget")


def test_login_in_a_notebook_that_runs_by_itself_names_the_variable(kernel):
    outcome = kernel.run("%claude login")
    assert "ANTHROPIC_API_KEY" in outcome.error["traceback"][-1]


# ---- interrupt ---------------------------------------------------------------------------------------------


def stopped(kernel: Kernel, code: str, *, before: Callable[[], Any] = lambda: None) -> Outcome:
    """Run a cell with someone watching and interrupt it once its answer shows words.

    What is done before comes with the first of them, so that it has reached the kernel by then.
    """
    due: list[tuple[str, Callable[[], Any]]] = [("word 1", before), ("word 30", kernel.interrupt)]

    def watch(m: Message) -> None:
        page = m["content"].get("data", {}).get("text/html", "") if "data" in m["content"] else ""
        if due and due[0][0] in page:
            due.pop(0)[1]()

    outcome = kernel.run(code, answers=[], watch=watch)
    assert not due, [m["content"] for m in outcome.messages]
    return outcome


def test_m8_an_interrupt_closes_the_connection_keeps_the_partial_and_sends_nothing_more(kernel, slow):
    outcome = stopped(kernel, "%%claude\npractice:long@5000")
    assert slow.left.wait(60)
    assert not slow.whole
    assert ["/v1/messages"] == slow.requests
    assert "Stopped" == outcome.error["ename"]
    assert 1 == len("\n".join(outcome.error["traceback"]).splitlines())
    shown = outcome.outputs[0]["data"]
    assert "[stopped]" in shown["text/plain"]
    assert "notebook:interrupt-kernel" not in outcome.html
    assert ">practice</span>" in outcome.html
    assert value(kernel, "_claude.stop_reason, 40 < len(_claude) < 30_000") == ("stopped", True)
    assert value(kernel, "str(_claude)") in shown["text/plain"]
    assert "stopped" in kernel.run("%claude usage by outcome").text
    assert "stopped" in kernel.run("%claude history 1").html
    assert ["/v1/messages"] == slow.requests


def test_m8_run_all_stops_at_an_interrupted_cell(kernel, slow):
    queue = lambda: kernel.client.execute("ran_after_stop = True")  # noqa: E731
    outcome = stopped(kernel, "%%claude\npractice:long@5000", before=queue)
    assert "error" == outcome.reply["status"]
    assert value(kernel, "'ran_after_stop' not in globals()")


def test_m8_an_interrupt_while_nothing_has_come_stops_too(kernel, slow):
    def watch(m: Message) -> None:
        if "notebook:interrupt-kernel" in json.dumps(m["content"].get("data", {})):
            assert slow.asked.wait(60)
            kernel.interrupt()

    outcome = kernel.run("%%claude\npractice:silence@60 hello", answers=[], watch=watch)
    assert "Stopped" == outcome.error["ename"]
    assert slow.left.wait(60)
    assert not slow.whole


def test_continue_goes_on_after_an_interrupt(kernel, slow):
    stopped(kernel, "%%claude --new\npractice:long@5000")
    slow.app.speed = None
    assert "ok" == kernel.run("%claude continue").reply["status"]


# ---- keys --------------------------------------------------------------------------------------------------


def test_k1_no_output_traceback_or_history_has_the_key(kernel):
    cells = (
        "%xmode Verbose",
        "%claude practice off",
        "%claude status",
        "%env ANTHROPIC_BASE_URL=http://127.0.0.1:9",
        "%config ClaudeMagics.max_retries = 0",
        "%claude hello",
        "from claude_magic import Client; c = Client(); c",
        "c.messages.create(model='x', max_tokens=1, messages=[])",
        "vars(c)",
        "c.messages.create()",
        "import claude_magic.talk.current as cur\ncur.client().messages.stream(model=1/0)",
        "%tb",
        "%whos",
        "%who_ls",
        "%history -o",
        "In",
    )
    seen = [[m["content"] for m in kernel.run(cell).messages] for cell in cells]
    kernel.run("%config ClaudeMagics.max_retries = 2")
    kernel.run("%env ANTHROPIC_BASE_URL=")
    kernel.run("%claude practice on")
    kernel.run("%xmode Context")
    text = json.dumps(seen, default=str, ensure_ascii=False)
    assert "<key …LAST>" in text
    assert "APIConnectionError" in text
    assert "ZeroDivisionError" in text
    assert KEY not in text
    assert KEY[13:40] not in text


def test_k4_a_cell_with_a_key_does_not_run_and_leaves_no_key(kernel):
    outcome = kernel.run(f"leaked = {OTHER!r}")
    assert "error" == outcome.reply["status"]
    assert "%claude login" in outcome.error["traceback"][-1]
    said = [m["content"] for m in outcome.messages if m["msg_type"] != "execute_input"]
    said += [
        outcome.reply,
        kernel.run("In, _i, _ii, _ih").text,
        kernel.run("%history").stdout,
        kernel.run("%tb").stderr,
    ]
    assert OTHER not in json.dumps(said, default=str)
    assert value(kernel, "'leaked' not in globals()")
    kept = kernel.run("import sqlite3; get_ipython().history_manager.writeout_cache()\n" + _HISTORY).text
    assert "[key removed]" in kept
    assert OTHER not in kept
    assert OTHER.encode() not in b"".join(p.read_bytes() for p in kernel.folder.rglob("*") if p.is_file())


_HISTORY = "list(get_ipython().history_manager.get_range(raw=True))"


# ---- editor ------------------------------------------------------------------------------------------------


def test_completion_offers_ours_and_only_ours(kernel):
    kernel.run("%claude version")
    assert (
        {"--max-tokens", "--model", "--max-cost", "--max-steps"}
        >= set(kernel.complete("%%claude --m"))
        >= {"--model"}
    )
    assert "claude-opus-5-5" in kernel.complete("%%claude -m claude-opus-5")
    assert "practice" in kernel.complete("%claude prac")


def test_inspection_shows_the_help(kernel):
    kernel.run("%claude version")
    assert "--max-tokens" in kernel.inspect("%%claude")
