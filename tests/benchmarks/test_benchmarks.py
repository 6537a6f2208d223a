"""Do the benchmarks run and say what they found?"""

from __future__ import annotations

from tests.benchmarks import calls
from tests.benchmarks.measure import Row, table


def test_the_benchmarks_that_need_no_kernel_run_and_make_a_table():
    rows = [
        *calls.call(rounds=1, calls=2),
        *calls.stream(rounds=1, events=20),
        *calls.tool_argument(pieces=30),
    ]
    assert len(rows) + 2 == len(table(rows).splitlines())
    assert all(row.ours > 0 and row.bare > 0 and row.sdk > 0 for row in rows)


def test_a_row_says_whether_its_target_is_met():
    met = Row("a call", "µs CPU", 110.0, 100.0, 400.0, "bare", 1.2)
    missed = Row("load", "ms CPU", 50.0, target=40)
    assert (
        "| a call | µs CPU | 110 | 100 | 400 | 1.100× bare | ≤ 1.2× bare | yes |"
        == table([met]).splitlines()[2]
    )
    assert "| load | ms CPU | 50 |  |  |  | ≤ 40 ms CPU | **no** |" == table([missed]).splitlines()[2]
