"""Can a notebook keep several conversations, go between them and take one along?"""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from IPython.core.error import StdinNotImplementedError

from claude_magic import settings
from claude_magic.talk.thread import threads


def said(shell: Any, line: str) -> Any:
    """Return what `%claude line` returns."""
    result = shell.run(f"%claude {line}")
    assert result.success, result.seen
    return result.result


def test_switch_makes_a_conversation_the_one_that_questions_belong_to(shell):
    shell.run("%claude first")
    assert "rome: 0 turns (this session)" == str(said(shell, "switch rome"))
    shell.run("%claude second")
    shell.run("%claude third")
    assert (1, 2) == (len(threads.get("main")), len(threads.get("rome")))
    assert ["second", "third"] == list(said(shell, "history")["question"])
    assert "main: 1 turn (this session)" == str(said(shell, "switch main"))
    assert "main: 1 turn (this session)" == str(said(shell, "switch"))


def test_a_flag_goes_before_the_conversation_that_was_switched_to(shell):
    said(shell, "switch rome")
    shell.run("%claude -t paris hello")
    assert (0, 1) == (len(threads.get("rome")), len(threads.get("paris")))


def test_a_new_conversation_whose_name_is_like_another_s_says_so(shell):
    shell.run("%claude -t rome hello")
    assert "rme: 0 turns (this session). It is new; there is rome too" == str(said(shell, "switch rme"))
    assert "rome: 1 turn (this session)" == str(said(shell, "switch rome"))


def test_the_conversations_show_which_is_current(shell):
    shell.run("%claude hello")
    said(shell, "switch rome")
    shell.run("%claude hello")
    frame = said(shell, "threads")
    assert {"main", "rome"} == set(frame.index)


def test_export_without_a_path_is_a_text_that_can_be_bound(shell):
    shell.run("%claude hello")
    result = shell.run("program = %claude export python")
    assert result.success and "" == result.stdout
    compile(shell["program"], "talk.py", "exec")
    shown = shell.run("%claude export")
    assert "client.messages.create" in shown.stdout and "\\n" not in shown.stdout.splitlines()[0]
    assert "curl https://" in str(said(shell, "export main curl"))


def test_export_writes_a_file_and_names_it(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shell.run("%claude -t rome hello")
    assert "Written: talk.ipynb" == str(said(shell, "export rome talk.ipynb"))
    assert 4 == json.loads((tmp_path / "talk.ipynb").read_text())["nbformat"]
    assert "Written: a b.jsonl" == str(said(shell, "export rome 'a b.jsonl'"))


@pytest.mark.parametrize(("typed", "written"), [("y", True), ("", False), ("no", False)])
def test_export_asks_before_it_writes_over_a_file(shell, tmp_path, monkeypatch, typed, written):
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(builtins, "input", lambda words: asked.append(words) or typed)
    (tmp_path / "talk.py").write_text("mine")
    shell.run("%claude hello")
    said(shell, "export talk.py")
    assert ["Write over talk.py? [y/N] "] == asked
    assert written == ("mine" != (tmp_path / "talk.py").read_text())


def test_where_nobody_can_answer_export_says_how_to_go_on(shell, tmp_path, monkeypatch):
    def nobody(_: str) -> str:
        raise StdinNotImplementedError("no frontend")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(builtins, "input", nobody)
    (tmp_path / "talk.py").write_text("mine")
    shell.run("%claude hello")
    assert "Add --yes: %claude export talk.py --yes" == shell.error("%claude export talk.py").hint
    said(shell, "export talk.py --yes")
    assert "mine" != (tmp_path / "talk.py").read_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export", "nothing said in the conversation main"),
        ("export nowhere python", "There is no conversation 'nowhere'"),
        ("export nowhere", "There is no conversation 'nowhere'"),
        ("export the file to me", "'export' is a command"),
    ],
)
def test_export_says_what_is_missing(shell, line, message):
    assert message in shell.error(f"%claude {line}").message


def test_a_long_conversation_is_cut_with_a_visible_note(shell):
    settings.use("history_tokens", 1000)
    for n in range(4):
        result = shell.run(f"%%claude\n{n} {'word ' * 500}")
    assert "There is no room for all of the conversation" in result.seen
    assert 4 == len(threads.get())


def test_a_dry_run_says_what_would_be_left_out(shell):
    for n in range(3):
        shell.run(f"%%claude\n{n} {'word ' * 500}")
    assert "oldest turn" in shell.run("%claude --dry-run --history-tokens 1000 And now?").seen


def test_what_goes_on_takes_options(shell):
    shell.run("%%claude -t rome -n 5\nCount to a hundred in words, please.")
    result = shell.run("%claude continue rome --show-request -n 300 --effort low -o rest")
    assert result.success and "300" in result.seen
    body = threads.get("rome").turns[-1].body
    assert (300, {"effort": "low"}) == (body["max_tokens"], body["output_config"])
    assert str(shell["rest"]) == threads.get("rome").turns[-1].answer


def test_a_dry_run_says_where_the_call_would_be_refused(shell):
    line = "%claude --dry-run --max-cost {} hello"
    assert "It would be refused: it may cost" in shell.run(line.format("0.000001")).seen
    assert "refused" not in shell.run(line.format("5")).seen


def test_the_history_names_what_was_attached(shell, tmp_path):
    (tmp_path / "a.txt").write_text("Seven hills.")
    shell.run(f"%%claude --attach {tmp_path}/a.txt\nHow many?")
    (question,) = said(shell, "history")["question"]
    assert ["[a.txt]", "How many?"] == question.split("\n\n")
    assert [question] == list(said(shell, "threads")["last question"])


def test_a_conversation_with_nothing_in_it_is_not_listed(shell):
    shell.run("%claude hello")
    shell.run("%claude --dry-run -t zzz hello")
    assert ["main"] == list(said(shell, "threads").index)
    said(shell, "switch rome")
    assert {"main", "rome"} == set(said(shell, "threads").index)
