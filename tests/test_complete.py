"""Does Tab offer what can be typed, and only that?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.cells import complete
from claude_magic.grammar.flags import COMMANDS, EXPORTS, FLAGS
from claude_magic.protocol import catalog
from claude_magic.show import listings


@dataclass
class Person:
    name: str


def weather(city: str) -> str:
    """Return the weather of a city."""
    return city


STATE = {
    "variables": {"df": pd.DataFrame({"a": [1]}), "data": 1, "name": "x"},
    "threads": ["main", "rome"],
    "aliases": ["best"],
    "settings": ["model", "max_tokens"],
}
TYPED = {
    "variables": {"Person": Person, "weather": weather, "people": list[Person], "row": {"name": str}, "x": 1}
}
MODELS = ["best", *catalog.SHORT, *(m.id for m in catalog.all_models() if m.status != "retired")]
LONG = [f"--{flag.name}" for flag in FLAGS]
SHORT = [f"-{flag.short}" for flag in FLAGS if flag.short]


def at(typed: str, state=STATE) -> complete.Found | None:
    """Complete where the | is."""
    before = typed.partition("|")[0]
    row, column = before.count("\n"), len(before.rpartition("\n")[2])
    return complete.complete(typed.replace("|", ""), row, column, state)


@pytest.mark.parametrize(
    ("typed", "fragment", "options"),
    [
        ("%%claude --m|", "--m", ["--model", "--max-tokens", "--max-steps", "--max-cost"]),
        ("%%claude --m|\nWhy?", "--m", ["--model", "--max-tokens", "--max-steps", "--max-cost"]),
        ("%%claude |", "", [*MODELS, "map", "batch", *LONG, *SHORT]),
        ("%%claude o|", "o", ["opus"]),
        ("%%claude opus --mo|", "--mo", ["--mo"]),
        ("%%claude --quiet --q|", "--q", ["--q"]),
        ("%%claude --attach a --at|", "--at", ["--attach"]),
        ("%%claude -m |", "", MODELS),
        ("%%claude --model be|", "be", ["best"]),
        ("%%claude --model=claude-haiku-5|", "claude-haiku-5", ["claude-haiku-5-5"]),
        ("%%claude x << -f |", "", ["markdown", "text", "code", "json", "df", "html"]),
        ("%%claude --effort=h|", "h", ["high"]),
        ("%%claude -t |", "", ["main", "rome"]),
        ("%%claude -i d|", "d", ["data", "df"]),
        ("%%claude --out na|", "na", ["name"]),
        ("%%claude -n |", "", []),
        ("%%claude -s 'a b|", "'a b", ["'a b"]),
        ("%%claude\nAbout {d|", "d", ["data", "df"]),
        ("%%claude\nAbout {|}", "", ["data", "df", "name"]),
        ("%%claude\nAbout {df:|", "", ["head", "tail", "csv", "schema"]),
        ("%%claude\nAbout {name:|", "", []),
        ("%%claude\nAbout {{d|", "d", ["d"]),
        ("%%claude --attach {d|", "d", ["data", "df"]),
        ("%%claude --attach={df:cs|", "cs", ["csv"]),
        ("%claude {d|", "d", ["data", "df"]),
        ("%claude -q {d|", "d", ["data", "df"]),
        ("%%claude map {d|", "d", ["df"]),
        ("%%claude\nimport o|", "o", ["o"]),
        ("%claude |", "", [c.name for c in COMMANDS] + LONG + SHORT),
        ("x = %claude pr|", "pr", ["practice"]),
        ("y = 1\n%claude mod|", "mod", ["models", "model"]),
        ("%claude practice |", "", ["on", "off", "status"]),
        ("%claude model be|", "be", ["best"]),
        ("%claude reset |", "", ["all", "main", "rome"]),
        ("%claude config m|", "m", ["model", "max_tokens"]),
        ("%claude help --max|", "--max", ["--max-tokens", "--max-steps", "--max-cost"]),
        ("%claude status |", "", []),
        ("%claude -m |", "", MODELS),
        ("%claude -m opus pr|", "pr", ["pr"]),
        ("%claude what is {d|", "d", ["data", "df"]),
        ("%%claude --compare haiku,so|", "haiku,so", ["haiku,sonnet"]),
        ("%%claude --replay |", "", ["auto", "only", "refresh", "off"]),
        ("%%claude --cache 1|", "1", ["1h"]),
        ("%%claude --cache --rep|", "--rep", ["--replay"]),
        ("%claude --cache 5m pr|", "pr", ["pr"]),
        ("%claude --cache pr|", "pr", ["pr"]),
        ("%claude switch r|", "r", ["rome"]),
        ("%claude export |", "", ["main", "rome", *EXPORTS, "--yes"]),
        ("%claude export rome cu|", "cu", ["curl"]),
        ("%claude export talk.py --y|", "--y", ["--yes"]),
        ("%claude history 3 r|", "r", ["rome"]),
        ("%claude alias b|", "b", ["best"]),
        ("%claude alias x hai|", "hai", ["haiku"]),
        ("%claude fix --app|", "--app", ["--apply"]),
        ("%claude fix -m hai|", "hai", ["haiku"]),
        ("%claude explain 3 --no-t|", "--no-t", ["--no-think"]),
        ("%claude help --app|", "--app", ["--approve", "--apply"]),
    ],
)
def test_exactly_what_can_be_typed_is_offered(typed, fragment, options):
    assert complete.Found(fragment, options) == at(typed)


def test_what_would_not_be_sent_is_not_offered():
    assert complete.Found("se", ["sea"]) == at("%claude {se|", {"variables": {"sea": 1, "secret_key": "x"}})


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("%%claude --tool |", ["weather"]),
        ("%%claude --tool we|", ["weather", "web_search", "web_fetch"]),
        ("%%claude --schema |", ["Person", "people", "row", "str"]),
        ("%%claude --schema P|", ["Person"]),
        ("%%claude --schema list[P|", ["list[Person"]),
    ],
)
def test_functions_are_offered_as_tools_and_classes_as_schemas(typed, first):
    found = at(typed, TYPED)
    assert found is not None and first == found.options[: len(first)]


def test_a_tool_that_needs_a_function_of_the_reader_s_is_not_offered():
    found = at("%%claude --tool |", TYPED)
    assert found and "web_search" in found.options
    assert {"bash", "computer", "memory"}.isdisjoint(found.options)


def test_the_parts_of_a_frame_of_another_library_are_offered_too():
    polars = pytest.importorskip("polars")
    found = at("%claude about {other:|", {"variables": {"other": polars.DataFrame({"a": [1]})}})
    assert complete.Found("", ["head", "tail", "csv", "schema"]) == found


def test_notebooks_and_folders_are_offered_where_a_notebook_is_wanted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lessons").mkdir()
    for name in ("one.ipynb", "two.py"):
        (tmp_path / name).touch()
    assert complete.Found("", ["lessons/", "one.ipynb"]) == at("%claude estimate |")


@pytest.mark.parametrize(
    "typed",
    [
        "import o|",
        "%%time\n%claude o|",
        "%%claude|",
        "%cla|",
        "%%claudette o|",
        "x = 1\n%%claude o|",
        "\n|\n%%claude opus",
    ],
)
def test_the_rest_is_left_to_others(typed):
    assert at(typed) is None


def test_an_empty_notebook_offers_what_there_is():
    assert complete.Found("", []) == at("%%claude -t |", {})


def test_paths_go_on_folder_by_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data" / "a.pdf").touch()
    (tmp_path / ".hidden").touch()
    assert complete.Found("", ["my\\ data/"]) == at("%%claude --attach |")
    assert complete.Found("my\\ data/", ["my\\ data/a.pdf"]) == at("%%claude --attach my\\ data/|")
    assert complete.Found("'my", ["'my data/"]) == at("%%claude --attach 'my|")
    assert complete.Found(f"{tmp_path}/.h", [f"{tmp_path}/.hidden"]) == at(
        f"%%claude --attach={tmp_path}/.h|"
    )
    assert complete.Found("no/such", ["no/such"]) == at("%%claude --attach no/such|")


@given(st.text(st.sampled_from("%claude -m='\"{:}/\\\n <opus")), st.integers(0, 40))
def test_any_place_in_any_cell_has_an_answer(text, place):
    text = f"%%claude {text}"
    before = text[:place]
    found = complete.complete(text, before.count("\n"), len(before.rpartition("\n")[2]), STATE)
    assert found is None or all(option.startswith(found.fragment) for option in found.options)


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    complete.install(shell)
    yield shell
    complete.uninstall(shell)


def tab(shell, cell: str) -> list[str]:
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return [c.text for c in shell.Completer.completions(cell.replace("|", ""), cell.index("|"))]


def test_a_shell_offers_ours_and_nothing_else(shell):
    shell.user_ns["my_frame"] = 1
    assert ["--model", "--max-tokens", "--max-steps", "--max-cost"] == tab(shell, "%%claude --m|\nWhy?")
    assert ["high"] == tab(shell, "%%claude --effort=h|\nWhy?")
    assert ["my_frame"] == tab(shell, "%%claude\nAbout {my_|")
    assert ["prompt"] == tab(shell, "%%claude\nThis is a prompt|")
    assert ["practice"] == tab(shell, "%claude pra|")
    assert ["max_tokens", "max_steps", "max_retries", "max_cost"] == tab(shell, "%claude config max_|")


def test_a_shell_s_own_completion_goes_on_elsewhere(shell):
    shell.user_ns["my_frame"] = 1
    assert "my_frame" in tab(shell, "x = my_fr|")


def test_installing_twice_is_once_and_uninstalling_is_enough(shell):
    complete.install(shell)
    assert 1 == len(shell.Completer.custom_matchers)
    complete.uninstall(shell)
    assert [] == shell.Completer.custom_matchers


@pytest.mark.parametrize(
    ("cell", "there"),
    [
        ("%claude batches results |", "results "),
        ("%claude admin role |", "role "),
        ("%%claude -n |", "-n "),
        ("%%claude\nWhat is |", "is "),
        ("%%claude\n|", ""),
    ],
)
def test_where_there_is_nothing_to_offer_ipython_offers_nothing_of_its_own(cell, there, shell, monkeypatch):
    monkeypatch.setattr(listings, "seen", {})
    assert [there] == tab(shell, cell)
    assert {there} >= {*in_a_terminal(shell, cell)}


def test_names_are_offered_beside_ids(shell, monkeypatch):
    monkeypatch.setitem(listings.seen, "files", {"file_1": "a.csv", "file_2": "my file.csv", "file_3": ""})
    assert ["file_1", "file_2", "file_3", "a.csv"] == tab(shell, "%claude files get |")


SEEN = {**STATE, "seen": {"files": ["file_1"], "skills": ["skill_1"], "USER": ["user_1"], "batches": ["b_1"]}}


@pytest.mark.parametrize(
    ("typed", "fragment", "options"),
    [
        ("%claude files |", "", ["list", "get", "upload", "download", "delete"]),
        ("%claude files d|", "d", ["download", "delete"]),
        ("%claude files delete |", "", ["file_1", "--yes"]),
        ("x = %claude files get f|", "f", ["file_1"]),
        ("%claude batches results |", "", ["b_1"]),
        ("%claude skills get |", "", ["skill_1", "xlsx", "pptx", "docx", "pdf"]),
        ("%claude admin role |", "", ["user_1"]),
        ("%claude admin role user_1 d|", "d", ["developer"]),
        ("%claude admin add user_1 wrkspc_1 workspace_a|", "workspace_a", ["workspace_admin"]),
        ("%claude admin usage by m|", "m", ["model"]),
        ("%claude admin cost every |", "", ["1d", "1h", "1m", "none"]),
        ("%claude files get {d|", "d", ["data", "df"]),
        ("%%claude --skill |", "", ["xlsx", "pptx", "docx", "pdf", "skill_1"]),
        ("%claude logout |", "", ["admin"]),
    ],
)
def test_verbs_and_what_the_session_was_shown_are_offered(typed, fragment, options):
    assert complete.Found(fragment, options) == at(typed, SEEN)


def test_paths_are_offered_where_a_path_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").touch()
    assert complete.Found("da", ["data.csv"]) == at("%claude files upload da|")
    assert complete.Found("", ["data.csv", "--as"]) == at("%claude skills create |")
    assert ["data.csv", "file_1"] == at("%%claude --attach |", SEEN).options


def in_a_terminal(shell, cell: str) -> list[str]:
    """Return what IPython's own prompt offers."""
    from IPython.terminal.ptutils import IPythonPTCompleter
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    document = Document(cell.replace("|", ""), cell.index("|"))
    return [c.text for c in IPythonPTCompleter(shell=shell).get_completions(document, CompleteEvent())]


def test_the_prompt_of_a_terminal_offers_the_same(shell):
    shell.min_elide = 30  # a terminal's shell has it
    shell.user_ns.update(Person=Person, weather=weather, my_frame=1)
    assert ["weather"] == in_a_terminal(shell, "%%claude --tool wea|\nWhy?")
    assert ["Person"] == in_a_terminal(shell, "%claude --schema Per|")
    assert ["my_frame"] == in_a_terminal(shell, "%claude what is {my_|")
    assert ["python"] == in_a_terminal(shell, "%claude export py|")


@pytest.mark.kernel
def test_a_kernel_offers_what_the_notebook_holds(kernel):
    kernel.run(
        "def weather(city: str): ...\nclass Person: ...\nimport pandas as pd\nmy_frame = pd.DataFrame()"
    )
    kernel.run("%claude practice on")
    kernel.run("%claude -t rome hello")
    expected = {
        "%%claude --tool wea": ["weather"],
        "%%claude --schema Per": ["Person"],
        "%%claude --compare haiku,son": ["haiku,sonnet"],
        "%%claude --replay r": ["refresh"],
        "%%claude\nAbout {my_": ["my_frame"],
        "%%claude\nAbout {my_frame:he": ["head"],
        "%claude switch r": ["rome"],
        "%claude export rome pyt": ["python"],
        "%claude help --hist": ["--history-tokens"],
    }
    assert expected == {typed: kernel.complete(typed) for typed in expected}


@pytest.mark.kernel
def test_help_in_a_kernel_has_every_flag_and_one_alone(kernel):
    (payload,) = kernel.run("%%claude?").reply["payload"]
    assert [] == [flag.name for flag in FLAGS if f"--{flag.name}" not in payload["data"]["text/plain"]]
    outcome = kernel.run("%claude help --history-tokens")
    assert "Example: %%claude --history-tokens 20k" in outcome.stdout + outcome.text
