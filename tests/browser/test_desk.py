"""Is a browser that is not there told, and told as a failure where tests must not be left out?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOWHERE = "/nowhere/chromium"


@pytest.mark.parametrize(("ci", "code", "told"), [("", 0, "SKIPPED"), ("true", 1, "Failed")])
def test_without_a_chromium_browser_tests_are_skipped_and_fail_in_ci(ci, code, told):
    env = {k: v for k, v in os.environ.items() if k != "CI"} | {"CLAUDE_MAGIC_CHROMIUM": NOWHERE}
    env |= {"CI": ci} if ci else {}
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-rs", "-p", "no:cacheprovider"]
    test = (
        str(Path(__file__).with_name("test_streaming.py")) + "::test_a_wide_answer_can_be_scrolled_to_its_end"
    )
    ran = subprocess.run([*command, test], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert code == ran.returncode, ran.stdout
    assert told in ran.stdout
    assert f"no Chromium at {NOWHERE}; set CLAUDE_MAGIC_CHROMIUM to one" in ran.stdout
