"""How much of a long conversation is sent, and is the reader told?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic import settings
from claude_magic.errors import APIConnectionError, BudgetError
from claude_magic.talk import chat, compose, history
from claude_magic.talk.thread import Thread, Turn, threads
from claude_magic.wire import Message, decode
from tests import doors
from tests.doors import Asked, Door, answer

LONG = "word " * 1000  # 1,250 tokens by length
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
COMPACTION = {"type": "compaction", "content": "We spoke of Rome.", "signature": "c2ln"}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def turn(*contents: Any) -> Turn:
    """Return a turn of a question's, an answer's, … content."""
    roles = ("user", "assistant") * len(contents)
    made = (
        {"role": r, "content": c if isinstance(c, list) else [text(c)]}
        for r, c in zip(roles, contents, strict=False)
    )
    return Turn(tuple(made), "end_turn", "claude-haiku-5-5")


def talk(*turns: Turn) -> Thread:
    thread = Thread("rome")
    thread.turns += turns
    return thread


def body(thread: Thread, **how: Any) -> dict[str, Any]:
    return compose.request(thread, thread.ask([text("And now?")]), model="haiku", **how)


def questions(made: dict[str, Any]) -> list[str]:
    return [m["content"][0]["text"][:5] for m in made["messages"] if m["role"] == "user"]


TEN = [turn(f"q-{n:03}{LONG}", "yes") for n in range(10)]


def test_a_conversation_with_room_is_sent_whole():
    thread = talk(*TEN)
    assert (thread.messages, []) == (body(thread)["messages"][:-1], history.notes(thread, body(thread)))


def test_the_oldest_turns_are_left_out_of_what_is_sent_and_stay_in_the_thread():
    thread = talk(*TEN)
    made = body(thread, history_tokens=8000)
    assert ["q-007", "q-008", "q-009", "And n"] == questions(made)[-4:]
    assert 10 == len(thread) and "q-000" not in questions(made)
    gone = 10 - len(questions(made)) + 1
    assert gone == history.left_out(thread, made)
    assert [
        f"There is no room for all of the conversation: the {gone} oldest turns are not sent."
    ] == history.notes(thread, made)


def test_what_is_sent_begins_with_the_same_turn_for_some_questions_so_that_it_can_be_cached():
    many = [turn(f"q-{n:03}{'word ' * 100}", "yes") for n in range(60)]
    firsts = [questions(body(talk(*many[:n]), history_tokens=4000))[0] for n in range(40, 61)]
    assert firsts == sorted(firsts)
    assert 5 >= len(set(firsts)) > 1


def test_the_window_of_the_model_is_the_limit_where_none_is_given():
    thread = talk(*[turn(f"q-{n:03}{LONG * 20}", "yes") for n in range(10)])
    small = compose.request(thread, thread.ask([text("?")]), model="claude-haiku-4-5-20251001")
    large = compose.request(thread, thread.ask([text("?")]), model="claude-haiku-5-5")
    assert (0, True) == (history.left_out(thread, large), history.left_out(thread, small) > 0)
    window = 200_000 - small["max_tokens"]
    assert window > compose.estimate(small) > window / 2


def test_a_setting_is_the_limit_of_every_question():
    settings.use("history_tokens", 3000)
    thread = talk(*TEN)
    assert 1 <= history.left_out(thread, body(thread)) < 10
    assert 0 == history.left_out(thread, body(thread, history_tokens=100_000))


def test_what_the_service_counts_goes_before_what_is_estimated():
    thread = talk(*TEN)
    half = body(thread, history_tokens=10_000, count=lambda b: compose.estimate(b) // 2)
    twice = body(thread, history_tokens=20_000, count=lambda b: compose.estimate(b) * 2)
    assert (0, True) == (history.left_out(thread, half), history.left_out(thread, twice) > 0)


@pytest.mark.parametrize("why", ["none", "error"])
def test_where_nobody_counts_an_estimate_with_a_margin_decides(why):
    def count(_: Any) -> None:
        if why == "error":
            raise APIConnectionError("no network")

    thread = talk(*TEN)
    expected = body(thread, history_tokens=8000)["messages"]
    assert expected == body(thread, history_tokens=8000, count=count)["messages"]


def test_nothing_is_counted_while_there_is_plenty_of_room():
    def count(_: Any) -> int:
        raise AssertionError("counted")

    assert body(talk(*TEN), count=count)


def test_the_results_of_tools_go_with_the_turn_that_has_their_calls():
    thread = talk(turn(f"a{LONG}", [TOOL_USE], [RESULT], "seen"), turn(f"b{LONG}", "yes"))
    made = body(thread, history_tokens=1500)
    assert {"text"} == {b["type"] for m in made["messages"] for b in m["content"]}


def test_a_turn_with_open_calls_stays_before_their_results():
    thread = talk(turn("q", "a"), turn(f"q{LONG * 3}", [TOOL_USE]))
    thread.results = [RESULT]
    made = body(thread, history_tokens=100)
    assert ["tool_use", "tool_result"] == [
        made["messages"][-2]["content"][0]["type"],
        made["messages"][-1]["content"][0]["type"],
    ]
    assert 1 == history.left_out(thread, made)


def test_an_unfinished_answer_stays_before_the_words_that_go_on_with_it():
    thread = talk(turn("q", "a"), turn(LONG, LONG)._replace(stop_reason="max_tokens"))
    made = compose.request(thread, thread.go_on(), model="haiku", history_tokens=10)
    assert thread.messages[2:] == made["messages"][:-1]


def test_messages_of_the_readers_own_are_left_alone():
    own = [{"role": "user", "content": LONG}]
    assert own == body(talk(*TEN), history_tokens=10, params={"messages": own})["messages"]


@given(sizes=st.lists(st.integers(0, 400), max_size=12), most=st.integers(1, 2000))
def test_what_is_sent_is_always_the_newest_whole_turns_within_the_limit(sizes, most):
    thread = talk(*(turn("w " * n, "yes") for n in sizes))
    made = body(thread, history_tokens=most)
    kept = made["messages"][:-1]
    assert kept == thread.messages[len(thread.messages) - len(kept) :] and not len(kept) % 2
    assert most >= compose.estimate({"model": "claude-haiku-5-5", "messages": kept})
    assert len(thread) - len(kept) // 2 == history.left_out(thread, made)


def test_a_question_in_practice_says_what_is_left_out(practice):
    class Watch:
        def __init__(self) -> None:
            self.notes: list[str] = []

        def text(self, _: str) -> None: ...

        thinking = text

        def waiting(self, *_: Any) -> None: ...
        def note(self, line: str) -> None:
            self.notes.append(line)

    settings.use("practice", True)
    thread = threads.get("rome")
    watch = Watch()
    for n in range(3):
        chat.ask(f"{n} {LONG}", thread=thread, watch=watch, history_tokens=2500)
    assert ["There is no room for all of the conversation: the oldest turn is not sent."] == watch.notes
    assert 3 == len(thread)


# ---- what the service does -------------------------------------------------------------------------------


def test_a_short_conversation_is_sent_without_the_parameters_that_shorten_it():
    made = body(talk(*TEN), compact=True)
    assert {"context_management", "betas"}.isdisjoint(made)


def test_a_long_conversation_is_summed_up_by_the_service_where_that_is_wanted():
    thread = talk(*[turn(LONG * 10, "yes") for _ in range(10)])
    made = body(thread, compact=True)
    assert {"edits": [{"type": "compact_20260112"}]} == made["context_management"]
    assert ["compact-2026-01-12"] == made["betas"]
    assert "context_management" not in body(thread)


def test_the_limit_of_the_history_is_when_it_is_summed_up_but_not_below_the_least():
    thread = talk(*[turn(LONG * 10, "yes") for _ in range(8)])
    edits = [
        body(thread, compact=True, history_tokens=n)["context_management"]["edits"][0] for n in (9, 60_000)
    ]
    assert [50_000, 60_000] == [edit["trigger"]["value"] for edit in edits]


def test_older_models_have_results_of_tools_cleared():
    old = "claude-haiku-4-5-20251001"
    thread = talk(*[turn(LONG * 10, [TOOL_USE], [RESULT], "seen") for _ in range(8)])
    made = compose.request(thread, thread.ask([text("?")]), model=old, compact=True)
    assert {"edits": [{"type": "clear_tool_uses_20250919"}]} == made["context_management"]
    assert ["context-management-2025-06-27"] == made["betas"]
    plain = talk(*[turn(LONG * 10, "yes") for _ in range(8)])
    assert "betas" not in compose.request(plain, plain.ask([text("?")]), model=old, compact=True)


def test_the_parameters_of_the_readers_own_are_kept():
    own = {"edits": [{"type": "clear_thinking_20251015"}]}
    thread = talk(*[turn(LONG * 10, "yes") for _ in range(10)])
    params = {"context_management": own, "betas": ["context-management-2025-06-27"]}
    assert own == body(thread, compact=True, params=params)["context_management"]


def test_a_summary_stays_in_the_history_unchanged_and_stands_for_what_was_before():
    thread = talk(turn("old", "yes"), turn("q", [COMPACTION, text("Rome is old.")]), turn("r", "yes"))
    made = body(thread, compact=True)
    assert thread.messages[2:] == made["messages"][:-1]
    assert COMPACTION == made["messages"][1]["content"][0]
    assert (0, ["compact-2026-01-12"]) == (history.left_out(thread, made), made["betas"])
    assert 3 == len(thread) and "context_management" not in made
    assert ["compact-2026-01-12"] == body(thread)["betas"]


def test_a_summary_that_failed_stands_for_nothing():
    failed = {**COMPACTION, "content": None}
    thread = talk(turn("old", "yes"), turn("q", [failed, text("Rome is old.")]))
    assert thread.messages == body(thread)["messages"][:-1]


def test_a_compaction_of_the_service_goes_into_the_thread_and_is_told():
    service = Asked(doors.json(answer(content=[COMPACTION, text("Rome is old.")])))
    client, thread = Door(service).client, Thread()
    chat.ask("About Rome", thread=thread, client=client, stream=False)
    assert thread.last and "summed up" in history.told(thread.last.message)
    assert [COMPACTION, text("Rome is old.")] == thread.turns[0].assistant["content"]
    chat.ask("More", thread=thread, client=client, stream=False)
    assert COMPACTION == decode(service.requests[1].body)["messages"][1]["content"][0]


def test_an_answer_says_that_results_were_cleared():
    edit = {"type": "clear_tool_uses_20250919", "cleared_tool_uses": 3, "cleared_input_tokens": 900}
    cleared = Message(answer(context_management={"applied_edits": [edit]}))
    assert "The service has left out the oldest 3 results of tools." == history.told(cleared)
    assert "" == history.told(Message(answer()))


def test_the_practice_server_takes_what_shortens_a_conversation():
    settings.use("practice", True)
    thread = talk(*[turn(LONG * 10, "yes") for _ in range(10)])
    assert "[practice]" in chat.ask("And now?", thread=thread, compact=True)
    thread.turns[-1] = turn("q", [COMPACTION, text("Rome is old.")])
    assert "[practice]" in chat.ask("And now?", thread=thread, compact=True)
    assert "[practice]" in chat.ask("And now?", thread=thread, compact=False)


def test_m7_a_summary_that_could_cost_more_than_a_budget_is_not_asked_for_and_says_why():
    settings.use("practice", True)
    settings.use("session_budget", 5)
    thread = talk(*[turn(LONG * 10, "yes") for _ in range(10)])
    with pytest.raises(BudgetError) as caught:
        chat.ask("And now?", thread=thread, compact=True)
    assert "%claude config compact off" in caught.value.hint
    assert "[practice]" in chat.ask("And now?", thread=thread, compact=False)
