"""Does `messages.parse`, which programs for the official SDK know, give an answer as a type?"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from json import loads

import pytest

from claude_magic.errors import AnswerError
from tests.doors import ASK, Asked, Door, answer, json
from tests.ways import both, go


@dataclass
class City:
    name: str
    people: int


@both
def test_an_answer_is_parsed_and_stays_the_message_it_is(door: type[Door]):
    asked = Asked(json(answer('{"name": "Ulm", "people": 129942}')))
    found = go(
        door(asked), lambda c: c.messages.parse(**ASK, output_format=City, output_config={"effort": "low"})
    )
    assert City("Ulm", 129_942) == found.parsed_output
    assert ("msg_1", 200) == (found.id, found.response.status)
    assert "parsed_output" not in found.to_dict()
    sent = loads(asked.requests[0].body)
    assert ("low", "json_schema") == (
        sent["output_config"]["effort"],
        sent["output_config"]["format"]["type"],
    )
    assert ["name", "people"] == sent["output_config"]["format"]["schema"]["required"]
    assert copy.copy(found).parsed_output is None


@both
@pytest.mark.parametrize("text", ["", "no JSON", '{"name": "Ulm", "people": "many"}'])
def test_an_answer_that_does_not_fit_is_one_clear_error(door: type[Door], text):
    with pytest.raises(AnswerError, match="The answer is no City") as caught:
        go(door(Asked(json(answer(text)))), lambda c: c.messages.parse(**ASK, output_format=City))
    assert text == caught.value.text
    assert "ask(prompt, returns=TYPE)" in caught.value.hint
