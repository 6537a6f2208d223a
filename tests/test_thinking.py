"""Is thinking asked for, and effort set, as each model of the catalogue takes it?

The table is written from the pages on thinking and on effort, not from the catalogue:
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking,
https://platform.claude.com/docs/en/build-with-claude/effort
"""

from __future__ import annotations

import pytest

from claude_magic.errors import InputError
from claude_magic.grammar.flags import EFFORTS
from claude_magic.protocol import catalog
from claude_magic.talk import chat, compose

HI = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
ADAPTIVE = {"type": "adaptive", "display": "summarized"}
BUDGET = {"type": "enabled", "budget_tokens": 2048}
OFF, BETWEEN = {"type": "disabled"}, {"type": "between_tools"}
NEVER = None  # refused

ALL, NO_XHIGH, THREE = EFFORTS, ("low", "medium", "high", "max"), ("low", "medium", "high")
TABLE = [
    # model, --think, --no-think up to effort high, --no-think at xhigh and max, efforts
    ("claude-fable-5-1", ADAPTIVE, NEVER, NEVER, ALL),
    ("claude-mythos-5-1", ADAPTIVE, NEVER, NEVER, ALL),
    ("claude-fable-5", ADAPTIVE, NEVER, NEVER, ALL),
    ("claude-mythos-5", ADAPTIVE, NEVER, NEVER, ALL),
    ("claude-opus-5-5", ADAPTIVE, NEVER, NEVER, ALL),
    ("claude-sonnet-5-5", ADAPTIVE, BETWEEN, NEVER, ALL),
    ("claude-haiku-5-5", ADAPTIVE, OFF, NEVER, ALL),
    ("claude-opus-5", ADAPTIVE, OFF, NEVER, ALL),
    ("claude-sonnet-5", ADAPTIVE, OFF, OFF, ALL),
    ("claude-opus-4-8", ADAPTIVE, OFF, OFF, ALL),
    ("claude-opus-4-7", ADAPTIVE, OFF, OFF, ALL),
    ("claude-mythos-preview", ADAPTIVE, NEVER, NEVER, NO_XHIGH),
    ("claude-opus-4-6", ADAPTIVE, OFF, OFF, NO_XHIGH),
    ("claude-sonnet-4-6", ADAPTIVE, OFF, OFF, NO_XHIGH),
    ("claude-opus-4-5-20251101", BUDGET, OFF, OFF, THREE),
    ("claude-sonnet-4-5-20250929", BUDGET, OFF, OFF, ()),
    ("claude-haiku-4-5-20251001", BUDGET, OFF, OFF, ()),
]
NOT_SEEN = {"claude-fable-5-2", "claude-mythos-5-2"}  # whose table is not published in full
every_model = pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


def asked(model, **given):
    """Return a body, or None where the model cannot do it."""
    try:
        return compose.compose(HI, model=model, **given)
    except InputError:
        return None


def thinking(model, **given):
    body = asked(model, **given)
    return None if body is None else body.get("thinking")


def test_the_table_has_every_model_that_can_be_asked():
    there = {model.id for model in catalog.all_models() if model.status != "retired"}
    assert there == {row[0] for row in TABLE} | NOT_SEEN


@every_model
def test_efforts_are_those_of_the_model(row):
    model, *_, efforts = row
    assert list(efforts) == [effort for effort in EFFORTS if asked(model, effort=effort)]


@every_model
def test_thinking_is_switched_as_the_model_takes_it(row):
    model, on, off, off_at_most, efforts = row
    calm = {"effort": "high"} if "high" in efforts else {}
    most = {"effort": "max"} if "max" in efforts else calm
    assert (on, off) == (thinking(model, think=True), thinking(model, think=False, **calm))
    assert off_at_most == thinking(model, think=False, **most)
    assert None is thinking(model)


@every_model
def test_the_service_takes_what_is_sent(row):
    model = row[0]
    for think in (True, False, None):
        if think is None or thinking(model, think=think):
            assert chat.ask("Hi", model=model, think=think, max_tokens=4096).stop_reason


@pytest.mark.parametrize("model", sorted(NOT_SEEN))
def test_what_is_not_known_of_a_model_is_sent_as_it_is(model):
    assert (ADAPTIVE, OFF) == (thinking(model, think=True), thinking(model, think=False))
    assert {"effort": "low"} == asked(model, effort="low")["output_config"]


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"thinking": {"display": "updates"}}, {"type": "adaptive", "display": "updates"}),
        ({"thinking": {"type": "adaptive"}}, {"type": "adaptive"}),
        ({"thinking": BUDGET}, BUDGET),
        ({}, ADAPTIVE),
    ],
)
def test_a_part_of_thinking_can_be_said_by_a_parameter(params, sent):
    assert sent == thinking("claude-opus-5-5", think=True, params=params)


def test_thinking_can_be_said_by_a_parameter_alone():
    params = {"thinking": {"display": "omitted"}}
    assert {"type": "adaptive", "display": "omitted"} == thinking("claude-opus-5-5", params=params)
