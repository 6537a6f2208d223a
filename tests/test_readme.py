"""Does the README keep its word: its blocks run, its table and its commands are the real ones?"""

from __future__ import annotations

import html
import re

import pytest

from tests.conftest import REPOSITORY

README = REPOSITORY / "README.md"
LINES = README.read_text(encoding="utf-8").splitlines()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*kinds: str) -> list[str]:
    """Return the fenced blocks of these languages, in order."""
    return [body for kind, body in FENCE.findall(README.read_text(encoding="utf-8")) if kind in kinds]


def test_the_readme_is_short_and_shows_the_first_cell_and_its_output_at_once():
    unfolded = re.sub(r"<details>.*?</details>", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(unfolded.splitlines()) < 200
    top = "\n".join(LINES[:25])
    assert "```ipython" in top and "```text" in top.split("```ipython", 1)[1]


@pytest.mark.kernel
def test_every_block_runs_in_practice_mode_and_shows_what_the_readme_shows(new_kernel):
    kernel = new_kernel(CLAUDE_MAGIC_DISPLAY="static")
    (kernel.folder / "notebooks").symlink_to(REPOSITORY / "notebooks")
    seen = ""
    for kind, body in FENCE.findall(README.read_text(encoding="utf-8")):
        if kind in ("python", "ipython"):
            outcome = kernel.run(body)
            assert outcome.error is None, f"{body}\n{outcome.error}"
            seen = outcome.stdout + re.sub(r"<[^>]+>", " ", outcome.html)
        elif kind == "text":
            assert _same(body) in _same(html.unescape(seen)), seen


def _same(text: str) -> str:
    """Return a text without its seconds, line breaks and marks, which differ from run to run or are drawn."""
    return " ".join(re.sub(r"\b\d+(\.\d+)?\s?m?s\b|\(\d+ tokens/s\)|[·`]", " ", text).split())


def test_the_table_of_flags_is_the_parsers_own():
    from claude_magic.grammar.manual import flag_table_markdown

    begin, end = "<!-- flags: written by grammar.manual.flag_table_markdown -->", "<!-- end of flags -->"
    table = flag_table_markdown().strip()
    shown = README.read_text(encoding="utf-8").split(begin)[-1].split(end)[0].strip()
    assert table == shown, f"put this between the markers:\n{table}"


def test_what_the_readme_points_to_is_there():
    text = README.read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text) for t in t if t]
    local = [t for t in targets if t and "://" not in t]
    assert local and [] == [t for t in local if not (REPOSITORY / t).exists()]


def test_ci_calls_the_readmes_own_test_command():
    (command,) = [line for line in LINES if line.rstrip().endswith("pytest")]
    assert re.fullmatch(r"python3 -m venv \.venv && \.venv/bin/pip install .+ && \.venv/bin/pytest", command)
    assert r"grep -m1 '\.venv/bin/pytest' README.md" in (REPOSITORY / ".ci" / "run").read_text()


def test_every_command_of_the_terminal_that_the_readme_names_is_there(capsys):
    from claude_magic import cli

    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    known = capsys.readouterr().out
    named = set(re.findall(r"claude-magic ([a-z]+)", README.read_text(encoding="utf-8")))
    assert named and [] == [name for name in named if not re.search(rf"^ +{name}\b", known, re.MULTILINE)]
