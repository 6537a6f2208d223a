"""Does a notebook that is run again with replay send nothing, in a real kernel?

`python -m tests.test_replay_notebooks` records the shipped lesson anew.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from claude_magic.cassette.tape import Cassette
from tests.conftest import REPOSITORY
from tests.doors import KEY
from tests.ports import Service, on_a_port
from tests.test_notebooks import environment, nbval, shown

pytestmark = pytest.mark.kernel
SHIPPED = REPOSITORY / "notebooks" / "07_reproducible.ipynb"
RECORDING = ("%claude replay only", "%claude practice on\n%claude replay auto")
LESSON = (
    "%load_ext claude_magic",
    "from dataclasses import dataclass\n@dataclass\nclass Bird:\n    name: str",
    'def weather() -> str:\n    """Say what the weather is."""\n    return "sunny"',
    "%%claude\nName a bird",
    "%claude and another",
    "%%claude --tool weather --new\nIs it sunny?",
    "%%claude bird << --schema Bird --no-history\nName a bird",
    "print(bird)",
    'import claude_magic\nprint(claude_magic.ask("One more", system="Be brief"))',
)
ANSWERED = ["Answer 1", "Answer 2", "Answer 4", "Bird(name='Answer 5')", "Answer 6"]


def run(path: Path) -> list[str]:
    """Run the notebook in a new kernel, save its outputs, and return their plain texts."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    nbformat.write(notebook, path)
    return shown(notebook)


@pytest.fixture
def lesson(tmp_path: Path, isolation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook without outputs, and the environment to record it in."""
    path = tmp_path / "lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in LESSON]), path)
    for name, value in environment(isolation).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    monkeypatch.setenv("CLAUDE_MAGIC_REPLAY", "auto")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return path


def test_m9_restart_and_run_all_sends_nothing_and_gives_the_same_with_a_key_and_without(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, tape = Service(), lesson.with_name("lesson.replay.jsonl")
    with on_a_port(service) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        first = run(lesson)
        assert [] == [text for text in ANSWERED if not any(text in out for out in first)], first
        sent, recorded = len(service.requests), tape.read_bytes()
        assert (6, 6) == (sent, len(Cassette(tape)))
        assert first == run(lesson)
        assert (sent, recorded) == (len(service.requests), tape.read_bytes())

    # the class: no key, nobody to ask, another folder of data; the notebook's name is told by nbval alone
    for name in ("ANTHROPIC_API_KEY", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLAUDE_MAGIC_REPLAY", "only")
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(lesson.parent / "data"))
    (lesson.parent / "other.replay.jsonl").touch()
    done = nbval(lesson, os.environ)
    assert 0 == done.returncode, done.stdout[-4000:]
    assert f"{len(LESSON)} passed" in done.stdout
    assert recorded == tape.read_bytes()
    assert KEY not in lesson.read_text() + tape.read_text()


def test_m9_a_lesson_whose_cell_was_changed_fails_and_says_what_differs(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    with on_a_port(service) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        run(lesson)
        sent = len(service.requests)
        monkeypatch.setenv("CLAUDE_MAGIC_REPLAY", "only")
        lesson.write_text(lesson.read_text().replace("and another", "and a rarer one"))
        missed = r"ReplayError: “and a rarer one” is not recorded in lesson\.replay"
        with pytest.raises(CellExecutionError, match=missed):
            run(lesson)
    assert sent == len(service.requests)


# ---- the lesson that is shipped ----------------------------------------------------------------------------


def test_o6_the_shipped_recording_is_practice_and_nothing_of_it_was_edited() -> None:
    tape = Cassette(SHIPPED.with_suffix(".replay.jsonl"))
    assert [] == tape.verify()
    answers = ["".join(map(str, line["response"].values())) for _, line in tape.each()]
    assert answers
    assert [] == [text for text in answers if "msg_practice_" not in text]


def record() -> None:
    """Record the shipped lesson anew, on the practice server; tests.test_notebooks saves its outputs."""
    tape = SHIPPED.with_suffix(".replay.jsonl")
    tape.unlink(missing_ok=True)
    notebook = nbformat.read(SHIPPED, as_version=4)
    for cell in notebook.cells:
        missed = "raises-exception" in cell.metadata.get("tags", ())
        cell.source = "" if missed else cell.source.replace(*RECORDING)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(Path(folder)))
        where = {"metadata": {"path": str(SHIPPED.parent)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    print(f"{tape.name}: {len(Cassette(tape))} recorded")


if __name__ == "__main__":
    record()
