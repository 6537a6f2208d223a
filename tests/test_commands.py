"""Does each `%claude COMMAND` do what its row of the table says?"""

from __future__ import annotations

import getpass
import json
import os
import warnings
from typing import Any

import pandas as pd
import pytest

from claude_magic import errors, keys, ledger, settings
from claude_magic.cells import commands
from claude_magic.grammar import flags
from claude_magic.talk import chat
from tests.shells import KEY, Shell


def said(shell: Shell, line: str) -> Any:
    """Return what `%claude line` returns."""
    result = shell.run(f"%claude {line}")
    assert result.success, result.seen
    return result.result


def test_the_table_has_a_function_for_every_command_and_no_other():
    assert [c.name for c in flags.COMMANDS] == list(commands.RUN)


@pytest.mark.parametrize("command", flags.COMMANDS, ids=lambda c: c.name)
def test_every_example_of_the_help_runs(shell, command, monkeypatch, tmp_path):
    monkeypatch.setattr(getpass, "getpass", lambda _: KEY)
    shell.run("df = 'a text'")
    shell.run("%%claude -n 5\npractice:long@200")
    shell.run("1 / 0")
    monkeypatch.chdir(tmp_path)
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "lesson.ipynb").write_text(json.dumps(empty))
    result = shell.run(f"%claude {command.example}")
    assert result.success, result.seen
    assert result.result is not None


@pytest.mark.parametrize("line", ["help", "version", "practice", "model", "system", "config model", "cost"])
def test_what_a_command_says_is_shown_as_it_is(shell, line):
    result = shell.run(f"%claude {line}")
    assert "'" not in result.stdout.strip()[:1]
    assert repr(result.result).splitlines()[0] in result.stdout


def test_help_explains_one_flag_or_command_or_names_the_nearest(shell):
    assert "--max-tokens" in said(shell, "help --max-tokens")
    assert "budget" in said(shell, "help budget")
    assert "budget" in shell.error("%claude help bugdet").hint


def test_get_without_a_model_says_what_to_type(shell):
    assert "%claude models [WORD|all|get MODEL]" in shell.error("%claude models get").hint


def test_models_are_a_frame_that_a_word_narrows(shell):
    everything, haiku = said(shell, "models"), said(shell, "models haiku")
    assert "claude-haiku-5-5" in everything.index
    assert len(everything) > len(haiku) > 0
    assert everything.equals(said(shell, "models list"))
    assert all("haiku" in name for name in haiku.index)
    assert {"active", "deprecated"} == set(everything["status"])
    assert "retired" in set(said(shell, "models all")["status"])
    assert ["0.10", "1,000,000"] == [*everything.loc["claude-haiku-5-5", ["input USD/M", "context"]]]
    assert "%claude models" in shell.error("%claude models nonesuch").hint


def test_model_sets_the_session_and_says_who_decides(shell, monkeypatch):
    assert "claude-haiku-5-5 (default)" == said(shell, "model")
    monkeypatch.setenv("CLAUDE_MAGIC_MODEL", "sonnet")
    assert "claude-sonnet-5-5 (CLAUDE_MAGIC_MODEL)" == said(shell, "model")
    assert "claude-opus-5-5 (this session)" == said(shell, "model opus")
    said(shell, "practice:echo hello")
    assert "claude-opus-5-5" == shell["_claude"].model
    assert "Type %claude model opus" == shell.error("%claude model opuss").hint
    assert "Type %claude config model opus" == shell.error("%claude config model opuss").hint
    assert "Did you mean claude-opus-5-5?" in said(shell, "model claude-opus-55")


def test_an_alias_is_kept_and_used_and_forgotten(shell):
    said(shell, "alias best claude-opus-5-5")
    shell.run("%%claude best\nhello")
    assert "claude-opus-5-5" == shell["_claude"].model
    assert "claude-opus-5-5" == said(shell, "alias").loc["best", "model"]
    said(shell, "alias best off")
    assert "best" not in said(shell, "alias").index
    assert "%claude alias" in shell.error("%claude alias best").hint


def test_the_system_prompt_holds_until_it_is_off(shell):
    assert "There is no system prompt" == said(shell, "system")
    assert "Answer briefly. (this session)" == said(shell, "system Answer briefly.")
    assert "Answer briefly." == shell.run("%%claude --dry-run\nhi").result.attrs["body"]["system"]
    said(shell, "system off")
    note = "Sent as written: {penguins:head 3} (in a system prompt; values go into a question)"
    shell.run("penguins = 3")
    assert note in said(shell, "system Look at {penguins:head 3} and {others}.").splitlines()
    assert note in shell.run("%%claude -s 'Of {penguins:head 3}'\nhi").seen
    said(shell, "system off")
    assert "system" not in shell.run("%%claude --dry-run\nhi").result.attrs["body"]


def test_k1_status_masks_the_key_and_says_where_it_is_from(shell, monkeypatch):
    assert "none needed in practice" == said(shell, "status").loc["key", "value"]
    settings.use("practice", False)
    assert "%claude login" in said(shell, "status").loc["key", "value"]
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    frame = said(shell, "status")
    assert ("<key …LAST>", "ANTHROPIC_API_KEY") == tuple(frame.loc["key"])
    assert KEY not in frame.to_string()


def test_usage_is_a_frame_of_calls_or_of_sums(shell):
    said(shell, "practice:echo hello")
    frame = said(shell, "usage")
    assert ["practice"] == list(frame["source"])
    assert {"time (UTC)", "input", "output", "cost"} < set(frame.columns)
    assert [0] == list(frame["time (UTC)"].dt.microsecond)
    assert "unpriced_calls" not in said(shell, "usage by model").columns
    assert [1] == list(said(shell, "usage by model")["calls"])


def test_cost_keeps_practice_apart(shell):
    said(shell, "practice:echo hello")
    frame = said(shell, "cost")
    assert "$0.00" == frame.loc["live", "this session"]
    assert "$0.00" != frame.loc["practice", "this session"]


def test_m7_a_session_budget_refuses_and_can_be_lifted(shell):
    frame = said(shell, "budget session 0.000012")
    assert ("$0.000012", "this session") == tuple(frame.loc["this session", ["limit", "set by"]])
    assert "%claude budget session" in shell.error("%claude hello").hint
    said(shell, "budget session off")
    assert said(shell, "practice:echo hello")


def test_a_day_budget_is_kept_for_other_notebooks_and_can_be_lifted(shell):
    assert "settings file" == said(shell, "budget day 0.50").loc["today (UTC)", "set by"]
    assert "0.50" == settings.saved()["day_budget"]
    assert "none" == said(shell, "budget off").loc["today (UTC)", "limit"]


def test_an_amount_alone_is_the_budget_of_the_session(shell):
    assert "$3.00" == said(shell, "budget $3").loc["this session", "limit"]


def test_history_threads_undo_and_reset(shell):
    for question in ("first", "second", "third"):
        shell.run(f"%%claude\n{question}")
    shell.run("%%claude -t rome\nWho was Caesar?")
    assert ["second", "third"] == list(said(shell, "history 2")["question"])
    assert ["Who was Caesar?"] == list(said(shell, "history rome")["question"])
    assert {"main": 3, "rome": 1} == said(shell, "threads")["turns"].to_dict()
    assert "“third”; 2 turns left" in said(shell, "undo")
    assert "0 turns left" in said(shell, "undo 9")
    error = shell.error("%claude undo 5")
    assert "Ask something" in error.hint
    assert "There is no turn to take back in the conversation main" == error.message
    assert "rome (1 turn)" in said(shell, "reset rome")
    assert "%claude threads" in shell.error("%claude reset athens").hint
    shell.run("%%claude\nagain")
    said(shell, "reset all")
    assert [0, 0] == [len(t) for t in chat.threads]


def test_continue_goes_on_with_a_cut_answer_and_refuses_a_whole_one(shell):
    shell.run("%%claude -n 5\npractice:long@200")
    first = str(shell["_claude"])
    assert first != str(said(shell, "continue"))
    said(shell, "reset")
    shell.run("%%claude\nhello")
    assert "There is no unfinished answer" in shell.error("%claude continue").message


def test_continue_goes_on_where_was_asked_last_and_hints_name_the_conversation(shell):
    result = shell.run("%%claude -n 5 -t z\npractice:long@200")
    assert "%claude continue z" in result.outputs[-1].data["text/plain"]
    said(shell, "continue")
    shell.run("%%claude -n 5 -t z\npractice:long@200")
    shell.run("%%claude\nhello")
    assert 3 == len(chat.threads.get("z"))
    assert 4 == said(shell, "continue z").turn
    result = shell.run("%%claude -n 5 --no-history\npractice:long@200")
    assert "ask again with a larger -n" in result.seen
    assert "continue" not in result.seen
    assert "%claude threads" in shell.error("%claude continue nowhere").hint


def test_count_counts_with_values_and_sends_no_question(shell):
    shell.run("text = 'words ' * 500")
    few, many = said(shell, "count hello"), said(shell, "count {text}")
    assert int(few.split()[0]) < 20 < int(many.split()[0].replace(",", ""))
    assert "$" in said(shell, "count hello")
    assert [] == ledger.shared().rows()


def test_k3_login_keeps_a_key_that_only_the_reader_can_read(shell, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or KEY)
    result = shell.run("%claude login")
    assert ["API key (not shown): "] == asked
    assert KEY not in result.seen
    assert "Practice is on" in result.result
    assert ("key file", KEY) == (settings.credential().source, settings.credential().value.reveal())
    assert os.name != "posix" or 0o600 == keys.key_path().stat().st_mode & 0o777
    said(shell, "logout")
    assert settings.credential() is None


def test_login_says_when_the_environment_has_a_key_that_goes_first(shell, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda _: KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert "ANTHROPIC_API_KEY goes before it" in said(shell, "login")


def test_login_without_a_terminal_names_the_environment_variable(shell):
    error = shell.error("%claude login")
    assert isinstance(error, errors.ConfigError)
    assert "ANTHROPIC_API_KEY" in error.hint


def test_k3_login_asks_nobody_where_the_key_would_be_seen(shell, monkeypatch):
    def echoing(_):
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=1)
        return KEY

    monkeypatch.setattr(getpass, "getpass", echoing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "ANTHROPIC_API_KEY" in shell.error("%claude login").hint
    assert settings.credential() is None


def test_practice_is_chosen_and_left(shell, monkeypatch):
    assert "Practice is on (this session)" in said(shell, "practice status")
    assert "there is no key" in said(shell, "practice off")
    assert "%claude practice on" in shell.error("%claude hello").hint
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert "key: ANTHROPIC_API_KEY" in said(shell, "practice off")


def test_config_keeps_a_setting_and_gives_it_back(shell):
    assert "max_tokens = 4096 (default)" == said(shell, "config max_tokens")
    assert "max_tokens = 8000 (settings file)" == said(shell, "config max-tokens 8k")
    assert "max_retries = 0 (settings file)" == said(shell, "config max_retries 0")
    assert "max_tokens = 4096 (default)" == said(shell, "config max_tokens default")
    assert "base_url = practice: (practice is on (this session))" == said(shell, "config base_url")
    assert isinstance(said(shell, "config"), pd.DataFrame)
    assert "max_tokens" in shell.error("%claude config max_tokns").hint
    error = shell.error("%claude config max_tokens off")
    assert "whole number" in error.message
    assert "%claude config max_tokens 4096, or %claude config max_tokens default" in error.hint
    assert "%claude config effort low" in shell.error("%claude config effort lots").hint


def test_what_does_not_fit_a_command_names_how_to_ask_it(shell):
    assert "%claude -- cost of living" in shell.error("%claude cost of living").hint
    assert "cost of living" in said(shell, "-- cost of living")
