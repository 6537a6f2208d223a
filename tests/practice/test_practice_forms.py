"""Is what is said free of slips: in other scripts, with a format's own words, with one of a thing?"""

from __future__ import annotations

import pytest

from claude_magic import asking


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
