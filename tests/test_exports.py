"""Is the list of exported names what the modules really define?"""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import claude_magic
from claude_magic import errors


def _expected() -> list[str]:
    """Derive the list: every error class, every name with a place but `map`, and IPython's two hooks."""
    caught = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.ClaudeError | errors.Stopped)
    }
    hooks = {"load_ipython_extension", "unload_ipython_extension"}
    return sorted({*caught, *claude_magic._ELSEWHERE, *hooks} - {"map"})  # a star import leaves Python's own


def test_the_list_is_sorted_and_complete():
    expected = _expected()
    corrected = "\n".join(("__all__ = [", *(f"    {json.dumps(name)}," for name in expected), "]"))
    assert expected == claude_magic.__all__, f"put this into claude_magic/__init__.py:\n{corrected}"


def test_type_checkers_see_the_same_names_as_the_program():
    tree = ast.parse(Path(claude_magic.__file__).read_text())
    checked = next(n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test))
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    place = {
        n: (f"claude_magic.{module}", there) if there else ("claude_magic", module)
        for n, (module, there) in claude_magic._ELSEWHERE.items()
    }
    place |= {n: ("claude_magic.errors", n) for n in _expected() if hasattr(errors, n)}
    assert place == seen


def test_every_name_is_there_and_is_what_its_module_defines():
    for name, (module, there) in claude_magic._ELSEWHERE.items():
        __import__(f"claude_magic.{module}")
        defined = sys.modules[f"claude_magic.{module}"]
        assert (getattr(defined, there) if there else defined) is getattr(claude_magic, name)
    assert errors.RateLimitError is claude_magic.RateLimitError


def test_no_exported_name_is_hidden_by_a_module_of_the_same_name_unless_it_is_that_module():
    modules = {p.stem for p in Path(claude_magic.__file__).parent.iterdir()}
    meant = {
        name for name, (module, there) in claude_magic._ELSEWHERE.items() if (module, there) == (name, "")
    }
    assert meant == modules & set(claude_magic.__all__)


def test_a_star_import_brings_exactly_the_list():
    code = "from claude_magic import *; print(sorted(n for n in dir() if not n.startswith('__')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(claude_magic.__all__) == done.stdout.strip()


def test_dir_lists_the_names_before_they_are_used():
    code = "import claude_magic; print(set(claude_magic.__all__) <= set(dir(claude_magic)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "True" == done.stdout.strip()


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="module 'claude_magic' has no attribute 'no_such_name'"):
        _ = claude_magic.no_such_name
