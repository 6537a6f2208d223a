"""Is an answer read as what was asked for, also by a model that cannot be held to it?"""

from __future__ import annotations

import enum
import pickle
from dataclasses import dataclass
from typing import Literal, TypedDict

import msgspec
import pydantic
import pytest

from claude_magic import wire
from claude_magic.errors import AnswerError, InputError
from claude_magic.protocol import catalog
from claude_magic.talk import chat, forms
from claude_magic.talk.answer import Answer
from tests.test_sending import Server, said, text

OLD = {
    "model": "claude-older-1",
    "input": 1,
    "output": 5,
    "context_window": 200_000,
    "max_output_tokens": 8192,
}


@dataclass
class Person:
    name: str
    age: int


class Row(TypedDict):
    name: str
    age: int


class Struct(msgspec.Struct):
    name: str
    age: int


class Model(pydantic.BaseModel):
    name: str
    age: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


def answer(*texts, stop_reason="end_turn"):
    blocks = [text(words) for words in texts]
    fields = {"type": "message", "role": "assistant", "content": blocks, "stop_reason": stop_reason}
    return Answer(wire.record({**fields, "model": "claude-haiku-5-5", "usage": {}}))


def read(returns, *texts, held=True):
    return forms.form(returns, None, "haiku")._replace(held=held).read(answer(*texts))


ADA = '{"name":"Ada","age":36}'


@pytest.mark.parametrize(
    ("returns", "said", "value", "shown"),
    [
        (Person, ADA, Person("Ada", 36), ADA),
        (Row, ADA, {"name": "Ada", "age": 36}, ADA),
        (Struct, ADA, Struct("Ada", 36), ADA),
        (Model, ADA, Model(name="Ada", age=36), ADA),
        ({"name": str, "age": int}, ADA, {"name": "Ada", "age": 36}, ADA),
        (Colour, '{"value":"blue"}', Colour.BLUE, "blue"),
        (Literal["yes", "no"], '{"value":"no"}', "no", "no"),
        (list[int], '{"value":[1,2]}', [1, 2], "[1,2]"),
        (int, '{"value": 5}', 5, "5"),
        (
            {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}},
            ADA,
            {"name": "Ada", "age": 36},
            ADA,
        ),
    ],
)
def test_an_answer_becomes_the_type_asked_for(returns, said, value, shown):
    found = read(returns, said)
    assert (value, shown) == (found.value, found.text)


def test_the_json_may_be_the_last_block_of_a_message():
    assert Person("Ada", 36) == read(Person, "I looked it up.", ADA).value


@pytest.mark.parametrize("said", ["", "no JSON", "[1]", '{"name":"Ada"}', '{"name":"Ada","age":"old"}'])
def test_what_does_not_fit_is_a_value_error(said):
    with pytest.raises(ValueError):
        read(Person, said)


def test_a_frame_has_the_dtypes_of_the_type():
    found = read(list[Person], '{"value":[{"name":"Ada","age":36},{"name":"Alan","age":41}]}')
    assert (True, [36, 41], "Int64") == (found.is_table, list(found.df().age), str(found.df().age.dtype))


def test_an_answer_with_a_value_can_be_pickled():
    kept = pickle.loads(
        pickle.dumps(answer('{"value":"yes"}').as_read(read(Literal["yes", "no"], '{"value":"yes"}')))
    )
    assert ("yes", "yes", ["value"]) == (str(kept), kept.value, list(kept.df()))


def test_without_a_type_the_value_is_the_text():
    assert ("Hello", None) == (answer("Hello").value, answer("Hello").read)


def test_a_type_and_labels_do_not_go_together():
    with pytest.raises(InputError, match="not both"):
        chat.ask("Well?", returns=int, choices=["a", "b"])
    with pytest.raises(InputError, match="two labels"):
        chat.ask("Well?", choices="a")


def test_what_the_service_compiles_is_in_the_request_and_effort_stays():
    server = Server(said(text('{"value":5}')))
    chat.ask("Well?", returns=int, effort="low", client=server.client(), stream=False)
    config = server.bodies[0]["output_config"]
    assert ("low", "json_schema", ["value"]) == (
        config["effort"],
        config["format"]["type"],
        config["format"]["schema"]["required"],
    )


def test_documents_are_not_cited_where_the_answer_is_of_a_type():
    source = {"type": "text", "media_type": "text/plain", "data": "Ada is 36."}
    document = {"type": "document", "source": source, "citations": {"enabled": True}}
    answer = chat.ask([document, text("Who is it?")], returns=Person)
    assert Person("Ada", 36) == answer.value
    with pytest.raises(InputError, match="cites nothing"):
        chat.ask([document, text("Who is it?")], returns=Person, citations=True)


# ---- a model that cannot be held to a schema ---------------------------------------------------------------


@pytest.fixture
def older(monkeypatch):
    """A model of the time before structured outputs."""
    catalog.override([OLD])
    made = catalog.find("claude-older-1")
    object.__setattr__(made, "released", "2024-01-01")
    return made.id


@pytest.mark.parametrize("words", [ADA, f"Here it is:\n```json\n{ADA}\n```\nWell?", f"```\n{ADA}\n```"])
def test_an_older_model_is_told_of_the_schema_and_its_answer_is_checked(older, words):
    from tests.test_chat import Seen

    server, watch = Server(said(text(words))), Seen()
    answer = chat.ask("Who?", returns=Person, model=older, client=server.client(), stream=False, watch=watch)
    assert (Person("Ada", 36), True) == (answer.value, "cannot be held to a schema" in watch.joined("note"))
    assert "output_config" not in server.bodies[0]
    assert '"age"' in server.bodies[0]["messages"][0]["content"][-1]["text"]


def test_an_older_model_is_asked_once_more_too(older):
    server = Server(said(text("Ada, 36")), said(text("I said: Ada, 36")))
    with pytest.raises(AnswerError) as caught:
        chat.ask("Who?", returns=Person, model=older, client=server.client(), stream=False)
    assert ("I said: Ada, 36", 2) == (caught.value.text, len(server.bodies))


def test_a_model_that_nobody_knows_is_taken_for_one_that_can():
    assert forms.form(int, None, "claude-of-tomorrow-9").held


def test_labels_may_be_one_text_or_an_enum():
    class Color(enum.Enum):
        RED = "red"
        BLUE = "blue"

    for given in ("red,blue", "red, blue", ["red", "blue"], Color):
        found = forms.form(None, given, "claude-haiku-5-5")
        assert found and ["red", "blue"] == found.shape.schema["properties"]["value"]["enum"]
    with pytest.raises(InputError, match="two labels") as caught:
        forms.form(None, "red", "claude-haiku-5-5")
    with pytest.raises(InputError, match="two labels"):
        forms.form(None, [], "claude-haiku-5-5")
    assert 'choices=["yes", "no"]' in caught.value.hint
