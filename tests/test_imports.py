"""Does importing the package stay light?"""

from __future__ import annotations

import subprocess
import sys

HEAVY = ["IPython", "asyncio", "httpx2", "ipywidgets", "msgspec", "pandas", "sqlite3", "tornado"]


def _loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _path() -> str:
    # -S keeps .pth files from loading things before us; their folders are given back by hand
    return f"sys.path[:0] = {[p for p in sys.path if p]!r}"


def test_importing_the_package_loads_none_of_the_heavy_ones():
    assert set() == _loaded_after(f"{_path()}\nimport claude_magic") & set(HEAVY)


def test_importing_the_package_loads_nothing_of_its_own_but_itself():
    program = (
        f"import sys\n{_path()}\nimport claude_magic\nprint(*[m for m in sys.modules if 'claude_magic' in m])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert "claude_magic" == done.stdout.strip()


def test_the_errors_come_without_the_network_library():
    loaded = _loaded_after(f"{_path()}\nfrom claude_magic import RateLimitError, Message")
    assert set() == loaded & (set(HEAVY) - {"msgspec"})


def test_what_a_kernel_start_up_needs_comes_without_pandas_or_the_network_library():
    loaded = _loaded_after(
        f"{_path()}\nfrom claude_magic.cells import guard\nfrom claude_magic.grammar.questions import rewrite"
    )
    assert set() == loaded & (set(HEAVY) - {"msgspec"})
