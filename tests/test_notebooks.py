"""Does each notebook do what its saved outputs say, on a machine without a key?

`python -m tests.test_notebooks` runs them and saves the outputs anew.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY, isolated

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
SANITIZE = Path(__file__).with_name("nbval.cfg")
AGAIN = ("01_quickstart", "07_reproducible")  # also where the ledger has calls already
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def environment(folder: Path) -> dict[str, str]:
    """Return what a notebook runs with: no key, an empty ledger, one display for each answer."""
    return isolated(folder) | {"CLAUDE_MAGIC_DISPLAY": "static"}


def executed(path: Path) -> nbformat.NotebookNode:
    """Run a notebook in a kernel with this process's environment and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return notebook


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the plain text of every output."""
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    return [str(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in outputs]


def test_the_lessons_are_numbered_and_there():
    assert [
        "01_quickstart",
        "02_the_client",
        "03_files_and_skills",
        "04_usage_and_cost",
        "05_talking_to_data",
        "06_tools",
        "07_reproducible",
        "08_prompts_over_rows",
        "09_widgets",
    ] == [path.stem for path in NOTEBOOKS]


def test_only_how_long_it_took_and_when_a_file_was_made_may_differ_from_the_saved_outputs():
    rules = configparser.RawConfigParser()
    rules.read(SANITIZE)
    told = "0.01 s · 48 out (7 tokens/s) · $0.0000644 · 2026-11-25 22:42 · 2026-11-22 · 2026-11-15 00:00:00Z"
    for name in rules.sections():
        told = re.sub(rules[name]["regex"], rules[name]["replace"], told)
    assert "SECONDS · 48 out · $0.0000644 · MOMENT · 2026-11-22 · 2026-11-15 00:00:00Z" == told


def nbval(path: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a notebook under nbval, with no other plugin that may be there, in its own folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider"]
    options = ["-p", "nbval.plugin", "--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZE}"]
    return subprocess.run(
        [*command, *options, path.name],
        cwd=path.parent,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.kernel
@each_notebook
def test_a_notebook_gives_its_saved_outputs_again_by_nbval(path, isolation):
    for _ in range(2 if path.stem in AGAIN else 1):
        done = nbval(path, environment(isolation))
        assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-2000:]
        assert re.search(r"\b[1-9]\d* passed", done.stdout)


@each_notebook
def test_a_saved_notebook_says_that_it_practises_and_knows_every_price(path):
    notebook = nbformat.read(path, as_version=4)
    assert any("practice" in text.lower() for text in shown(notebook))
    assert [] == [text for text in shown(notebook) if "price unknown" in text]


@each_notebook
def test_a_saved_notebook_holds_no_key_no_path_of_a_machine_and_no_counts_of_a_later_run(path):
    text = path.read_text(encoding="utf-8")
    assert [] == re.findall(r"sk-ant-\w+|/(?:home|root|Users|tmp)/\w+", text)
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    assert list(range(1, len(cells) + 1)) == [c["execution_count"] for c in cells]
    assert [] == [o for c in cells for o in c["outputs"] if o["output_type"] == "error" and not _meant(c)]


def _meant(cell: dict) -> bool:
    return "raises-exception" in cell["metadata"].get("tags", ())


def save() -> None:
    """Run every notebook with empty homes and save its outputs."""
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(environment(Path(folder)))
            notebook = executed(path)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        notebook.metadata = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        nbformat.write(notebook, path)
        print(f"{path.name}: {len(notebook.cells)} cells")


if __name__ == "__main__":
    save()
