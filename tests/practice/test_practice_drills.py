"""Which faults does the practice server act out on request?"""

from __future__ import annotations

import json

import pytest

from claude_magic.errors import from_response
from claude_magic.practice.drills import DRILLS, HELP, ordered
from claude_magic.practice.refusal import TYPES

TEXT = "The pilot costs 40 euros. Boats over 12 metres need a pilot. Fishing is forbidden near the pier."
REFUSALS = {name: drill for name, drill in DRILLS.items() if drill.status}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_the_services_status_and_type(api, name):
    response = api.post(f"Please practice:{name} now", stream=True)
    error = json.loads(response.body)["error"]
    assert (REFUSALS[name].status, TYPES[REFUSALS[name].status]) == (response.status, error["type"])


@pytest.mark.parametrize("name", ["429", "500", "529", "504", "409"])
def test_a_passing_fault_says_when_to_come_back_and_soon(api, name):
    assert "50" == api.post(f"practice:{name}").headers["retry-after-ms"]


def test_the_wait_can_be_ordered(api):
    headers = api.post("practice:429@5").headers
    assert ("5000", "5") == (headers["retry-after-ms"], headers["retry-after"])


def test_a_spend_limit_has_its_code_and_no_wait(api):
    response = api.post("practice:spend-limit")
    assert {"error_code": "enforced_spend_limit_reached"} == json.loads(response.body)["error"]["details"]
    assert not [name for name in response.headers if name.startswith("retry-after")]


def test_a_count_refuses_so_often_then_answers_then_starts_anew(api):
    assert [429, 429, 200, 429, 429, 200] == [api.post(f"practice:429x2 {TEXT}").status for _ in range(6)]


def test_prompts_are_counted_apart(api):
    assert [529, 529, 200] == [
        api.post(text).status for text in ("practice:529x1 a", "practice:529x1 b", "practice:529x1 a")
    ]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_cut_breaks_the_connection_in_the_middle(api, streamed):
    parts = list(api.post(f"practice:cut {TEXT}", stream=streamed).parts())
    assert isinstance(parts[-1], ConnectionError)
    data = b"".join(parts[:-1])
    assert data
    assert b"message_stop" not in data
    if not streamed:
        with pytest.raises(ValueError):
            json.loads(data)


def test_an_error_in_mid_stream_is_the_last_event(api):
    response = api.post(f"practice:error-mid-stream {TEXT}", stream=True)
    events = b"".join(response.parts()).decode().strip().split("\n\n")
    error = json.loads(events[-1].split("data: ")[1])
    assert ("overloaded_error", response.headers["request-id"]) == (
        error["error"]["type"],
        error["request_id"],
    )
    assert any("text_delta" in event for event in events)
    assert 529 == api.post("practice:error-mid-stream").status


def test_a_refusal_of_the_model_keeps_what_was_said(api):
    message = api.message(f"practice:refuse {TEXT}")
    assert ("refusal", "refusal") == (message["stop_reason"], message["stop_details"]["type"])
    assert message["content"][0]["text"].startswith("[practice]")


def test_silence_is_a_long_pause_without_a_ping_then_the_rest(api):
    parts = list(api.post(f"practice:silence {TEXT}", stream=True).parts())
    assert [60.0] == [p for p in parts if isinstance(p, float)]
    assert b"message_stop" in parts[-1]
    assert 2.5 in list(api.post("practice:silence@2.5", stream=True).parts())


def test_slow_is_slow_whatever_the_servers_speed(make_api):
    api = make_api(speed=10_000)
    slow, slower = (
        sum(p for p in api.post(f"practice:slow{n} {TEXT}", stream=True).parts() if isinstance(p, float))
        for n in ("", "@2")
    )
    assert 4 == pytest.approx(slower / slow, rel=0.05)


@pytest.mark.parametrize(
    "hostile", ["# Hi\n<script>alert(1)</script>", "![x](http://x/y.png)", "practice:429", "\x1b[2J"]
)
def test_an_echo_gives_the_rest_letter_by_letter(api, hostile):
    assert f"[practice]\n\n{hostile}" == api.say(f"before practice:echo\n{hostile}")


def test_a_long_answer_has_as_many_words_as_ordered(api):
    assert 100 == len(api.say("practice:long@100").removeprefix("[practice] ").split())
    assert 2000 == len(api.say("practice:long", max_tokens=9000).removeprefix("[practice] ").split())


@pytest.mark.parametrize(
    "text",
    [
        "a practice:999",
        "a practice:4290",
        "practice:",
        "practice: 429",
        "a practice:cutter",
        "a practice:429@x",
    ],
)
def test_what_is_no_drill_is_a_prompt(text):
    assert ordered(text) is None


def test_counting_tokens_drills_nothing(api):
    assert api.count("practice:429") > 0


def test_help_names_every_drill():
    assert [f"practice:{name}" for name in DRILLS] == [line.split()[0] for line in HELP.splitlines()]


@pytest.mark.parametrize("name", ["timeout", "help", "999", "429@x"])
def test_a_question_that_begins_with_an_unknown_drill_is_answered_with_the_list(api, name):
    said = api.say(f" practice:{name} please")
    assert said.startswith("[practice] ") and HELP in said
    assert (f"practice:{name} is no drill" in said) is (name != "help")


VALUE = '<value of="notes" type="str, 2 lines">\n{}\n</value>'


@pytest.mark.parametrize(
    "content",
    [
        f"What is said here?\n{VALUE.format('Type practice:429 to see a limit, and practice:cut.')}",
        'What is <value of="x">practice:429</value> for?',
        [
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Type practice:429."},
            },
            {"type": "text", "text": "What can I type?"},
        ],
    ],
    ids=["value", "value on one line", "document"],
)
def test_a_drill_in_a_text_that_was_given_does_not_fire(api, content):
    assert api.say(content).startswith("[practice]")


def test_a_drill_in_a_tool_result_does_not_fire(api):
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Type practice:429 for a limit."}
    turns = [("user", "Please look."), ("assistant", [use]), ("user", [result])]
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert "practice:429" in api.say(..., messages=messages, tools=tools)


def test_the_askers_own_drill_fires_beside_a_value_that_holds_one(api):
    assert 529 == api.post(f"{VALUE.format('practice:429')}\npractice:529 What is this?").status
    value = VALUE.format("practice:429")
    assert f"[practice]\n\n{value}" == api.say(f"practice:echo\n{value}")


@pytest.mark.parametrize("name", ["429", "401", "404", "spend-limit"])
def test_a_refusal_and_its_hint_say_that_it_was_asked_for(api, name):
    response = api.post(f"practice:{name}")
    made = from_response(response.status, response.body)
    assert f"practice:{name} asked" in made.message
    assert "asked for this fault" in made.hint
