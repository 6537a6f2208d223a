"""Is what a line says in the middle of a cell shown, and once only?"""

from __future__ import annotations

import pytest

SAID = "Practice is on"


@pytest.mark.parametrize(
    ("cell", "times"),
    [
        ("%claude practice on", 1),
        ("%claude practice on\nx = 1", 1),
        ("%claude practice on\n%claude practice on", 2),
        ("if True:\n    %claude practice on", 1),
        ("for n in range(3):\n    %claude practice on", 3),
        ("x = %claude practice on", 0),
        ("x = %claude practice on\n2", 0),
        ("%claude practice on\nawait __import__('asyncio').sleep(0)", 1),
    ],
)
def test_what_a_line_says_is_shown_where_its_value_would_be_lost(cell, times, shell):
    result = shell.run(cell)
    assert result.success, result.seen
    assert times == result.seen.count(SAID)


def test_a_name_holds_what_was_said(shell):
    shell.run("x = %claude practice on\n2")
    assert shell["x"].startswith(SAID)
