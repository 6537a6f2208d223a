"""Does an installation from the wheel work, with none of the checkout in reach?"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, isolated, started

pytestmark = pytest.mark.wheel
KEY = "sk-" + "ant-api03-" + "x" * 60
PIP = importlib.util.find_spec("pip")  # an environment of uv has none
STARTUP = "etc/ipython/startup/50-claude-magic.py"


@dataclass
class Installed:
    """A fresh virtual environment with the wheel in it; it shares this one's other packages."""

    prefix: Path
    home: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    def run(self, *command: str) -> str:
        program, *rest = command
        done = subprocess.run(
            [str(self.prefix / "bin" / program), *rest],
            cwd=self.home,
            env=isolated(self.home),
            capture_output=True,
            text=True,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def pip(self, *command: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python] if PIP else [self.python, "-m", "pip"]
        subprocess.run([*pip, "-q", *command], check=True, env=isolated(self.home), capture_output=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built from a copy of the tracked folders."""
    source, out = tmp_path_factory.mktemp("source") / "claude_magic", tmp_path_factory.mktemp("dist")
    leave = shutil.ignore_patterns(".*", "__pycache__", "artifacts", "build", "dist")
    shutil.copytree(REPOSITORY, source, ignore=leave)
    shutil.copy(REPOSITORY / ".gitignore", source)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture(scope="module", autouse=True)
def no_checkout() -> Iterator[None]:
    """Find no package where PYTHONPATH points to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        yield


def wheel(dist: Path) -> str:
    return str(next(dist.glob("*.whl")))


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp("venv") / "v", tmp_path_factory.mktemp("home"))
    venv.create(made.prefix, with_pip=not PIP)
    made.pip("install", "--no-index", "--no-deps", wheel(dist))
    # a path in a .pth file brings this environment's packages, but not its .pth files, so not the checkout
    own = Path(sysconfig.get_path("purelib", vars={"base": str(made.prefix)}))
    (own / "shared.pth").write_text(sysconfig.get_path("purelib"))
    return made


def test_the_wheel_holds_the_package_its_data_and_what_a_kernel_picks_up(dist):
    names = set(zipfile.ZipFile(wheel(dist)).namelist())
    modules = {p.relative_to(REPOSITORY).as_posix() for p in (REPOSITORY / "claude_magic").rglob("*.py")}
    data = next(n.split("/")[0] for n in names if ".data/" in n) + "/data"
    shared = {
        f"{data}/{STARTUP}",
        f"{data}/share/claude-magic/jupyter-config/startup/50-claude-magic.py",
        f"{data}/share/claude-magic/notebooks/01_quickstart.ipynb",
        f"{data}/share/claude-magic/notebooks/data/penguins.csv",
    }
    assert set() == ({"claude_magic/py.typed", "claude_magic/data/models.json"} | modules | shared) - names
    assert [] == [n for n in names if n.startswith("tests/") or n.endswith(".pyc")]


def test_the_sdist_holds_what_its_tests_need(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as packed:
        names = {name.split("/", 1)[1] for name in packed.getnames()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "tests/conftest.py"}
    assert (
        set()
        == (needed | {"jupyter-config/startup/50-claude-magic.py", "notebooks/data/penguins.csv"}) - names
    )


def test_the_installed_package_is_the_wheels_and_not_the_checkouts(installed):
    place = installed.run("python", "-c", "import claude_magic; print(claude_magic.__file__)").strip()
    assert Path(place).is_relative_to(installed.prefix)


def test_k4_a_new_kernel_stops_keys_and_answers_though_nothing_was_loaded(installed, tmp_path):
    heavy = "[m for m in ('pandas', 'httpx2', 'claude_magic.cells.magics') if m in __import__('sys').modules]"
    with started(tmp_path, autoload=None, python=installed.python) as kernel:
        assert "InputError" == kernel.run(f"key = {KEY!r}").error["ename"]
        assert "{}" == kernel.run("{k: v for k, v in globals().items() if 'claude' in k}").text
        assert "[]" == kernel.run(heavy).text
        asked = kernel.run("%claude why is the sky blue?")
        assert asked.error is None and "practice" in asked.html.lower()


def test_the_start_up_file_can_be_switched_off_and_on_again(installed):
    file = installed.prefix / STARTUP
    before = file.read_bytes()
    installed.run("claude-magic", "config", "--disable", "--sys-prefix")
    assert not file.exists()
    installed.run("claude-magic", "config", "--enable", "--sys-prefix")
    assert before == file.read_bytes()


def test_the_quickstart_runs_from_the_wheel(installed):
    printed = installed.run("claude-magic", "quickstart", "--headless")
    assert "practice" in printed.lower() and "input_tokens" in printed


def test_uninstalling_takes_the_start_up_file_away(installed, dist):
    assert (installed.prefix / STARTUP).exists()
    installed.pip("uninstall", "-y", "claude-magic")
    assert not (installed.prefix / STARTUP).exists()
    assert [] == [p for p in installed.prefix.rglob("*claude*") if p.is_file()]
    installed.pip("install", "--no-index", "--no-deps", wheel(dist))  # for the tests that may follow
