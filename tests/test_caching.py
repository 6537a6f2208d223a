"""Is what the service should keep marked where it can pay, and nowhere else?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from claude_magic import limits, settings
from claude_magic.protocol import catalog
from claude_magic.talk import caching, chat, compose
from claude_magic.talk.thread import Thread
from tests.test_sending import Server, add, called, said, text, uses

LONG = "An index is a label for each row of a table. " * 400  # some 5,000 tokens
FILE = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def reply(words="Yes."):
    return {"role": "assistant", "content": [text(words)]}


def places(body):
    """Return where the marks of a body are, and for how long: ("messages.0.1", None) for 5 minutes."""
    found = {}
    for part in ("tools", "system"):
        blocks = body.get(part) if isinstance(body.get(part), list) else []
        found |= {f"{part}.{n}": b["cache_control"] for n, b in enumerate(blocks) if "cache_control" in b}
    for n, message in enumerate(body["messages"]):
        for m, block in enumerate(message["content"]):
            if "cache_control" in block:
                found[f"messages.{n}.{m}"] = block["cache_control"]
    return {place: control.get("ttl") for place, control in found.items()}


def marked(messages, mode="auto", model="claude-haiku-5-5", talks=False, calls=False, **more):
    body = {"model": model, "max_tokens": 9, "messages": messages, **more}
    return places(caching.marked(body, mode, compose.estimate, talks=talks, calls=calls))


QUESTION = user(text("What is an index?"))
ABOUT = user(FILE, text("What is an index?"))
TURNS = [user(text(LONG)), reply(), user(text("And a column?"))]
TOOLS = [{"name": "f", "description": LONG, "input_schema": {"type": "object"}}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"messages": [QUESTION]}, {}),
        ({"messages": [user(text(LONG))]}, {}),
        ({"messages": [user(text(LONG))], "talks": True}, {}),
        ({"messages": [QUESTION], "system": LONG}, {"system.0": None}),
        ({"messages": [QUESTION], "system": "Be brief."}, {}),
        ({"messages": [QUESTION], "tools": TOOLS}, {"tools.0": None}),
        ({"messages": [QUESTION], "tools": TOOLS, "system": "Be brief."}, {"system.0": None}),
        ({"messages": [ABOUT]}, {"messages.0.0": None}),
        ({"messages": TURNS, "talks": True}, {"messages.0.0": None, "messages.2.0": None}),
        ({"messages": TURNS}, {}),
        ({"messages": [user(text(LONG))], "calls": True}, {"messages.0.0": None}),
        (
            {"messages": [ABOUT, *TURNS[1:]], "talks": True, "system": LONG},
            {"system.0": None, "messages.0.0": None, "messages.0.1": None, "messages.2.0": None},
        ),
        ({"messages": [user(text(LONG), text("What is an index?"))]}, {"messages.0.0": None}),
        ({"messages": [user(text(LONG), FILE, text(LONG), text("Well?"))]}, {"messages.0.2": None}),
        ({"messages": [user(text("Well?"), text("Now?"))]}, {}),
        ({"messages": [ABOUT], "mode": "off"}, {}),
        ({"messages": [QUESTION], "system": LONG, "mode": "1h"}, {"system.0": "1h"}),
        ({"messages": [user(text(LONG))], "mode": "5m"}, {"messages.0.0": None}),
        ({"messages": [QUESTION], "mode": "5m"}, {}),
    ],
)
def test_a_mark_ends_what_the_next_question_begins_with_too(given, expected):
    assert expected == marked(**given)


@pytest.mark.parametrize(
    ("model", "marks"),
    [("claude-opus-4-6", 0), ("claude-opus-4-7", 1), ("claude-mythos-5-2", 0), ("claude-of-tomorrow-9", 0)],
)
def test_what_the_model_does_not_keep_or_has_no_known_price_for_is_not_marked(model, marks):
    assert marks == len(marked([QUESTION], model=model, system=LONG[:12_000]))


def test_an_uploaded_file_is_long_enough():
    file = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    assert {"messages.0.0": None} == marked([user(file, text("Well?"))])


def test_marks_of_the_readers_own_are_left_alone():
    own = {**text(LONG), "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert {"messages.0.0": "1h"} == marked([user(own, FILE, text("Well?"))], system=LONG)


def test_thinking_is_never_marked_and_the_body_is_not_changed():
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    body = {"model": "claude-haiku-5-5", "max_tokens": 9, "messages": [user(text(LONG), thinking)]}
    made = caching.marked(body, "5m", compose.estimate, talks=True)
    assert {"messages.0.0": None} == places(made)
    assert {} == places(body)


def test_m7_the_worst_case_knows_what_a_mark_costs():
    body = compose.compose([user(text(LONG))])
    for mode, factor in (("5m", Decimal("1.25")), ("1h", Decimal(2))):
        more = caching.marked(body, mode, compose.estimate, talks=True)
        prices = catalog.price("claude-haiku-5-5")
        extra = limits.worst_case_of(more) - limits.worst_case_of(body)
        assert extra > limits.most_input_tokens(body) * prices.input * (factor - 1) / 1_000_000


@pytest.mark.parametrize("cache", ["auto", "5m"])
def test_a_text_file_is_read_again_by_another_question_about_it(tmp_path, cache):
    (tmp_path / "long.txt").write_text(f"{cache} {LONG}")
    asked = [chat.ask(q, attach=[tmp_path / "long.txt"], cache=cache).usage for q in ("Why?", "How?")]
    assert asked[0].cache_creation_input_tokens == asked[1].cache_read_input_tokens > 2000
    assert asked[1].input_tokens < 100


def test_what_is_read_again_is_cheaper_and_the_answer_says_by_how_much():
    talk = Thread(system=LONG)
    first = chat.ask("What is an index?", thread=talk)
    again = chat.ask("What is a row?", thread=talk)
    assert first.usage.cache_creation_input_tokens > 2000 < again.usage.cache_read_input_tokens
    assert first.cache_saved < 0 < again.cache_saved
    fresh = chat.ask("What is a row?", thread=Thread(system=LONG), cache="off")
    assert 0 == fresh.usage.cache_read_input_tokens == fresh.cache_saved
    read = Decimal(again.usage.cache_read_input_tokens) * (Decimal("0.1") - Decimal("0.01"))
    written = Decimal(again.usage.cache_creation_input_tokens) * Decimal("0.025")
    assert (read - written) / 1_000_000 == again.cache_saved


def test_what_is_saved_is_not_known_where_the_price_is_not():
    assert None is caching.saved({"input_tokens": 1, "output_tokens": 1}, "claude-of-tomorrow-9")


def test_each_send_of_a_loop_reads_what_the_one_before_has_written():
    server = Server(called(uses()), said(text("3")))
    talk = Thread(system=LONG)
    chat.ask("Go", tools=[add], thread=talk, client=server.client(), stream=False)
    assert [["system.0", "messages.0.0"], ["system.0", "messages.0.0", "messages.2.0"]] == [
        list(places(body)) for body in server.bodies
    ]
    assert {} == places({"messages": talk.messages})


def test_the_setting_holds_where_nothing_is_said():
    settings.use("cache", "off")
    server = Server(said(text("Yes")), said(text("Yes")))
    for cache in (None, "1h"):
        chat.ask("Go", system=LONG, cache=cache, client=server.client(), stream=False)
    assert [{}, {"system.0": "1h"}] == [places(body) for body in server.bodies]
