"""Is what is sent shown, what it takes, and nothing that is secret?"""

from __future__ import annotations

import pytest

from claude_magic.prompts.prompt import render
from claude_magic.prompts.values import Shown
from claude_magic.show import requestview
from claude_magic.talk import compose
from tests.shells import KEY

MODEL = "claude-haiku-5-5"
NAMES = {"text": "word " * 400, "small": 3, "rows": [{"a": n} for n in range(100)]}


def request(prompt, **more):
    """Return a body and the prompt it is of."""
    rendered = render(prompt, NAMES)
    return {
        "model": MODEL,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": rendered.blocks}],
        **more,
    }, rendered


def test_the_parts_add_up_to_the_estimate_of_the_whole():
    body, rendered = request("Sum up {text} and {rows} of {small}.", system="Briefly. " * 20)
    found = requestview.parts(body, rendered)
    names = [
        "system prompt",
        "text: text, 2,000 characters",
        "rows: list of 100",
        "small: int",
        "the question itself",
    ]
    assert names == [part.what for part in found]
    assert compose.estimate(body) == pytest.approx(sum(part.tokens for part in found), abs=12)
    assert 1 == pytest.approx(sum(part.share for part in found))


def test_money_is_that_of_the_model_or_not_known():
    body, rendered = request("Sum up {text}")
    assert all(part.usd for part in requestview.parts(body, rendered))
    unknown = {**body, "model": "claude-unheard-of"}
    assert [None, None] == [part.usd for part in requestview.parts(unknown, rendered)]
    assert "price unknown" in requestview.text(unknown, rendered)
    assert "$0" not in requestview.text(unknown, rendered)


def test_earlier_messages_tools_form_and_marks_of_the_cache_are_told():
    body, rendered = request("And {small}?")
    marked = {"type": "text", "text": "Once", "cache_control": {"type": "ephemeral"}}
    body["messages"][:0] = [{"role": "user", "content": [marked]}, {"role": "assistant", "content": "Yes"}]
    body |= {"tools": [{"name": "tide"}], "output_config": {"format": {"type": "json_schema", "schema": {}}}}
    text = requestview.text(body, rendered)
    for words in ("1 tool ", "2 earlier messages ", "form of the answer ", "cached up to message 1\n"):
        assert words in text


def test_a_request_that_follows_shows_what_is_new_in_it(shell):
    shell.run("def tide(place: str) -> str:\n    'Return the tide of a place.'\n    return 'high'")
    result = shell.run("%%claude --tool tide --show-request\nWhat is the tide of the place Dover?")
    first, second = (o.data["text/plain"] for o in result.outputs[:2])
    assert '"description": "Return the tide of a place."' in first
    assert "results of tools" in second
    assert "[… 1 as before]" in second
    assert "Return the tide" not in second


def test_k1_o3_a_secret_is_held_back_wherever_it_is():
    secret = "tooth-fairy-knows"
    server = {"type": "url", "url": f"https://x.org?token={secret}", "authorization_token": secret}
    body, rendered = request("hi", mcp_servers=[server], metadata={"note": f"key {KEY} it is"}, system=KEY)
    for shown in (requestview.text(body, rendered), requestview.as_html(body, rendered)):
        assert secret not in shown
        assert KEY not in shown
        assert requestview.HELD_BACK in shown
    body, rendered = request("hi", tools=[{"name": "f", "input_schema": {"properties": {KEY: {}}}}])
    rendered.shown[KEY] = Shown("text", "text")
    for shown in (requestview.text(body, rendered), requestview.as_html(body, rendered)):
        assert KEY not in shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 310, "x" * 300 + "[… 10 characters]"),
        ({"type": "base64", "data": "A" * 4000}, {"type": "base64", "data": "[3.0 kB]"}),
        ({"text": "short", "n": 1, "none": None}, {"text": "short", "n": 1, "none": None}),
    ],
    ids=["text", "file", "short"],
)
def test_what_is_long_is_cut_and_says_so(value, expected):
    assert expected == requestview.shortened(value)


def test_what_is_folded_is_whole_up_to_many_pages():
    body, rendered = request("{text}", system="tide " * 100 + "high" + "x" * requestview.MOST_FOLDED)
    folded = requestview.as_html(body, rendered)
    assert "word " * 400 in folded and "tide high" in folded
    assert "[… 504 characters]" in folded


def test_a_correction_s_parts_are_told_each(shell):
    shell.run("penguins = 3")
    shell.run("print(penguins + 'a')")
    told = shell.run("%claude fix --show-request").outputs[0].data["text/plain"]
    for what in ("]: 1 line", "traceback: TypeError", "penguins: int", "the question itself"):
        assert what in told


def test_of_a_long_list_both_ends_are_shown():
    made = requestview.shortened(list(range(100)))
    assert (0, "[… 60 more]", 99) == (made[0], made[20], made[-1])


def test_o1_a_request_is_shown_as_text():
    body, rendered = request("<script>window.pwned=1</script>", system="</div><img src=x onerror=1>")
    html = requestview.as_html(body, rendered)
    assert "<script" not in html
    assert "<img" not in html


def test_a_quiet_question_shows_no_request(shell):
    assert [] == shell.run("%%claude -q --show-request\nhi").outputs
