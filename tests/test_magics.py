"""Are the magics and their settings where IPython looks for them?"""

from __future__ import annotations

from typing import Any

import pytest

from claude_magic import settings
from claude_magic.cells import magics
from claude_magic.grammar.manual import help_text
from tests.shells import made


def test_every_option_is_a_trait_of_the_same_name(shell):
    traits = shell.ip.magics_manager.registry["ClaudeMagics"].class_traits(config=True)
    assert set(settings.OPTIONS) == set(traits)


def test_config_sets_an_option_for_this_session(shell):
    shell.run("%config ClaudeMagics.max_tokens = 7")
    assert (7, "this session") == settings.option("max_tokens")[1:]
    shell.run("%%claude\npractice:long@200")
    assert 7 == shell["_claude"].usage.output_tokens
    assert 7 == shell.run("%config ClaudeMagics.max_tokens").result


def test_config_refuses_an_unusable_value(shell):
    for line in ("max_tokens = 'many'", "max_tokns = 5"):
        shell.run(f"%config ClaudeMagics.{line}")
    assert {} == {k: v for k, v in settings.session.items() if k != "practice"}


def test_config_sets_what_it_names_and_nothing_else(shell):
    shell.run("%config ClaudeMagics.model = 'opus'")
    shell.run("%claude model haiku")
    shell.run("%config ClaudeMagics.max_tokens = 7")
    assert "claude-haiku-5-5" == settings.model().value


def test_a_users_profile_sets_options():
    with made(ClaudeMagics={"model": "claude-opus-5-5"}) as ip:
        ip.extension_manager.load_extension("claude_magic")
        assert "claude-opus-5-5" == settings.model().value
        ip.extension_manager.unload_extension("claude_magic")


def test_loading_twice_and_unloading_leave_the_shell_as_it_was(interactive):
    ip, extensions = interactive, interactive.extension_manager

    def state() -> Any:
        return (
            list(ip.input_transformers_cleanup),
            {k: set(v) for k, v in ip.magics_manager.magics.items()},
            set(ip.magics_manager.registry),
            list(ip.configurables),
            "run_cell_async" in vars(ip),
            list(ip.Completer.custom_matchers),
        )

    before = state()
    extensions.load_extension("claude_magic")
    loaded = state()
    magics.load(ip)
    assert loaded == state()
    extensions.reload_extension("claude_magic")
    assert 2 == len(ip.input_transformers_cleanup) - len(before[0])
    extensions.unload_extension("claude_magic")
    assert before == state()


def test_the_help_of_the_magic_is_the_flag_table(shell):
    assert help_text() == shell.ip.object_inspect("%%claude")["docstring"]


@pytest.mark.parametrize("mode", ["Context", "Plain", "Minimal"])
def test_an_error_is_two_lines_whatever_tracebacks_look_like(shell, mode):
    shell.run(f"%xmode {mode}")
    said = shell.run("%claude --bad Hello").seen
    shell.run("%xmode Context")
    first, second = said.splitlines()
    assert "InputError: There is no option --bad" == first
    assert second.startswith("→ Type %claude help to see the options.")
