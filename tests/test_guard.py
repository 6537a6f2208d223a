"""Is a typed key stopped, and kept nowhere?"""

from __future__ import annotations

import sys

import pytest

from claude_magic import errors
from tests.shells import KEY, rows


@pytest.mark.parametrize("cell", [f"k = {KEY!r}", f"%%claude\nuse {KEY}", f"%env ANTHROPIC_API_KEY={KEY}"])
def test_k4_a_cell_with_a_key_is_stopped_before_it_runs(shell, cell):
    result = shell.run(cell)
    assert isinstance(result.error_before_exec, errors.InputError)
    assert not result.success
    assert "%claude login" in result.stdout
    assert "k" not in shell
    assert [] == rows()


def test_k4_the_key_is_in_no_history_variable_log_or_traceback(shell, tmp_path):
    shell.run(f"%logstart -o -r {tmp_path}/log.py")
    shell.run("%xmode Verbose")
    result = shell.run(f"k = {KEY!r}")
    again = shell.run("%tb")
    shell.run("%logstop")
    shell.run("%xmode Context")
    ip, history = shell.ip, shell.ip.history_manager
    history.writeout_cache()
    found = [result.seen, again.seen, repr(result), repr(history.exceptions), repr(ip.user_ns["In"])]
    found += [str(v) for k, v in ip.user_ns.items() if k.startswith("_i")]
    found += [str(list(history.get_range(raw=raw))) for raw in (True, False)]
    found += [str(history.db.execute("select source, source_raw from history").fetchall())]
    found += [(tmp_path / "log.py").read_text(), str(sys.last_traceback)]
    assert [] == [text for text in found if KEY[-20:] in text]
    assert any("[key removed]" in text for text in found)


def test_k4_a_practice_key_and_a_word_like_a_key_run(shell):
    assert shell.run("key = 'practice'; other = 'sk-ant-api03'").success


def test_asking_whether_a_cell_with_a_key_is_complete_does_not_fail(shell):
    assert "complete" == shell.ip.check_complete(f"k = {KEY!r}\n")[0]
