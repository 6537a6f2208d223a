"""Does the button open the hidden prompt, and is the key in no widget?"""

from __future__ import annotations

import re

import pytest

from claude_magic import keys, settings
from claude_magic.ui.signin import Login
from tests.shells import KEY
from tests.ui.conftest import told

MAKE = """
import json
from IPython.display import display
from claude_magic import ui
buttons = ui.login()
display(buttons)
"""
PRESS = "buttons._panel.children[1].children[{}].click()"
STATES = """
import ipywidgets
print(json.dumps([w.get_state() for w in ipywidgets.widgets.widget._instances.values()], default=str))
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    from tests.conftest import started

    with started(tmp_path_factory.mktemp("signin")) as made:
        made.run(MAKE, answers=[])
        yield made


@pytest.mark.kernel
@pytest.mark.parametrize(("button", "name"), [(0, "key"), (1, "admin-key")])
def test_k3_the_button_opens_the_hidden_prompt_and_the_key_is_in_no_widget(real, button, name):
    pressed = real.run(PRESS.format(button), answers=[KEY])
    assert pressed.error is None
    assert KEY == (real.folder / "config" / name).read_text()
    assert 0o600 == (real.folder / "config" / name).stat().st_mode & 0o777
    states = real.run(STATES)
    assert "Enter API key" in states.stdout
    said = (
        states.stdout + pressed.text + pressed.html + pressed.stdout + pressed.stderr + str(pressed.messages)
    )
    assert [] == re.findall(re.escape(KEY[10:]), said)


@pytest.mark.kernel
def test_k3_no_control_is_a_password_and_forgetting_removes_both_keys(real):
    assert "Password" not in real.run(STATES.replace("w.get_state()", "type(w).__name__")).stdout
    for button in range(2):
        real.run(PRESS.format(button), answers=[KEY])
    assert 2 == len([*(real.folder / "config").glob("*key")])
    real.run(PRESS.format(2), answers=[])
    assert [] == [path.name for path in (real.folder / "config").iterdir() if "key" in path.name]


def test_a_page_that_was_opened_anew_is_told_so_and_nobody_waits(screen, monkeypatch):
    login = Login()
    login._ipython_display_()
    login.enter("file")
    assert "A button cannot ask for a key here. Type %claude login in a cell." in screen.text
    monkeypatch.setattr("claude_magic.ui.signin._prompts_by_context", lambda: True)
    monkeypatch.setattr("claude_magic.ui.controls.page", lambda: "another")
    login._panel.children[1].children[0].click()
    assert told(login._panel)
    assert "The page was opened anew since this cell ran. Run the cell again, then press." in screen.text


def test_it_says_which_keys_are_in_force_and_shows_none(screen, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    keys.to_file(keys.Secret(KEY), "admin-key")
    Login()._ipython_display_()
    assert "API key: ANTHROPIC_API_KEY\nAdmin key: there\nAnswers: made by rule" in screen.text
    assert KEY[-4:] not in screen.text + screen.html


def test_practice_is_a_box_to_tick_and_follows_the_magic(screen, shell):
    login = Login()
    login._ipython_display_()
    assert login._practice.value
    login._practice.value = False
    assert not settings.practice().value
    assert "Answers: none: There is no API key" in screen.text
    shell.run("%claude practice on")
    assert login._practice.value


def test_what_was_said_of_practice_is_gone_when_practice_is(screen):
    login = Login()
    login._ipython_display_()
    login.said = "Practice is on; this key is used when it is off"
    login._practice.value = False
    assert "Practice is on" not in repr(login)
