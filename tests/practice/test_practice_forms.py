"""Is what is said free of slips: in other scripts, with a format's own words, with one of a thing?"""

from __future__ import annotations

import itertools

import pytest

from claude_magic.cells import asking
from claude_magic.talk.thread import GO_ON

MARS = "What colour is Mars? Mars is red, as the iron of its dust has rusted for four billion years."


@pytest.mark.parametrize(
    "prompt",
    ["火星是什么颜色？火星是红色的。", "ما لون المريخ؟ لون المريخ أحمر جدا."],
    ids=["chinese", "arabic"],
)
def test_a_text_in_another_script_is_divided_into_question_and_answer(api, prompt):
    _, _, told = prompt.replace("؟", "？").partition("？")
    assert f"[practice] {told.strip()}" == api.say(prompt)


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        ("html", "Answer with HTML only, in one fenced code block."),
        ("json", "Answer with JSON only."),
        ("df", "Answer with a JSON array of objects, one for each row, and nothing else."),
        ("code", "Write the answer as one fenced code block."),
    ],
)
def test_what_a_format_adds_is_not_quoted(api, form, ending):
    said = api.say([{"type": "text", "text": "What is Mars?"}, {"type": "text", "text": ending}])
    assert "What is Mars?" in said and ending not in said
    assert ending == asking.ASKED_FOR[form]


def test_one_of_a_thing_is_said_as_one(api):
    said = api.say("Describe it.\n1 row × 1 columns\n- city: text")
    assert "1 row and 1 column:" in said
    said = api.say("Describe it.\n\n| city | size |\n|---|---|\n| Rome | big |")
    assert "1 row and 2 columns" in said and "`city` has one value: Rome." in said


def test_code_for_a_frame_calls_it_by_its_name(api):
    table = "species,mass\nAdelie,3700\nGentoo,5000\nAdelie,3800"
    value = f'<value of="penguins" type="DataFrame 3×2">\n{table}\n</value>'
    said = api.say(f"Write code for the mean mass by species.\n{value}")
    assert "result = penguins.groupby('species')['mass'].mean()" in said
    assert "result = df.groupby(" in api.say(f"Write code for the mean mass by species.\n\n{table}")


def test_a_greeting_in_a_format_is_quoted_and_not_the_format(api):
    said = api.say(
        [{"type": "text", "text": "hello there"}, {"type": "text", "text": "Answer with JSON only."}]
    )
    assert "“hello there”" in said


def test_to_go_on_after_a_whole_answer_is_not_answered_with_the_question(api):
    assert "There is no more" in api.say(GO_ON)
    said = api.say(MARS)
    assert "There is no more" in api.say(GO_ON, messages=asked(MARS, said, GO_ON))


def test_an_answer_that_was_cut_goes_on_where_it_stopped_and_again(api):
    whole, parts = api.say(MARS), []
    turns = [MARS]
    while "There is no more" not in (part := api.say("", messages=asked(*turns), max_tokens=9)):
        turns += [part, GO_ON]
        parts.append(part)
    assert 3 <= len(parts)
    assert whole == parts[0] + "".join(part.removeprefix("[practice] …") for part in parts[1:])


def asked(*turns):
    roles = itertools.cycle(("user", "assistant"))
    return [{"role": role, "content": said} for role, said in zip(roles, turns, strict=False)]
