"""Which answers did a teacher write for a lesson?"""

from __future__ import annotations

import pytest

from claude_magic.errors import InputError
from claude_magic.practice.script import EXAMPLE, load


@pytest.fixture
def lesson(tmp_path, make_api):
    def write(text):
        path = tmp_path / "lesson.toml"
        path.write_text(text, "utf-8")
        return make_api(script=path)

    return write


def test_the_example_works_and_is_labelled(make_api):
    api = make_api(script=EXAMPLE)
    assert "[practice] A list is what the next cell is about." in api.say("What is a list?")
    call = api.message("How is the weather?")["content"][0]
    assert ("get_weather", {"city": "Paris"}) == (call["name"], call["input"])
    assert 529 == api.post("overload").status
    assert 0.5 in list(api.post("Count to 3").parts())
    assert "Something else" in api.say("Something else happened today.")


def test_groups_are_filled_in_and_the_first_match_wins(lesson):
    api = lesson(
        "[[answer]]\nwhen='(\\w+) and (\\w+)'\nsay='{2} {1} {0} {3}'\n[[answer]]\ncontains='and'\nsay='late'"
    )
    assert "[practice] b a a and b {3}" == api.say("a and b")
    assert "[practice] late" == api.say("and")


def test_an_answer_can_be_one_models(lesson):
    api = lesson("[[answer]]\ncontains='hi'\nsay='yes'\nmodel='claude-opus-5'")
    assert "[practice] yes" == api.say("hi", model="claude-opus-5")
    assert "yes" not in api.say("hi")


def test_what_is_contained_is_plain_text(lesson):
    api = lesson("[[answer]]\ncontains='1+1'\nsay='two'")
    assert "[practice] two" == api.say("What is 1+1?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[answer]]\nwhen='a'\nsay='b'\nsays='c'\nmodle='d'", "answer 1: unknown modle, says"),
        ("[[answers]]", "unknown answers"),
        ("[[answer]]\nsay='b'", "give one of `when` and `contains`"),
        ("[[answer]]\nwhen='a'\ncontains='a'\nsay='b'", "give one of `when` and `contains`"),
        ("[[answer]]\nwhen='a'", "give `say`, `tool` or `error`"),
        ("[[answer]]\nwhen='('\nsay='b'", "`when` is no regular expression"),
        ("[[answer]]\nwhen='a'\nsay=5", "`say` has a wrong kind of value"),
        ("[[answer]]\nwhen='a'\nerror=418", "`error` is 418"),
        ("answer = [1]", "not a table"),
        ("[[answer", "is not TOML"),
    ],
)
def test_a_mistake_in_a_lesson_is_named(lesson, text, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")) as caught:
        lesson(text)
    assert caught.value.hint


def test_no_lesson_answers_nothing():
    assert load(None).answer("hi", "claude-opus-5") is None
