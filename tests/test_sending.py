"""Do tools and a typed answer keep thread, books and budget right, whatever happens in between?"""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from decimal import Decimal

import pytest

from claude_magic import ledger, wire
from claude_magic.errors import (
    AnswerError,
    APIResponseError,
    BudgetError,
    InputError,
    OverloadedError,
    Stopped,
)
from claude_magic.show import showing
from claude_magic.talk import chat
from claude_magic.talk.thread import Thread
from claude_magic.tools.functions import tool
from claude_magic.tools.server import mcp
from claude_magic.tools.toolbox import Toolbox
from tests import doors, streams
from tests.doors import KEY
from tests.test_making import Server
from tests.test_thread import check


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


def said(*blocks, stop_reason="end_turn", **fields):
    return doors.json(doors.answer(content=list(blocks), stop_reason=stop_reason, **fields))


def text(words):
    return {"type": "text", "text": words}


def uses(tool="add", number=1, **given):
    return {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": given or {"a": 1, "b": 2}}


def called(*blocks, **fields):
    return said(*blocks, stop_reason="tool_use", **fields)


LONG = {"input_tokens": 100, "output_tokens": 900}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def ask(server, *args, stream=False, **given):
    return chat.ask(*args or ("Go",), client=server.client(), stream=stream, **given)


def valid(thread):
    check([*thread.messages, thread.ask([text("And?")])])


def rows():
    return ledger.shared().rows()


# ---- a loop of calls ---------------------------------------------------------------------------------------


def test_a_function_is_called_and_its_result_answered():
    talk = Thread()
    answer = chat.ask("add 2 and 3", tools=[add], thread=talk)
    assert ("5" in answer, "end_turn", 2) == (True, answer.stop_reason, len(answer.steps))
    assert [("add", {"a": 2, "b": 3}, "5", False)] == [call[:4] for call in answer.calls]
    assert ["user", "assistant", "user", "assistant"] == [m["role"] for m in talk.messages]
    assert 1 == len(talk)
    assert ("add 2 and 3", str(answer)) == (talk.turns[0].question, talk.turns[0].answer)
    valid(talk)


def test_text_of_every_step_is_kept_and_figures_add_up():
    server = Server(called(text("I add."), uses()), said(text("It is 3.")))
    answer = ask(server, tools=[add], thread=(talk := Thread()))
    assert ("I add.\n\nIt is 3.", "It is 3.") == (str(answer), answer.message.text)
    first, second = rows()
    assert ["tool_use", "end_turn"] == [first.stop_reason, second.stop_reason]
    assert first.cost_usd + second.cost_usd == answer.cost
    assert first.output_tokens + second.output_tokens == answer.usage.output_tokens
    assert "I add.\nIt is 3." == talk.turns[0].answer


def test_what_is_shown_while_it_comes_is_the_answer():
    from tests.test_chat import Seen

    watch = Seen()
    answer = chat.ask("add 2 and 3", tools=[add], watch=watch)
    assert str(answer) == watch.joined("text")


def test_a_watch_hears_of_each_call_before_and_after():
    from tests.test_chat import Seen

    class Watch(Seen):
        def calling(self, name, arguments):
            self._tell("calling", name, arguments)

        def called(self, ran):
            self._tell("called", ran.content)

    watch = Watch()
    chat.ask("add 2 and 3", tools=[add], watch=watch)
    assert [("calling", "add", {"a": 2, "b": 3}), ("called", "5")] == [
        told for told in watch.told if "call" in told[0]
    ]


def test_an_exception_goes_back_to_the_model_and_not_to_the_reader():
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        raise OverflowError("too much")

    server = Server(called(uses()), said(text("It failed.")))
    assert "It failed." == ask(server, tools=[add])
    result = server.bodies[1]["messages"][-1]["content"][0]
    assert (True, True) == (result["is_error"], "OverflowError: too much" in result["content"])


def test_an_async_function_is_run():
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    server = Server(called(uses()), said(text("3")))
    assert "3" == ask(server, tools=[add]).calls[0].content


def test_undo_takes_the_whole_question_back():
    talk = Thread()
    chat.ask("What is an index? An index is a label.", thread=talk)
    chat.ask("add 2 and 3", tools=[add], thread=talk)
    assert "add 2 and 3" == talk.undo().question
    assert 2 == len(talk.messages)
    valid(talk)


def test_the_next_question_sends_the_history_as_it_was():
    talk = Thread()
    server = Server(called(text("I add."), uses()), said(text("3")), said(text("Yes")))
    ask(server, tools=[add], thread=talk)
    ask(server, "Sure?", thread=talk)
    assert (
        server.bodies[1]["messages"]
        + [
            {"role": "assistant", "content": [text("3")]},
            {"role": "user", "content": [text("Sure?")]},
        ]
        == server.bodies[2]["messages"]
    )
    assert "tools" not in server.bodies[2]  # tools are off unless named (O2)


def test_tools_of_the_service_and_mcp_servers_go_along():
    server = Server(said(text("Done")))
    own = {"name": "mine", "input_schema": {"type": "object"}}
    box = Toolbox([add])
    tools = ["web_search", mcp("https://mcp.example/sse", "notes"), box]
    ask(server, tools=tools, params={"tools": [own], "betas": ["b-1"]})
    body = server.bodies[0]
    assert ["mine", "web_search", "notes", "add"] == [
        t.get("name") or t.get("mcp_server_name") for t in body["tools"]
    ]
    assert "notes" == body["mcp_servers"][0]["name"]


def test_a_toolbox_keeps_the_time_its_calls_may_take():
    async def hang(a: int, b: int) -> str:
        """Never answer."""
        await asyncio.sleep(60)

    server = Server(called(uses("hang")), said(text("It hangs.")))
    answer = ask(server, tools=Toolbox([hang], timeout=0.01))
    assert "0.01 s" in answer.calls[0].content


def test_a_tool_alone_needs_no_list():
    assert ["add"] == [call.name for call in chat.ask("add 2 and 3", tools=add).calls]


def test_a_pause_within_a_loop_is_gone_on_from():
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    server = Server(
        called(uses()), said(search, stop_reason="pause_turn"), said(found, text("Found")), said(text("!"))
    )
    answer = ask(server, tools=[add, "web_search"], thread=(talk := Thread()))
    assert ("Found", 2) == (str(answer), len(answer.steps))
    assert [search, found, text("Found")] == talk.turns[0].messages[-1]["content"]
    assert {"role": "assistant", "content": [search]} == server.bodies[2]["messages"][-1]
    valid(talk)


# ---- limits (O5) -------------------------------------------------------------------------------------------


def test_o5_at_the_limit_of_steps_open_calls_are_answered_and_it_can_be_gone_on_with():
    server = Server(*(called(uses(number=n)) for n in range(3)), said(text("At last")))
    talk = chat.threads.get("t")
    answer = ask(server, tools=[add], max_steps=2, thread=talk)
    assert ("max_steps", 1, 2) == (answer.stop_reason, len(answer.calls), len(server.bodies))
    assert "%claude continue t" in answer.hint
    valid(talk)
    on = chat.go_on(talk, client=server.client(), stream=False)
    assert ("At last", 2, "tools") == (str(on), len(on.steps), "tools" if server.bodies[2]["tools"] else "")
    assert "limit of 2 steps" in server.bodies[2]["messages"][-1]["content"][0]["content"]


def test_o5_a_loop_never_costs_more_than_max_cost():
    server = Server(*(called(uses(number=n), usage=LONG) for n in range(10)))
    with pytest.raises(BudgetError) as caught:
        ask(server, tools=[add], max_cost="0.0012", max_tokens=1000, thread=(talk := chat.threads.get("t")))
    spent = sum(row.cost_usd for row in rows())
    assert 1 < len(server.bodies) < 10
    assert spent < Decimal("0.0012")
    assert ("error", len(server.bodies)) == (caught.value.answer.stop_reason, len(caught.value.answer.steps))
    assert (1, True) == (len(talk), talk.unfinished)
    valid(talk)


def test_o5_tools_of_the_service_and_a_budget_do_not_go_together():
    with pytest.raises(BudgetError) as caught:
        chat.ask("Search", tools=["web_search"], max_cost=1)
    assert "without --skill or --tool" in caught.value.hint
    assert [] == rows()


def test_there_must_be_a_step():
    with pytest.raises(InputError, match="one step"):
        chat.ask("add 1 and 2", tools=[add], max_steps=0)


# ---- what goes wrong in between ----------------------------------------------------------------------------


def test_m8_an_interrupt_in_a_function_leaves_a_valid_thread_and_sends_nothing_more():
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        signal.raise_signal(signal.SIGINT)
        return a + b

    server = Server(called(text("I add."), uses(), uses(number=2)), said(text("On")))
    talk = chat.threads.get("t")
    with pytest.raises(Stopped) as caught:
        ask(server, tools=[add], thread=talk)
    assert ("Stopped; type %claude continue t to go on", "I add.") == (
        str(caught.value),
        str(caught.value.answer),
    )
    assert (1, "stopped", True) == (len(server.bodies), talk.turns[0].stop_reason, talk.unfinished)
    valid(talk)
    chat.go_on(talk, client=server.client(), stream=False)
    told = [b.get("content") for b in server.bodies[1]["messages"][-1]["content"]][:2]
    assert ["interrupted this call", "not run"] == [
        w for w, t in zip(("interrupted this call", "not run"), told, strict=True) if w in t
    ]


def test_m8_an_interrupt_between_the_sends_keeps_what_was_answered(monkeypatch):
    server = Server(called(text("I add."), uses()), said(text("3")))

    class Watch:
        def text(self, piece):
            if piece == "3":
                signal.raise_signal(signal.SIGINT)

        def thinking(self, piece): ...

        def waiting(self, seconds, why): ...

    with pytest.raises(Stopped) as caught:
        ask(server, tools=[add], thread=(talk := Thread()), watch=Watch())
    assert ["ok", "stopped"] == [row.outcome for row in rows()]
    assert "I add." in caught.value.answer
    valid(talk)


def test_a_send_that_fails_keeps_the_results_for_the_next_question():
    server = Server(called(text("I add."), uses()), doors.error(529, "overloaded_error"), said(text("Yes")))
    talk = chat.threads.get("t")
    with pytest.raises(OverloadedError) as caught:
        ask(server, tools=[add], thread=talk)
    assert ("I add.", 1, "error") == (
        str(caught.value.answer),
        len(caught.value.answer.calls),
        talk.turns[0].stop_reason,
    )
    valid(talk)
    ask(server, "Sure?", thread=talk)
    assert ["3", "Sure?"] == [
        b.get("content") or b["text"] for b in server.bodies[2]["messages"][-1]["content"]
    ]


def test_a_refusal_in_the_middle_takes_the_question_out_of_the_history():
    server = Server(called(uses()), said(stop_reason="refusal"))
    answer = ask(server, tools=[add], thread=(talk := Thread()))
    assert ("refusal", 1, []) == (answer.stop_reason, len(answer.calls), talk.messages)


def test_an_answer_cut_in_a_call_is_no_call():
    cut = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
    server = Server(said(text("I add."), cut, stop_reason="max_tokens"))
    answer = ask(server, tools=[add], thread=(talk := Thread()))
    assert ("max_tokens", []) == (answer.stop_reason, answer.calls)
    valid(talk)


# ---- approval (O2) -----------------------------------------------------------------------------------------


@tool(side_effects=True)
def delete(name: str) -> str:
    """Delete a file."""
    return f"{name} is gone"


def test_o2_side_effects_ask_and_a_refusal_is_told_to_the_model():
    asked = []

    def approve(name, arguments):
        asked.append((name, arguments))
        return "not that one"

    server = Server(called(uses("delete", name="a.txt")), said(text("Left alone.")))
    answer = ask(server, tools=[delete, add], approve=approve)
    assert [("delete", {"name": "a.txt"})] == asked
    assert ("The user refused this call: not that one", True) == (
        answer.calls[0].content,
        answer.calls[0].is_error,
    )


def test_o2_a_function_that_approves_is_asked_before_every_call():
    asked = []
    server = Server(called(uses()), said(text("3")))
    ask(server, tools=[add], approve=lambda name, _: asked.append(name) or True)
    assert ["add"] == asked


@pytest.mark.parametrize(("tools", "approve"), [([delete], None), ([add], True)])
def test_o2_where_nobody_can_be_asked_nothing_is_sent(tools, approve):
    with pytest.raises(InputError, match="nobody to ask") as caught:
        chat.ask("delete a.txt", tools=tools, approve=approve)
    assert "approve=function" in caught.value.hint
    assert [] == rows()


# ---- a typed answer ----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Person:
    name: str
    age: int


GOOD, BAD = text('{"name":"Ada","age":36}'), text('{"name":"Ada"}')


def test_an_answer_of_a_type_has_a_value():
    answer = chat.ask("Ada is 36 years old.", returns=Person, thread=(talk := Thread()))
    assert (Person("Ada", 36), {"name": "Ada", "age": 36}) == (answer.value, answer.json())
    assert ({"name": "string", "age": "Int64"}, 1) == (dict(answer.df().dtypes.astype(str)), len(talk))
    assert talk.last is answer


def test_a_label_is_the_text_itself():
    answer = chat.ask("Is it good? yes", choices=["yes", "no"])
    assert "yes" == answer == answer.value
    assert '{"value":"yes"}' == answer.message.text


def test_an_answer_that_does_not_fit_is_asked_for_once_more_in_the_same_turn():
    server = Server(said(BAD), said(GOOD))
    answer = ask(server, returns=Person, thread=(talk := Thread()))
    assert (Person("Ada", 36), GOOD["text"]) == (answer.value, str(answer))
    assert "missing required field `age`" in server.bodies[1]["messages"][-1]["content"][0]["text"]
    assert (2, 2, sum(row.cost_usd for row in rows())) == (len(rows()), len(answer.steps), answer.cost)
    assert (1, GOOD["text"], 4) == (len(talk), talk.turns[0].answer, len(talk.messages))
    assert talk.last is answer
    valid(talk)


def test_an_answer_that_never_fits_is_an_error_with_its_text():
    server = Server(said(BAD), said(BAD))
    with pytest.raises(AnswerError, match=r"The answer is no Person, it does not fit: .*age") as caught:
        ask(server, returns=Person, thread=(talk := Thread()))
    assert (BAD["text"], BAD["text"], 2) == (caught.value.text, str(caught.value.answer), len(rows()))
    assert "object" == caught.value.schema["type"]
    valid(talk)


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "tool_use"])
def test_an_answer_that_broke_off_is_not_asked_for_again(reason):
    server = Server(said(BAD, stop_reason=reason))
    with pytest.raises(AnswerError) as caught:
        ask(server, returns=Person)
    assert (1, reason) == (len(server.bodies), caught.value.answer.stop_reason)
    assert caught.value.hint


def test_m7_what_is_asked_once_more_is_reserved_like_everything_else():
    server = Server(said(BAD, usage=LONG), said(GOOD))
    with pytest.raises(BudgetError) as caught:
        ask(server, returns=Person, max_tokens=1000, max_cost="0.0009")
    assert (1, BAD["text"]) == (len(server.bodies), str(caught.value.answer))


def test_a_value_may_come_after_calls():
    server = Server(called(text("I add."), uses()), said(BAD), said(GOOD))
    answer = ask(server, tools=[add], returns=Person)
    assert (Person("Ada", 36), 1, 3) == (answer.value, len(answer.calls), len(answer.steps))
    assert [None, None, {"type": "none"}] == [body.get("tool_choice") for body in server.bodies]
    assert server.bodies[0]["tools"] == server.bodies[2]["tools"]


# ---- what should not come, and what should not go ----------------------------------------------------------


def torn(whole_stream):
    """Answer with a call of `wipe` whose arguments end in the middle."""
    began = {"type": "tool_use", "id": "toolu_1", "name": "wipe", "input": {}}
    pieces = ({"type": "input_json_delta", "partial_json": p} for p in ('{"folder": "/home", ', '"dry": tr'))
    events = [streams.start(), *streams.block(0, began, *pieces), streams.change(stop_reason="tool_use")]
    if whole_stream:
        return doors.stream(*(b"data: %s\n\n" % wire.encode(event) for event in (*events, streams.STOP)))
    return called({**began, "input": '{"folder": "/home", "dry": tr'})


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_o2_a_call_that_was_torn_is_not_run_and_can_be_sent_back(stream):
    ran = []

    def wipe(folder: str = ".", dry: bool = False) -> str:
        """Wipe a folder."""
        ran.append(folder)
        return "done"

    end = doors.stream(doors.events("Again, then.")) if stream else said(text("Again, then."))
    server, talk = Server(torn(stream), end), Thread()
    answer = ask(server, tools=[wipe], stream=stream, thread=talk)
    assert ([], "Again, then.", True) == (ran, answer, answer.calls[0].is_error)
    assert "no JSON object" in answer.calls[0].content
    call = server.bodies[1]["messages"][1]["content"][0]
    assert {"INVALID_JSON": '{"folder": "/home", "dry": tr'} == call["input"]
    assert server.bodies[1]["messages"] == talk.messages[:3]
    valid(talk)


@pytest.mark.parametrize(
    "fields",
    [
        {"content": ["a text"]},
        {"content": "a text"},
        {"content": [{"text": "of no type"}]},
        {"content": [{"type": "text", "text": 5}]},
        {"content": [{"type": "tool_use", "name": "add", "input": {}}], "stop_reason": "tool_use"},
        {"usage": "none"},
        {"stop_reason": ["end_turn"]},
    ],
    ids=str,
)
def test_s5_what_is_no_message_is_our_own_error_and_the_conversation_goes_on(fields):
    talk = Thread()
    with pytest.raises(APIResponseError, match="not a message"):
        ask(Server(doors.json(doors.answer(**fields))), tools=[add], returns=int, thread=talk)
    assert [] == talk.messages
    assert "Well." == ask(Server(said(text("Well."))), thread=talk)


def test_s3_odd_figures_and_blocks_of_the_service_are_shown_as_far_as_they_can_be():
    usage = {"input_tokens": "5", "cache_creation": [1], "output_tokens": None, "cache_read_input_tokens": 2}
    odd = {"type": "web_search_tool_result", "tool_use_id": [1], "content": 5}
    answer = ask(Server(said(text("Hello."), odd, usage=usage)))
    assert "Hello." in showing.bundle(answer)["text/html"]


def keyed(question: str, api_key: str = KEY, database: str = "tides") -> str:
    """Look something up."""
    return question


def leaking(question: str, sent_as: str = KEY) -> str:
    """Look something up."""
    return question


def test_k1_o3_a_default_that_is_a_secret_is_not_told():
    server = Server(said(text("Hello.")))
    ask(server, tools=[keyed])
    told = {name: one.get("description") for name, one in taken(server.bodies[0]).items()}
    assert {"question": None, "api_key": None, "database": "default 'tides'"} == told


def taken(body):
    return body["tools"][0]["input_schema"]["properties"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"tools": [leaking]}, "A tool's definition"),
        ({"returns": {"name": f"as in {KEY}"}}, "The type of the answer"),
        ({"returns": {"type": "object", "properties": {KEY: {"type": "string"}}}}, "The type of the answer"),
        ({"choices": ["yes", KEY]}, "The type of the answer"),
    ],
    ids=["default", "description", "field", "label"],
)
def test_k1_a_key_in_what_a_reader_does_not_see_stops_the_call(given, what):
    server = Server(said(text("Hello.")))
    with pytest.raises(InputError, match="holds something shaped like a key") as caught:
        ask(server, **given)
    assert (True, False) == (caught.value.message.startswith(what), KEY in str(caught.value))
    assert [] == server.bodies
