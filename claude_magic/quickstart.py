"""What does a stranger see first?

The quickstart notebook, in practice mode: opened in JupyterLab where there is a display, run cell by cell in
this terminal where there is none.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from claude_magic.errors import ConfigError

NOTEBOOK = "01_quickstart.ipynb"
DATA = ("data/penguins.csv", "data/README.md")
PRACTICE = {"CLAUDE_MAGIC_PRACTICE": "1"}
SPEED = {"CLAUDE_MAGIC_PRACTICE_SPEED": "60"}  # tokens a second: a reader sees the answer come


def shipped(name: str) -> Path:
    """Return the path of a file that came with the package; raises ConfigError when it did not come."""
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").exists():
        return checkout / name
    with contextlib.suppress(PackageNotFoundError):
        for file in files("claude-magic") or ():
            if file.as_posix().endswith(f"share/claude-magic/{name}") and Path(file.locate()).exists():
                return Path(file.locate()).resolve()
    raise ConfigError(f"{name} did not come with this installation", hint="Install claude-magic again.")


def copied(folder: Path) -> Path:
    """Copy the notebook and its data into a folder and return the notebook's path; what is there stays."""
    for name in (NOTEBOOK, *DATA):
        if not (target := folder / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shipped(f"notebooks/{name}"), target)
    return folder / NOTEBOOK


def has_display() -> bool:
    """Return whether JupyterLab can be opened here, with someone watching."""
    screen = sys.platform in {"darwin", "win32"} or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    return bool(screen) and sys.stdout.isatty() and find_spec("jupyterlab") is not None


def in_lab(notebook: Path) -> int:
    """Open a notebook in JupyterLab, in practice mode, and wait until it is closed; return its exit code."""
    if find_spec("jupyterlab") is None:
        raise ConfigError("JupyterLab is not installed", hint="Type pip install 'claude-magic[lab]'.")
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    return subprocess.call(command, env={**SPEED, **os.environ, **PRACTICE})  # noqa: S603 - our own words only


class Cell(NamedTuple):
    """A notebook's cell: its source, whether it is code, and whether it is meant to fail."""

    source: str
    is_code: bool
    may_fail: bool


def cells(notebook: Path) -> list[Cell]:
    """Return a notebook's cells."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [
        Cell(
            "".join(cell["source"]),
            cell["cell_type"] == "code",
            "raises-exception" in cell.get("metadata", {}).get("tags", ()),
        )
        for cell in found
    ]


def in_terminal(notebook: Path) -> int:
    """Run a notebook's cells here, printing what each asks and answers; return 1 at the first that fails."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    os.environ.update(PRACTICE)
    os.chdir(notebook.parent)
    quiet = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
    shell: Any = InteractiveShell.instance(config=quiet)
    for cell in cells(notebook):
        if not cell.is_code:
            print(*(f"\n{line}" for line in cell.source.splitlines() if line.startswith("#")), sep="")
            continue
        print(f"\nIn [{shell.execution_count}]: " + cell.source.replace("\n", "\n   ...: "))
        if not shell.run_cell(cell.source, store_history=True).success and not cell.may_fail:
            return 1
    return 0
