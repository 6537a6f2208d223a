"""Is what was said so far a history that can be sent at every moment?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from claude_magic import settings
from claude_magic.errors import InputError
from claude_magic.talk.thread import GO_ON, Thread, Threads
from claude_magic.wire import record

TEXT = {"type": "text", "text": "Yes."}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "eA=="}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}
CUT_TOOL = {"type": "tool_use", "id": "toolu_2", "name": "f", "input": '{"x": '}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
UNKNOWN = {"type": "block_of_tomorrow", "x": [1, {"y": None}]}


def message(*blocks, stop_reason="end_turn"):
    return record(
        {
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-5-5",
            "content": list(blocks),
            "stop_reason": stop_reason,
        }
    )


def said(thread, question, *blocks, stop_reason="end_turn"):
    user = thread.ask([{"type": "text", "text": question}])
    thread.add(user, message(*blocks, stop_reason=stop_reason), stop_reason)
    return thread


def check(messages):
    """Fail unless the Messages API would take this history before a new question."""
    open_calls = set()
    for n, m in enumerate(messages):
        assert ("user", "assistant")[n % 2] == m["role"]
        assert m["content"]
        results = {b["tool_use_id"] for b in m["content"] if b["type"] == "tool_result"}
        assert results == open_calls
        first = [b["type"] == "tool_result" for b in m["content"]]
        assert first == sorted(first, reverse=True)
        open_calls = {b["id"] for b in m["content"] if b["type"] == "tool_use"}
        for b in m["content"]:
            assert b["type"] != "text" or b["text"].strip()
            assert b["type"] != "tool_use" or isinstance(b["input"], dict)
        assert m["role"] == "user" or m["content"][-1]["type"] not in ("thinking", "redacted_thinking")


def test_a_turn_enters_with_its_answer_and_blocks_stay_as_they_came():
    thread = said(Thread("t"), "Well?", THINKING, TEXT, UNKNOWN)
    assert [
        {"role": "user", "content": [{"type": "text", "text": "Well?"}]},
        {"role": "assistant", "content": [THINKING, TEXT, UNKNOWN]},
    ] == thread.messages
    assert ("Well?", "Yes.") == (thread.turns[0].question, thread.turns[0].answer)


def test_the_history_handed_out_is_a_copy():
    thread = said(Thread(), "Well?", TEXT)
    thread.messages[1]["content"][0]["text"] = "No."
    thread.messages.clear()
    assert "Yes." == thread.messages[1]["content"][0]["text"]


def test_m8_of_an_interrupted_turn_the_words_stay_and_cut_thinking_and_tools_do_not():
    thread = said(
        Thread(), "Well?", THINKING, {"type": "text", "text": "Half a "}, CUT_TOOL, stop_reason="stopped"
    )
    assert [{"type": "text", "text": "Half a"}] == thread.messages[1]["content"]
    assert "stopped" == thread.turns[0].stop_reason


@pytest.mark.parametrize("stop_reason", ["stopped", "error"])
def test_m8_a_turn_interrupted_before_its_first_word_leaves_no_trace(stop_reason):
    assert (
        []
        == said(
            Thread(), "Well?", THINKING, {"type": "text", "text": " \n"}, stop_reason=stop_reason
        ).messages
    )


def test_a_refused_turn_is_not_kept():
    assert [] == said(Thread(), "Well?", TEXT, stop_reason="refusal").messages


def test_max_tokens_that_all_went_into_thinking_leave_no_turn():
    assert [] == said(Thread(), "Well?", THINKING, REDACTED, stop_reason="max_tokens").messages


def test_a_tool_call_that_is_not_answered_is_answered_before_the_next_question():
    thread = said(Thread(), "Well?", TEXT, TOOL, stop_reason="tool_use")
    asked = thread.ask([{"type": "text", "text": "And?"}])
    assert ["tool_result", "text"] == [b["type"] for b in asked["content"]]
    assert ("toolu_1", True) == (asked["content"][0]["tool_use_id"], asked["content"][0]["is_error"])


def test_the_result_of_a_toolset_call_names_its_toolset():
    thread = said(Thread(), "Well?", {**TOOL, "toolset_name": "browser"}, stop_reason="tool_use")
    assert "browser" == thread.ask([TEXT])["content"][0]["toolset_name"]


def test_undo_takes_back_the_newest_turn():
    thread = said(said(Thread(), "One?", TEXT), "Two?", TEXT)
    assert "Two?" == thread.undo().question
    assert ["One?"] == [t.question for t in thread.turns]
    thread.undo()
    with pytest.raises(InputError, match="no turn"):
        thread.undo()


def test_reset_forgets_turns_and_keeps_the_system_prompt():
    thread = said(Thread("t", system="Be brief."), "One?", TEXT)
    thread.reset()
    assert (0, [], "Be brief.") == (len(thread), thread.messages, thread.system)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "stopped", "error"])
def test_going_on_is_a_new_user_message(stop_reason):
    thread = said(Thread(), "Well?", TEXT, stop_reason=stop_reason)
    assert {"role": "user", "content": [{"type": "text", "text": GO_ON}]} == thread.go_on()


def test_after_a_pause_the_history_goes_back_unchanged():
    thread = said(Thread(), "Well?", SEARCH, stop_reason="pause_turn")
    assert thread.go_on() is None
    assert [SEARCH] == thread.messages[-1]["content"]
    thread.add(None, message(FOUND, TEXT), "end_turn")
    assert ["user", "assistant", "assistant"] == [m["role"] for m in thread.messages]


def test_there_is_nothing_to_go_on_with_when_all_is_said():
    with pytest.raises(InputError, match="no unfinished"):
        said(Thread(), "Well?", TEXT).go_on()
    with pytest.raises(InputError, match="no unfinished"):
        Thread().go_on()


BLOCKS = st.lists(
    st.sampled_from([TEXT, {"type": "text", "text": ""}, THINKING, REDACTED, TOOL, SEARCH, FOUND, UNKNOWN]),
    max_size=4,
    unique_by=lambda b: (b["type"], b.get("text")),
)
STOPS = st.sampled_from(
    ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "stopped", "error", "new"]
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(BLOCKS, STOPS, st.booleans()), max_size=6))
def test_m8_whatever_happens_the_history_stays_valid(turns):
    thread = Thread()
    for blocks, stop_reason, undone in turns:
        said(thread, "Well?", *blocks, stop_reason=stop_reason)
        if undone and len(thread):
            thread.undo()
        check([*thread.messages, thread.ask([TEXT])])


# ---- turns with calls of tools -----------------------------------------------------------------------------

RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "5"}
CALLED = [
    {"role": "user", "content": [{"type": "text", "text": "Well?"}]},
    {"role": "assistant", "content": [TOOL]},
    {"role": "user", "content": [RESULT]},
]


def test_a_turn_holds_its_calls_and_results_and_is_taken_back_whole():
    thread = said(Thread(), "One?", TEXT)
    thread.keep(1, CALLED, message(TEXT), "end_turn")
    assert ("Well?", "Yes.", 2, 6) == (
        thread.turns[1].question,
        thread.turns[1].answer,
        len(thread),
        len(thread.messages),
    )
    assert "Well?" == thread.undo().question
    check(thread.messages)
    assert 2 == len(thread.messages)


def test_m8_where_nothing_came_after_a_call_its_results_wait_for_the_next_question():
    thread = Thread()
    thread.keep(0, CALLED, message(), "stopped")
    assert ([RESULT], [TOOL]) == (thread.results, thread.turns[0].assistant["content"])
    assert [RESULT, TEXT] == thread.ask([TEXT])["content"]
    assert [RESULT] == thread.go_on()["content"][:1]


def test_results_of_another_call_are_not_sent():
    thread = said(Thread(), "Well?", TOOL, stop_reason="tool_use")
    thread.results = [{**RESULT, "tool_use_id": "toolu_9"}]
    assert "not run" in thread.ask([TEXT])["content"][0]["content"]


def test_a_refusal_in_the_middle_takes_the_whole_turn_out():
    thread = said(Thread(), "Well?", TOOL, stop_reason="tool_use")
    thread.keep(0, CALLED, message(), "refusal")
    assert [] == thread.messages


def test_m8_words_that_came_after_a_pause_are_kept_without_the_tool_that_has_no_result():
    thread = said(Thread(), "Well?", {"type": "text", "text": "I look. "}, SEARCH, stop_reason="pause_turn")
    before = thread.messages
    thread.keep(0, before, message({"type": "text", "text": "It is"}), "stopped")
    assert [{"type": "text", "text": "I look. It is"}] == thread.messages[-1]["content"]
    check(thread.messages)


def test_an_answer_that_was_mended_is_the_last_one():
    asked = {"role": "user", "content": [{"type": "text", "text": "Mend it."}]}
    thread = said(Thread(), "Well?", {"type": "text", "text": "{"})
    thread.keep(0, [*thread.messages, asked], message(TEXT), "end_turn")
    assert ("Well?", "Yes.") == (thread.turns[0].question, thread.turns[0].answer)


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), STOPS, st.booleans()), max_size=5))
def test_m8_whatever_happens_between_calls_the_history_stays_valid(turns):
    thread, number = Thread(), 0
    for calls, stop_reason, answered in turns:
        at, messages = len(thread), [thread.ask([{"type": "text", "text": "Well?"}])]
        for _ in range(calls):
            number += 1
            use = {**TOOL, "id": f"toolu_{number}"}
            thread.keep(at, messages, message(use, stop_reason="tool_use"), "tool_use")
            result = {**RESULT, "tool_use_id": use["id"]}
            messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
            if stop_reason == "stopped":
                thread.end(messages if answered else messages[:-1], "stopped")
                break
        else:
            thread.keep(at, messages, message(TEXT, stop_reason=stop_reason), stop_reason)
        check([*thread.messages, thread.ask([TEXT])])


def test_threads_are_found_by_name_and_one_is_current(monkeypatch):
    settings.session.clear()
    threads = Threads()
    assert "main" == threads.get().name
    monkeypatch.setenv("CLAUDE_MAGIC_THREAD", "other")
    assert "other" == threads.get().name
    assert ["main", "other"] == [t.name for t in threads]
    threads.forget("other")
    assert ("other" in threads, "main" in threads, len(threads)) == (False, True, 1)


def test_a_thread_tells_its_name_and_length():
    assert "<Thread t: 1 turn>" == repr(said(Thread("t"), "Well?", TEXT))
    assert "<Thread unnamed: 0 turns>" == repr(Thread())
