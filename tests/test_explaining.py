"""Does %claude explain send the cell, name or error that is meant, and nothing else?"""

from __future__ import annotations

import sys

import pytest
from IPython.core.completer import provisionalcompleter

from claude_magic.talk.thread import threads


def sent(shell, line: str = "") -> str:
    """Return the text that an explanation asks."""
    result = shell.run(f"%claude explain {line} --dry-run")
    assert result.success, result.seen
    return "\n\n".join(block["text"] for block in result.result.attrs["body"]["messages"][-1]["content"])


def test_the_last_cell_that_ran_is_explained(shell):
    shell.run("x = 1  # {y}")
    shell.run("%claude hello")
    shell.run("%%claude\nhello")
    assert '<cell of="this cell">\nx = 1  # {y}\n</cell>' in sent(shell)
    result = shell.run("%claude explain")
    assert "[practice] By rule, without a model: there is 1 line. It assigns in `x = 1`." in result.seen
    assert "[practice]" in str(shell["_claude"])


def test_a_cell_that_failed_is_explained_with_its_error(shell):
    shell.run("x = 1\nx.nope")
    text = sent(shell)
    assert "x = 1\nx.nope" in text
    assert "AttributeError: 'int' object has no attribute 'nope'" in text
    shell.run("y = 2")
    assert "AttributeError" not in sent(shell)


def test_a_cell_is_named_by_its_number(shell):
    shell.run("first = 1")
    number = shell.ip.execution_count - 1
    shell.run("second = 2")
    assert "first = 1" in sent(shell, str(number))
    assert "There is no cell In[9999]" == shell.error("%claude explain 9999").message
    assert "There is no cell In[0]" == shell.error("%claude explain 0").message


def test_a_function_is_explained_by_its_source(shell):
    shell.run("def mean(xs):\n    return sum(xs) / len(xs)")
    assert "def mean(xs):\n    return sum(xs) / len(xs)" in sent(shell, "mean")
    assert "It defines `def mean(xs)`" in shell.run("%claude explain mean").seen


def test_a_library_s_function_and_a_builtin_method_are_explained_too(shell):
    shell.run("import statistics\nwords = []\nfrom json import loads")
    assert "def median(data)" in sent(shell, "statistics.median")
    assert "list.append(object, /)" in sent(shell, "words.append")
    assert "def loads(" in sent(shell, "loads")


def test_a_variable_is_explained_by_its_value(shell):
    shell.run("import pandas as pd\ndf = pd.DataFrame({'mass': [1.0]})\nd = {'k': {'deep': 1}}")
    assert "- mass: " in sent(shell, "df")
    assert '"deep": 1' in sent(shell, 'd["k"]')
    shell.run("rows = [{'at': 1 + 2j}]")
    assert "2.0" in sent(shell, 'rows[0]["at"].imag')


@pytest.mark.parametrize("name", ["error", "Err"])
def test_the_last_error_is_explained(shell, name):
    shell.run("def f(x):\n    return x['a']")
    shell.run("f({})")
    shell.run("1 + 1")
    text = sent(shell, name)
    assert "KeyError: 'a'" in text
    assert "return x['a']" in text
    assert "f({})" in text


def test_what_is_not_there_is_said_with_what_to_type(shell, monkeypatch):
    shell.run("penguins = 1")
    assert "Did you mean %claude explain penguins?" == shell.error("%claude explain pengiuns").hint
    assert "To ask it: %claude -- explain recursion" == shell.error("%claude explain recursion").hint
    assert "there is no .nope" in shell.error("%claude explain penguins.nope").message
    assert "%claude -- explain this to me" in shell.error("%claude explain this to me").hint
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    shell.run("%reload_ext claude_magic")
    assert "No cell has failed" in shell.error("%claude explain error").message


def test_o3_secrets_stay(shell, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    shell.run("password = 'hunter2'\ndef f():\n    return 'correct horse battery'")
    assert "is named like a secret" in shell.error("%claude explain password").message
    assert "SERVICE_TOKEN" in shell.error("%claude explain f").message
    assert "SERVICE_TOKEN" in shell.error("%claude explain").message


def test_an_explanation_is_a_conversation_of_its_own_that_can_go_on(shell):
    shell.run("x = 1")
    shell.run("%claude explain")
    shell.run("%claude explain -o told")
    assert shell["told"] is shell["_claude"]
    assert 0 == len(threads.get())
    assert 1 == len(threads.get("explain"))
    shell.run("%%claude -t explain\nIn one word?")
    assert 2 == len(threads.get("explain"))


def test_what_can_be_explained_is_completed(shell):
    shell.run("penguins = 1\n1/0")

    def offered(text: str) -> list[str]:
        with provisionalcompleter():
            return [found.text for found in shell.ip.Completer.completions(text, len(text))]

    assert "penguins" in offered("%claude explain peng")
    assert "error" in offered("%claude explain err")
    assert "--apply" in offered("%claude fix --ap")
    assert "Err" in offered("%claude why {Er")
