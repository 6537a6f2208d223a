"""Is the body of a call what the question, the settings and the model allow?"""

from __future__ import annotations

import base64

import pandas as pd
import pytest

from claude_magic import settings
from claude_magic.errors import ConfigError, InputError
from claude_magic.talk import compose
from claude_magic.talk.thread import Thread

HI = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]


def test_a_plain_question_sends_no_more_than_it_needs():
    assert {"model": "claude-haiku-5-5", "max_tokens": 4096, "messages": HI} == compose.compose(HI)


def test_arguments_come_before_settings(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_SYSTEM", "Be brief.")
    monkeypatch.setenv("CLAUDE_MAGIC_EFFORT", "low")
    body = compose.compose(HI, model="opus", max_tokens=9)
    assert ("claude-opus-5-5", 9, "Be brief.", {"effort": "low"}) == (
        body["model"],
        body["max_tokens"],
        body["system"],
        body["output_config"],
    )
    assert {"effort": "high"} == compose.compose(HI, effort="high")["output_config"]
    assert "system" not in compose.compose(HI, system="")


def test_m7_parameters_in_extra_body_are_seen_by_a_budget():
    body = compose.compose(
        HI, max_tokens=9, params={"extra_body": {"max_tokens": 900, "model": "opus", "x": 1}}
    )
    assert {"model": "claude-opus-5-5", "max_tokens": 900, "messages": HI, "x": 1} == body


@pytest.mark.parametrize("params", [{"messages": 5}, {"messages": None}, {"max_tokens": "5"}])
def test_a_parameter_that_cannot_be_counted_is_refused(params):
    with pytest.raises(InputError, match="must be"):
        compose.compose(HI, params=params)


def test_a_thread_has_a_system_prompt_of_its_own():
    settings.use("system", "From the settings")
    asked = HI[0]
    assert "From the settings" == compose.request(Thread(), asked)["system"]
    assert "Its own" == compose.request(Thread(system="Its own"), asked)["system"]
    assert "Given" == compose.request(Thread(system="Its own"), asked, system="Given")["system"]


@pytest.mark.parametrize(
    ("model", "think", "effort", "sent"),
    [
        ("claude-haiku-5-5", None, None, None),
        ("claude-haiku-5-5", True, None, {"type": "adaptive", "display": "summarized"}),
        ("claude-haiku-5-5", False, None, {"type": "disabled"}),
        ("claude-haiku-5-5", False, "high", {"type": "disabled"}),
        ("claude-sonnet-5-5", False, "high", {"type": "between_tools"}),
        ("claude-sonnet-5", False, "max", {"type": "disabled"}),
        ("claude-opus-4-8", False, None, {"type": "disabled"}),
        ("claude-haiku-4-5", True, None, {"type": "enabled", "budget_tokens": 2048}),
        ("claude-of-tomorrow-9", True, None, {"type": "adaptive", "display": "summarized"}),
        ("claude-of-tomorrow-9", False, None, {"type": "disabled"}),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(model, think, effort, sent):
    assert sent == compose.compose(HI, model=model, think=think, effort=effort).get("thinking")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "claude-opus-5-5", "think": False}, "Leave out --no-think"),
        ({"model": "claude-haiku-5-5", "think": False, "effort": "max"}, "--effort high or lower"),
        ({"model": "claude-sonnet-5-5", "think": False, "effort": "xhigh"}, "--effort high or lower"),
        ({"model": "claude-haiku-4-5", "think": True, "max_tokens": 1024}, "-n 4000"),
        ({"model": "claude-haiku-4-5", "effort": "low"}, "Leave out --effort"),
        ({"model": "claude-opus-4-6", "effort": "xhigh"}, "low or medium or high or max"),
        ({"model": "claude-haiku-5-5", "max_tokens": 10**6}, "-n 128000 or less"),
        ({"max_tokens": 0}, "-n 1000"),
        ({"params": {"max_tokens": "many"}}, "-n 1000"),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_what_to_type(given, words):
    with pytest.raises(InputError) as caught:
        compose.compose(HI, **given)
    assert words in caught.value.hint


def test_an_unknown_effort_is_refused_before_sending():
    with pytest.raises(ConfigError, match="effort must be one of low"):
        compose.compose(HI, effort="huge")


def test_a_setting_for_all_models_gives_way_to_a_model_that_has_it_not():
    settings.use("effort", "low")
    settings.use("max_tokens", 100_000)
    assert "output_config" not in compose.compose(HI, model="claude-haiku-4-5")
    assert 64_000 == compose.compose(HI, model="claude-haiku-4-5")["max_tokens"]


def test_params_go_on_top_and_keep_the_effort():
    form = {"format": {"type": "json_schema", "schema": {}}}
    given = {"output_config": form, "model": "opus", "max_tokens": 7, "new_field": [1], "stream": True}
    body = compose.compose(HI, model="haiku", effort="low", params=given)
    assert ({"effort": "low", **form}, "claude-opus-5-5", 7, [1]) == (
        body["output_config"],
        body["model"],
        body["max_tokens"],
        body["new_field"],
    )
    assert "stream" not in body


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("claude-haiku-5-5", None),
        ("claude-opuss-5-5", "Did you mean claude-opus-5-5?"),
        ("gpt", "is sent as it is."),
        ("claude-sonnet-4-5-20250929", "deprecated and retires on 2026-11-30"),
        ("claude-3-opus-20240229", "retired"),
    ],
)
def test_a_model_that_is_unknown_or_leaving_is_noted(model, words):
    told = compose.notes({"model": model})
    assert [] == told if words is None else words in told[0]


@pytest.mark.parametrize("empty", ["", "  \n", [], [{"type": "text", "text": " "}]])
def test_an_empty_question_is_refused(empty):
    with pytest.raises(InputError, match="no question"):
        compose.blocks(empty)


def test_files_are_attached(tmp_path):
    (tmp_path / "notes.txt").write_text("From the file")
    made = compose.blocks("What does it say?", [tmp_path / "notes.txt"])
    assert "From the file" in str(made)
    assert "What does it say?" in str(made[-1])
    alone = compose.blocks([{"type": "text", "text": "Blocks {stay}"}], [tmp_path / "notes.txt"])
    assert {"type": "text", "text": "Blocks {stay}"} == alone[-1]


def test_what_is_counted_leaves_out_what_the_count_does_not_take():
    body = compose.compose(HI, think=True, params={"metadata": {"user_id": "x"}, "stop_sequences": ["."]})
    assert {"model", "messages", "thinking"} == set(compose.countable(body))


def test_an_estimate_grows_with_text_tools_and_pictures_but_not_with_their_bytes(client):
    plain = compose.estimate(compose.compose(HI))
    assert plain == client.messages.count_tokens(**compose.countable(compose.compose(HI))).input_tokens
    tools = compose.estimate(
        compose.compose(HI, params={"tools": [{"name": "f", "description": "word " * 50}]})
    )
    assert plain + 50 < tools
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (1000).to_bytes(4, "big") * 2 + b"\0" * 40_000
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png).decode()}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}, *HI[0]["content"]]}]
    picture = compose.estimate(compose.compose(messages))
    assert 36 * 36 <= picture - plain <= 36 * 36 + 30
    source["data"] = "not base64"
    assert plain < compose.estimate(compose.compose(messages))


def test_one_attachment_needs_no_list(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Seven hills.")
    for given in (str(path), path, [path], (path,), iter([path])):
        assert "Seven hills." in compose.blocks("Where?", given)[0]["text"]
    for nothing in ((), [], "", None):
        assert HI[0]["content"] == compose.blocks("Hi", nothing)
    frame = pd.DataFrame({"hill": ["Palatine"]})
    assert "Palatine" in compose.blocks("Where?", frame)[0]["text"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (5, "A question is a text, or a list of content blocks, and not of type int"),
        (None, "A question is a text, or a list of content blocks, and not of type NoneType"),
        (["Hi", 5], "In a list each content block is a dict, and not of type str"),
    ],
)
def test_what_is_no_question_is_told_with_what_is(given, what):
    with pytest.raises(InputError, match=what) as caught:
        compose.blocks(given)
    assert "attach=" in caught.value.hint
