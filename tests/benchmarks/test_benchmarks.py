"""Do the benchmarks run and say what they found?"""

from __future__ import annotations

from tests.benchmarks import browser, calls, pacer, peers, service, tools
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


def test_tools_for_many_rows_are_told_apart_by_what_goes_wrong(tmp_path):
    def said(tool: str, task: str = "rows", towns: range = range(100), **ways: object) -> list[object]:
        remote.behave(**ways)
        setting = tools.Setting(remote.url, str(tmp_path), towns)
        report = tools.report(tool, task, setting)
        return [report["right"], report["wrong"], report["raised"]]

    with service.running() as remote:
        assert [98, 0, ""] == said("ours", bad=(13, 77))
        assert [0, 0, "BadRequestError"] == said("sdk", bad=(13, 77))
        for tool, batches in (("ours", 1), ("sdk", 2)):
            said(tool, "batch", range(100, 103), lost=1)
            assert batches == remote.counts().batches


def test_a_tool_for_many_rows_runs_in_a_process_of_its_own():
    with service.running() as remote:
        cells = peers._limited(remote, peers.TOOLS[0], 3)
    assert [0, 0] == list(cells.values())
    assert "" == peers.Tool("none", "another tool", "no-such-package").version()


def test_a_goal_says_whether_it_is_met():
    cells = {"CPU": 100.0, "time": 0.5}
    said = list(peers._goals({"ours": cells, "sdk": {**cells, "CPU": 200.0}}, peers.Sizes(rows=64)))
    assert ["0.50, at most 0.55: met", "0.50, at most 1: met", "2.00, at most 1.1: **missed**"] == [
        line.partition(": ")[2] for line in said
    ]


def test_the_slowest_second_and_the_worst_frame_are_found_in_the_frames_of_a_page():
    times = (
        [n * 20 for n in range(100)]
        + [2_000 + n * 50 for n in range(20)]
        + [3_400 + n * 20 for n in range(80)]
    )
    page = {"frames": [1_000_000 + t for t in times], "first": 1_000_500, "rest": 1_004_250}
    seen = browser._seen("ours", page, begun=1_000.0, ended=1_004.0, sent=182.0)
    assert (0.5, 0.25, 450.0, 182.0) == tuple(
        round(x, 2) for x in (seen.first, seen.late, seen.worst, seen.sent)
    )
    assert 11 <= seen.slowest <= 13
    assert "| ours | 0.5 s | 0.25 s | " in seen.line()
    given_up = browser._seen("ours", page | {"rest": None}, begun=1_000.0, ended=1_004.0, sent=0.0)
    assert f"> {browser.PATIENCE:.0f} s" in given_up.line()


def test_the_long_answer_has_as_many_tokens_as_it_says():
    assert pacer.TOKENS * pacer.CHARACTERS == len(pacer.answer())
    assert pacer.answer().endswith(pacer.END)
