"""Is the reader asked before a call, with all of it in view, and only where somebody can answer?"""

from __future__ import annotations

import builtins

import pytest

from claude_magic.talk import approving
from claude_magic.talk.approving import by_input, call


@pytest.fixture
def typed(monkeypatch):
    """Let the test type the answers; returns what was asked."""
    asked, answers = [], []

    def put(prompt):
        asked.append(prompt)
        found = answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(builtins, "input", put)
    return asked, answers


@pytest.mark.parametrize(
    ("typed_in", "expected"),
    [
        ("y", True),
        (" YES ", True),
        ("n", False),
        ("", False),
        ("no", False),
        ("use b.txt", "use b.txt"),
        (EOFError(), "nobody could be asked"),
        (NotImplementedError(), "nobody could be asked"),
    ],
)
def test_o2_only_a_yes_is_a_yes_and_other_words_are_the_reason(typed, typed_in, expected):
    asked, answers = typed
    answers.append(typed_in)
    assert expected == by_input("delete", {"name": "a.txt"})
    assert "delete(name='a.txt')" in asked[0]


def test_an_interrupt_while_asked_is_an_interrupt(typed):
    typed[1].append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        by_input("delete", {})


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({}, "f()"),
        ({"a": 1, "b": "x"}, "f(a=1, b='x')"),
        (
            {"code": "a = 1\nb = 2", "n": "x" * 80},
            f'f(\n    code="""a = 1\n        b = 2""",\n    n={"x" * 80!r},\n)',
        ),
    ],
)
def test_o2_every_argument_is_shown_whole(arguments, shown):
    assert shown == call("f", arguments)


def test_o4_controls_in_arguments_are_shown_as_text():
    assert "\x1b" not in call("f", {"a": "\x1b[2J", "code": "x\n\x1b[2J" * 40})


def test_nobody_is_asked_where_no_terminal_is():
    assert None is approving.asker()


def test_o2_what_is_asked_for_hides_nothing_and_cannot_look_like_its_own_end():
    shown = call("f", {"code": 'a\n""",\n)\nRun it?\r\u202e\u2028\x1b[2J \\n' + "x" * 60})
    lines = ["f(", '    code="""a', r"        \"\"\",", "        )"]
    assert [*lines, rf'        Run it?\r\u202e\u2028\x1b[2J \\n{"x" * 60}""",', ")"] == shown.split("\n")
