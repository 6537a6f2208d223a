"""Is the call of a tool shown whole, folded and harmless?"""

from __future__ import annotations

import pytest

from claude_magic.show import toolcalls
from claude_magic.tools.toolbox import Ran
from tests.hostile import HOSTILE

RAN = Ran("weather", {"place": "Dover", "days": 2}, "18 °C", False, 1.23)


def test_a_call_is_folded_under_its_name_and_has_arguments_and_result_inside():
    html = toolcalls.html([RAN])
    summary, _, inside = html.partition("</summary>")
    assert summary.endswith("weather(place=&#x27;Dover&#x27;, days=2) · 1.2 s")
    assert "&quot;days&quot;: 2" in inside
    assert "18 °C" in inside


def test_a_call_that_failed_says_so():
    html = toolcalls.html([RAN._replace(is_error=True, seconds=0.0)])
    assert "days=2) · failed</summary>" in html


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
def test_o1_a_call_does_nothing_whatever_its_arguments_and_result_are(attack):
    html = toolcalls.html([Ran(attack, {attack: attack}, attack, False, 0.0)])
    assert {"<details", "<summary", "<div", "<pre"} == {
        f"<{part.split()[0].split('>')[0]}" for part in html.split("<")[1:] if not part.startswith("/")
    }


def test_a_long_result_is_cut_and_says_so():
    html = toolcalls.html([RAN._replace(content="x" * 10_000)])
    assert toolcalls.MOST + 2_000 > len(html)
    assert "6,000 characters left out" in html


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb", "a b · 1.2 s"),
        ([{"type": "text", "text": "a"}, {"type": "image", "source": {}}], "a [image] · 1.2 s"),
        ("\x1b[2Jx" * 100, None),
    ],
)
def test_o4_what_became_of_a_call_is_one_line_without_escapes(content, expected):
    told = toolcalls.told(RAN._replace(content=content))
    assert expected in (None, told)
    assert "\x1b" not in told
    assert "\n" not in told
    assert toolcalls.MOST_TOLD + 20 > len(told)


def test_calls_at_the_service_are_told_by_the_blocks_of_an_answer():
    found = toolcalls.at_the_service(
        [
            {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"query": "tides"}},
            {"type": "web_search_tool_result", "tool_use_id": "1", "content": [{"title": "Tides"}]},
            {"type": "server_tool_use", "id": "2", "name": "web_fetch", "input": {}},
            {
                "type": "web_fetch_tool_result",
                "tool_use_id": "2",
                "content": {"type": "web_fetch_tool_result_error"},
            },
            {"type": "text", "text": "So it is."},
        ]
    )
    assert [("web_search", {"query": "tides"}, False), ("web_fetch", {}, True)] == [
        (ran.name, ran.input, ran.is_error) for ran in found
    ]
    assert "Tides" in toolcalls.text(found[0].content)
