"""How does a test drive JupyterLab in a real browser?

One server and one Chromium for the folder, both cut off from the network; each test opens its own notebook
file with its own kernel. Everything the page asks of another host fails at once and is recorded.
"""

from __future__ import annotations

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
import pytest

from tests.conftest import isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

CHROMIUM = os.environ.get("CLAUDE_MAGIC_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARTIFACTS = Path(__file__).parents[1] / "artifacts"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)
OVERRIDES = """{
  "@jupyterlab/apputils-extension:notification": {"checkForUpdates": false, "fetchNews": "false"},
  "@jupyterlab/docmanager-extension:plugin": {"autosave": false},
  "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}
}"""
OPEN = """async path => {
  await jupyterapp.restored;
  const panel = await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PANEL = "const panel = jupyterapp.shell.currentWidget, cells = panel.content.widgets;"
OUTPUTS = f"i => {{ {PANEL} return cells[i].model.outputs.toJSON() }}"
IDLE = f"() => {{ {PANEL} return cells.every(c => c.model.executionState === 'idle') }}"
RUN_ALL = "async () => { await jupyterapp.commands.execute('notebook:run-all-cells') }"
REOPEN = f"async () => {{ {PANEL} await panel.context.save(); await panel.context.revert() }}"
CLOSE = f"async () => {{ {PANEL} await panel.sessionContext.shutdown(); panel.dispose() }}"
THEME = "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}) }"


class Notebook:
    """One open notebook: run it, look at its outputs."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.lab, self.page, self.path = lab, lab.page, path
        self.page.evaluate(OPEN, path.name)

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
        """Return a cell's outputs as they would be saved, those with nothing in them left out."""
        found: list[dict[str, Any]] = self.page.evaluate(OUTPUTS, cell)
        return [o for o in found if o.get("data", True)]

    def picture(self, name: str) -> None:
        """Keep a picture of the cells in tests/artifacts."""
        ARTIFACTS.mkdir(exist_ok=True)
        cells = self.page.locator(f"{SHOWN} .jp-Cell")
        first, last = cells.first.bounding_box(), cells.last.bounding_box()
        assert first
        assert last
        size = {"width": first["width"], "height": last["y"] + last["height"] - first["y"]}
        self.page.screenshot(path=ARTIFACTS / name, clip={"x": first["x"], "y": first["y"], **size})

    def area(self, cell: int = 0) -> Locator:
        """Return the part of the page that shows a cell's outputs."""
        return self.page.locator(f"{SHOWN} .jp-Cell").nth(cell).locator(".jp-OutputArea")


class Lab:
    """A JupyterLab server and a page of it in a Chromium."""

    def __init__(self, page: Page, root: Path, outside: list[str]) -> None:
        self.page, self.root, self.outside = page, root, outside

    def open(self, *cells: str) -> Notebook:
        """Write a notebook with these cells, open it, and wait for its kernel."""
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        made = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(c) for c in cells])
        path = self.root / f"{secrets.token_hex(4)}.ipynb"
        nbformat.write(made, path)
        return Notebook(self, path)


@pytest.fixture(scope="package")  # not longer: its event loop would be in the way of tests that run one
def _page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if not Path(CHROMIUM).exists():
        reason = f"no Chromium at {CHROMIUM}; set CLAUDE_MAGIC_CHROMIUM to one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    home = tmp_path_factory.mktemp("lab")
    url, server = _serve(home)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1100, "height": 760})
            outside: list[str] = []
            page.on("request", lambda r: outside.append(r.url) if not _ours(r.url, url) else None)
            page.set_default_timeout(30_000)
            page.goto(url)
            page.wait_for_function("() => window.jupyterapp")
            page.evaluate("() => jupyterapp.restored")
            yield Lab(page, home / "work", outside)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def lab(_page: Lab) -> Iterator[Lab]:
    """The folder's JupyterLab; what a test opened is closed after it."""
    _page.outside.clear()
    _page.page.evaluate("() => { delete window.pwned }")
    yield _page
    _page.page.evaluate(CLOSE)


def _ours(address: str, url: str) -> bool:
    host = url.split("/lab")[0].removeprefix("http://")
    return address.split("://")[0] in {"data", "blob"} or host in address.split("?")[0]


def _serve(home: Path) -> tuple[str, subprocess.Popen[bytes]]:
    for folder in ("work", "settings"):
        (home / folder).mkdir()
    (home / "settings" / "overrides.json").write_text(OVERRIDES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    env = {**isolated(home), "HOME": str(home), "JUPYTER_TOKEN": token, "CLAUDE_MAGIC_PRACTICE_SPEED": "60"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.root_dir={home / 'work'}", "--LabApp.expose_app_in_browser=True"]
    command += [f"--LabApp.app_settings_dir={home / 'settings'}", "--ServerApp.port_retries=0"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    _wait(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "server.log")
    return f"http://127.0.0.1:{port}/lab?token={token}", server


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
