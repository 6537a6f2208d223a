"""Is the worst case of every send held before it goes, and is --max-cost for all sends of a question?"""

from __future__ import annotations

import pytest

from claude_magic import ledger, limits, settings
from claude_magic.errors import BudgetError
from claude_magic.talk import chat, holding
from tests import doors
from tests.books import held

CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"{city}: fair"


def asked_twice(app, limit, **given):
    """Ask what takes two sends, with a limit; return the paths that were asked."""
    with doors.Door(app).client as client:
        chat.ask(
            "Which?", model="haiku", max_tokens=100, stream=False, client=client, max_cost=limit, **given
        )
    return [request.path for request in app.requests]


@pytest.mark.parametrize(
    ("first", "given"),
    [
        (doors.answer("about seven"), {"returns": int}),
        (doors.answer(content=[CALL], stop_reason="tool_use"), {"tools": [weather]}),
    ],
    ids=["mending-an-answer", "a-tools-result"],
)
def test_m7_max_cost_is_for_all_sends_of_a_question(first, given):
    then = doors.json(doors.answer('{"value": 7}'))
    assert ["/v1/messages"] * 2 == asked_twice(doors.Asked(doors.json(first), then), "1", **given)
    first_usd, second_usd = (row.cost_usd for row in ledger.shared().rows())
    assert first_usd > 0 < second_usd
    enough_for_one = limits.worst_case("claude-haiku-5-5", 12, 100) + first_usd / 2
    with pytest.raises(BudgetError, match="of one question") as caught:
        asked_twice(doors.Asked(counting(first)), enough_for_one, **given)
    assert caught.value.answer is not None
    assert (3, 0) == held()


def counting(message):
    """Answer a count with 10 tokens, and a message with this one."""

    def answer(request):
        return doors.json({"input_tokens": 10} if "count" in request.path else message)

    return answer


def test_an_allowance_is_what_is_given_or_what_is_set():
    settings.use("max_cost", "0.5")
    assert [limits.usd(holding.allowance(given).limit) for given in (None, "0.25")] == ["$0.50", "$0.25"]
    one = limits.Allowance(None)
    assert one is holding.allowance(one)
