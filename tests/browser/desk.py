"""How is a notebook driven in a real browser?

One server serves JupyterLab, Notebook 7 and, where it is installed, Voila, to one Chromium; both are cut off
from the network. Everything a page asks of another host fails at once and is recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from tests.conftest import isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = os.environ.get("CLAUDE_MAGIC_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARTIFACTS = Path(__file__).parents[1] / "artifacts"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)
APPS = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}

OPEN = """async ({path, kernelPreference}) => {
  await jupyterapp.restored;
  const args = {path, factory: 'Notebook', ...(kernelPreference && {kernelPreference})};
  const panel = await jupyterapp.commands.execute('docmanager:open', args);
  await panel.context.ready;
  if (kernelPreference) return;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
READY = """async () => {
  await jupyterapp.restored;
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
NO_KERNEL = {"shouldStart": False, "canStart": False, "autoStartDefault": False}
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PANEL = "const panel = jupyterapp.shell.currentWidget, cells = panel.content.widgets;"
OUTPUTS = f"i => {{ {PANEL} return cells[i].model.outputs.toJSON() }}"
CODE = "cells.filter(c => c.model.type === 'code')"
IDLE = f"() => {{ {PANEL} return {CODE}.every(c => c.model.executionState === 'idle') }}"
TRUSTED = f"() => {{ {PANEL} return cells.every(c => c.model.trusted) }}"
RUN_ALL = "async () => { await jupyterapp.commands.execute('notebook:run-all-cells') }"
SAVE = f"async () => {{ {PANEL} await panel.context.save() }}"
REOPEN = f"async () => {{ {PANEL} await panel.context.save(); await panel.context.revert() }}"
REPLACE = f"""sources => {{ {PANEL}
  const model = panel.content.model.sharedModel;
  model.transact(() => {{
    model.deleteCellRange(0, model.cells.length);
    model.insertCells(0, sources.map(source => ({{cell_type: 'code', source, metadata: {{}}}})));
  }});
}}"""
CLOSE = f"async () => {{ {PANEL} await panel.sessionContext.shutdown(); panel.dispose() }}"
THEME = "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}) }"


class Notebook:
    """One open notebook: run it, look at its outputs."""

    def __init__(self, front: Front, path: Path) -> None:
        self.front, self.page, self.path = front, front.page, path

    def start(self) -> None:
        """Run all cells and do not wait."""
        self.page.evaluate(f"() => {{ ({RUN_ALL})() }}")

    def run(self) -> None:
        """Run all cells, wait until the last has ended, and let the page draw."""
        self.page.evaluate(RUN_ALL)
        self.settle()

    def settle(self) -> None:
        """Wait until every cell has ended and the page has drawn what came."""
        self.page.wait_for_function(IDLE, polling=50)
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def outputs(self, cell: int = 0) -> list[dict[str, Any]]:
        """Return a cell's outputs as they would be saved."""
        found: list[dict[str, Any]] = self.page.evaluate(OUTPUTS, cell)
        return found

    def errors(self, cells: int = 1) -> list[dict[str, Any]]:
        """Return the errors among the outputs of the first cells."""
        return [o for n in range(cells) for o in self.outputs(n) if o["output_type"] == "error"]

    def saved(self) -> Path:
        """Save it and return the file."""
        self.page.evaluate(SAVE)
        return self.path

    def picture(self, name: str) -> Path:
        """Keep a picture of all cells in tests/artifacts."""
        ARTIFACTS.mkdir(exist_ok=True)
        cells = self.page.locator(f"{SHOWN} .jp-Cell")
        size = self.page.viewport_size
        assert size
        self.page.set_viewport_size(size | {"height": 320 + self._height(cells)})
        try:
            first = cells.first.bounding_box()
            assert first
            self.page.screenshot(path=ARTIFACTS / name, clip={**first, "height": self._height(cells)})
        finally:
            self.page.set_viewport_size(size)
        return ARTIFACTS / name

    @staticmethod
    def _height(cells: Locator) -> int:
        first, last = cells.first.bounding_box(), cells.last.bounding_box()
        assert first
        assert last
        return int(last["y"] + last["height"] - first["y"])

    def area(self, cell: int = 0) -> Locator:
        """Return the part of the page that shows a cell's outputs."""
        return self.page.locator(f"{SHOWN} .jp-Cell").nth(cell).locator(".jp-OutputArea").first


class Front:
    """A page of JupyterLab or Notebook 7."""

    def __init__(self, name: str, desk: Desk) -> None:
        self.name, self.desk, self.root = name, desk, desk.root
        self.page, self.outside = desk.new_page()
        self.notebook: Notebook | None = None
        if name == "lab":
            self._go("lab")
            self.page.evaluate("() => jupyterapp.restored")

    def open(self, *cells: str) -> Notebook:
        """Show a notebook with these cells and a kernel: the one that is open already, where there is one."""
        if self.notebook is None:
            return self.reopen(self.desk.write(*cells))
        self.page.evaluate(REPLACE, cells)
        return self.notebook

    def reopen(self, path: Path, *, kernel: bool = True) -> Notebook:
        """Open a notebook that is there, after closing the one before; JupyterLab can do without a kernel."""
        self.close()
        if self.name == "lab":
            preference = None if kernel else NO_KERNEL
            self.page.evaluate(OPEN, {"path": path.name, "kernelPreference": preference})
        else:
            self._go(f"notebooks/{path.name}")
            self.page.evaluate(READY)
        self.notebook = Notebook(self, path)
        return self.notebook

    def reload(self) -> None:
        """Save the notebook that is open, and load its page anew; its kernel goes on."""
        self.page.evaluate(SAVE)
        self.page.reload()
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate(READY)

    def theme(self, name: str) -> None:
        """Show all in the theme "Dark" or "Light"."""
        self.page.evaluate(THEME, f"JupyterLab {name}")

    def fresh(self) -> Front:
        """Forget what was asked of other hosts and what scripts left behind."""
        self.outside.clear()
        self.page.evaluate("() => { delete window.pwned }")
        return self

    def close(self) -> None:
        """Close the notebook that is open, and its kernel."""
        if self.notebook:
            self.page.evaluate(CLOSE)
            self.notebook = None

    def _go(self, where: str) -> None:
        self.page.goto(f"{self.desk.url}/{where}?token={self.desk.token}")
        self.page.wait_for_function("() => window.jupyterapp")


class Desk:
    """A Jupyter server, and a browser that opens pages of it."""

    def __init__(self, url: str, token: str, root: Path, browser: Browser) -> None:
        self.url, self.token, self.root, self.browser = url, token, root, browser

    def write(self, *cells: str, **more: Any) -> Path:
        """Write a notebook with these cells of code, and return its path."""
        made = nbformat.v4.new_notebook(
            metadata=KERNEL | more, cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
        )
        path = self.root / f"{secrets.token_hex(4)}.ipynb"
        nbformat.write(made, path)
        return path

    def new_page(self) -> tuple[Page, list[str]]:
        """Return a new page, and the list that will hold what it asks of other hosts."""
        page = self.browser.new_page(viewport={"width": 1100, "height": 760})
        page.set_default_timeout(120_000)
        outside: list[str] = []
        page.on("request", lambda r: outside.append(r.url) if not self._ours(r.url) else None)
        return page, outside

    def _ours(self, address: str) -> bool:
        host = self.url.removeprefix("http://")
        return address.split("://")[0] in {"data", "blob"} or host in address.split("?")[0]


@contextlib.contextmanager
def opened(home: Path, **env: str) -> Iterator[Desk]:
    """Start a server whose homes are in `home`, and a browser; raises RuntimeError with the server's log."""
    from playwright.sync_api import sync_playwright

    for folder in ("work", "settings", "jupyter"):
        (home / folder).mkdir()
    (home / "settings" / "overrides.json").write_text(json.dumps(OVERRIDES))
    for name, app in APPS.items():
        told = {app: {"expose_app_in_browser": True, "app_settings_dir": str(home / "settings")}}
        (home / "jupyter" / f"jupyter_{name}_config.json").write_text(json.dumps(told))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.root_dir={home / 'work'}", "--ServerApp.port_retries=0"]
    environment = {**isolated(home), "HOME": str(home), "JUPYTER_TOKEN": token, **env}
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "server.log")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            yield Desk(f"http://127.0.0.1:{port}", token, home / "work", browser)
            browser.close()
    finally:
        server.terminate()
        server.wait(60)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
