"""Has what can be said of a question one name, in `ask`, in `Chat`, in a cell and in the settings?"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from claude_magic import settings
from claude_magic.cells import asking
from claude_magic.errors import InputError
from claude_magic.grammar.flags import FLAGS
from claude_magic.grammar.keywords import Keywords
from claude_magic.talk import chat
from claude_magic.tools.functions import tool

NAMES = set(Keywords.__annotations__)
HOW = {"thread", "watch", "client", "cell"}  # of `ask` alone
OTHER_FIELDS = {  # of a cell, and about the cell
    "inp", "raw", "out", "format", "quiet", "thread", "new", "no_history", "show_request", "dry_run",
}  # fmt: skip


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


def test_ask_takes_every_keyword_and_no_other():
    taken = {p.name for p in inspect.signature(chat.ask).parameters.values() if p.kind is p.KEYWORD_ONLY}
    assert (NAMES, HOW) == (taken - HOW, taken - NAMES)


def test_types_are_the_same_in_the_table_and_in_ask():
    table, signature = Keywords.__annotations__, inspect.signature(chat.ask).parameters
    assert {n: table[n].__forward_arg__ for n in NAMES} == {n: signature[n].annotation for n in NAMES}


def test_every_keyword_is_a_flag_of_a_cell_and_every_flag_a_keyword_or_about_the_cell():
    assert NAMES == {flag.field for flag in FLAGS} - OTHER_FIELDS


def test_a_cell_passes_on_all_that_is_not_asked_for_elsewhere():
    assert {"attach", "compare", "max_cost", "stream"} == NAMES - set(asking.KEYWORDS)
    assert set() == set(asking.KEYWORDS) - NAMES


def test_a_setting_of_a_keyword_has_its_name():
    of_a_call = {
        "model", "max_tokens", "effort", "think", "system", "max_steps", "cache", "replay", "max_cost",
        "stream", "history_tokens", "compact",
    }  # fmt: skip
    assert of_a_call == NAMES & set(settings.OPTIONS)


# ---- Chat --------------------------------------------------------------------------------------------------


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_chat_is_a_conversation_with_what_holds_for_all_of_it():
    talk = chat.Chat(model="opus", tools=[add])
    first, second = talk("add 2 and 3"), talk("What was it?", model="haiku", tools=())
    assert ("claude-opus-5-5", "claude-haiku-5-5") == (first.model, second.model)
    assert ([1, 2], ["add"]) == ([first.turn, second.turn], [call.name for call in first.calls])
    assert (2, second, True, "<Chat: 2 turns>") == (len(talk), talk.last, bool(talk), repr(talk))
    talk.undo()
    assert 1 == len(talk.thread)


def test_a_chat_goes_on_and_has_the_cells_conversation_by_name():
    talk = chat.Chat("rome", max_tokens=10, compare="haiku")
    talk("practice:long@50", compare=None)
    assert "rome" in chat.threads
    assert 2 == talk.go_on().turn
    assert 2 == len(chat.Chat("rome"))
    with pytest.raises(InputError, match="no unfinished"):
        chat.Chat().go_on()


def test_a_chat_refuses_what_ask_does_not_know():
    with pytest.raises(TypeError, match="maxtokens"):
        chat.Chat(maxtokens=5)


def test_o2_a_chat_decides_on_calls_as_ask_does():
    @tool(side_effects=True)
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    talk = chat.Chat(tools=[add], approve=lambda name, _: name == "add")
    assert ["5"] == [call.content for call in talk("add 2 and 3").calls]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("schema", "returns"), ("tool", "tools"), ("skill", "skills"), ("param", "params"), ("modell", "model")],
)
def test_a_keyword_that_is_not_known_names_the_one_that_is_meant(name, meant):
    call: dict[str, Any] = {name: "x"}
    for asks in (functools.partial(chat.ask, "Hi"), chat.Chat, functools.partial(chat.Chat(), "Hi")):
        with pytest.raises(TypeError, match=f"{name}'\n→ Did you mean {meant}=\\?"):
            asks(**call)
    with pytest.raises(TypeError, match="There are "):
        chat.ask("Hi", zzzzz=1)


@pytest.mark.parametrize("name", ["no_history", "new", "raw", "out", "quiet", "dry_run"])
def test_what_only_a_cell_has_is_left_out_of_ask(name):
    for asks in (functools.partial(chat.ask, "Hi"), chat.Chat):
        with pytest.raises(TypeError, match=f"{name}'\n→ Leave it out: "):
            asks(**{name: True})


@pytest.mark.parametrize("call", ["ask()", "ask('Hi', 'haiku')", "ask('Hi', modell='haiku')"])
def test_a_call_with_what_a_function_does_not_take_fails_in_two_lines(shell, call):
    shell.run("from claude_magic import ask")
    assert isinstance(shell.error(call), TypeError)


def test_a_chat_asks_in_its_own_conversation():
    with pytest.raises(InputError, match=r"thread is the Chat's.*\n→ Make another: Chat\(thread=…\)"):
        chat.Chat()("Hi", thread="rome")
