"""Does a frame have `.claude`, whichever is imported first?"""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys

import pandas as pd
import pytest

import claude_magic
from claude_magic.rows import accessor

FRAME = pd.DataFrame({"text": ["one", "two"]})


def _after(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("first", ["claude_magic", "pandas"])
def test_a_frame_and_a_series_have_it_whichever_is_imported_first(first):
    second = {"claude_magic": "pandas", "pandas": "claude_magic"}[first]
    code = f"import {first}, {second}; df = pandas.DataFrame({{'a': [1]}}); print(df.claude, df['a'].claude)"
    assert " ".join([repr(FRAME.claude)] * 2) == _after(code)


def test_neither_looking_for_pandas_nor_importing_us_imports_it():
    code = (
        "import sys, importlib.util, claude_magic; importlib.util.find_spec('pandas');"
        "print('pandas' in sys.modules, [m for m in sys.modules if m.startswith('claude_magic')]);"
        "import pandas; print(hasattr(pandas.DataFrame, 'claude'))"
    )
    assert "False ['claude_magic']\nTrue" == _after(code)


def test_other_hooks_of_the_import_still_see_pandas_and_its_loader_is_python_s_own():
    code = (
        "import sys, claude_magic; seen = []\n"
        "class Hook:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        seen.append(name)\n"
        "sys.meta_path.insert(1, Hook())\n"
        "import pandas\n"
        "print(seen.count('pandas'), type(pandas.__loader__).__name__, pandas.__spec__.origin[-18:])"
    )
    assert "1 SourceFileLoader pandas/__init__.py" == _after(code)


def test_a_library_that_is_not_there_fails_as_ever_and_a_second_load_adds_no_second_hook():
    code = (
        "import sys, importlib, claude_magic\n"
        "importlib.reload(claude_magic)\n"
        "print(sum(type(f).__name__ == '_Frames' for f in sys.meta_path))\n"
        "sys.path[:] = []; sys.path_importer_cache.clear()\n"
        "try:\n    import pandas\n"
        "except ModuleNotFoundError as error:\n    print(error.name)"
    )
    assert "1\npandas" == _after(code)


def test_a_column_named_claude_is_a_column_all_the_same():
    frame = pd.DataFrame({"claude": [1]})
    assert [1] == frame["claude"].tolist()
    assert "map" in dir(frame.claude)


def test_each_verb_is_the_function_with_the_frame_in_the_first_place():
    for name in accessor.VERBS:
        whole = inspect.signature(getattr(claude_magic, name))
        assert [*whole.parameters][1:] == [*inspect.signature(getattr(FRAME.claude, name)).parameters]
        assert getattr(claude_magic, name).__doc__ == getattr(FRAME.claude, name).__doc__


def test_help_of_a_verb_shows_how_it_is_called_and_no_frame():
    said = pydoc.plain(pydoc.render_doc(FRAME.claude.classify))
    assert "classify(column: 'str', labels: 'Any', **given: 'Any')" in said
    assert "partial" not in said + repr(FRAME.claude.classify)


def test_a_verb_that_there_is_not_is_an_attribute_error_that_names_those_there_are():
    with pytest.raises(AttributeError, match=r"no df\.claude\.mapp; there are map, classify"):
        _ = FRAME.claude.mapp


def test_a_frame_of_polars_has_it_too():
    pl = pytest.importorskip("polars")
    assert repr(FRAME.claude) == repr(pl.DataFrame({"a": [1]}).claude)
