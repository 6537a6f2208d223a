"""What do the browser tests share?

One server and one Chromium, one page of JupyterLab and one of Notebook 7; each test opens its own notebook
with its own kernel.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.desk import CHROMIUM, Desk, Front, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

Violations = list[dict[str, Any]]
BROKEN = """async selector => {
  const told = found => found.violations.flatMap(v => v.nodes.map(n => ({
    rule: v.id, impact: v.impact, html: n.html.slice(0, 300), why: n.failureSummary
  })));
  const found = told(await axe.run(selector));
  // contrast is told of copies laid out alone: the panels of JupyterLab cut off and cover what axe looks for
  const page = document.createElement('div');
  page.className = 'jp-RenderedHTMLCommon jp-RenderedHTML';
  page.style = 'position:absolute;top:0;left:0;width:1000px;z-index:99999;background:var(--jp-layout-color0)';
  page.append(...[...document.querySelectorAll(selector)].map(e => e.cloneNode(true)));
  for (const e of page.querySelectorAll('.highlight')) e.innerText = e.innerText;  // in the theme's colours
  document.body.append(page);
  document.body.style.minHeight = '100vh';  // it has no height, which axe takes for hidden
  const contrast = await axe.run(page, {runOnly: ['color-contrast']});
  document.body.style.minHeight = '';
  page.remove();
  return [...found, ...told(contrast)];
}"""


@pytest.fixture(scope="package")  # not longer: its event loop would be in the way of tests that run one
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The folder's server and browser."""
    if not Path(CHROMIUM).exists():
        reason = f"no Chromium at {CHROMIUM}; set CLAUDE_MAGIC_CHROMIUM to one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with opened(tmp_path_factory.mktemp("desk"), CLAUDE_MAGIC_PRACTICE_SPEED="60") as made:
        yield made


@pytest.fixture(scope="package")
def _fronts(desk: Desk) -> Callable[[str], Front]:
    return cache(lambda name: Front(name, desk))  # its last kernels end with the server


@pytest.fixture
def lab(_fronts: Callable[[str], Front]) -> Front:
    """JupyterLab; its kernel is that of the test before."""
    return _fronts("lab").fresh()


@pytest.fixture(params=["lab", "notebook"])
def front(request: pytest.FixtureRequest, _fronts: Callable[[str], Front]) -> Front:
    """JupyterLab, then Notebook 7."""
    return _fronts(request.param).fresh()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page, str], Violations]:
    """What axe-core finds wrong within a selector of a page: `axe(page, ".claude-magic")`."""
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()

    def check(page: Page, selector: str) -> Violations:
        if not page.evaluate("() => !!window.axe"):
            page.evaluate(script)
        found: Violations = page.evaluate(BROKEN, selector)
        return found

    return check
