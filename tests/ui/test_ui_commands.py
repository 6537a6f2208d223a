"""What does `%claude ui` show?"""

from __future__ import annotations

import pytest

from claude_magic import ui
from claude_magic.grammar import flags


def test_without_a_word_it_says_which_there_are(shell):
    assert "Type %claude ui and one of: models, cost, usage, chat, login, batch NAME" == str(
        shell.run("%claude ui").result
    )


@pytest.mark.parametrize("name", flags.UI)
def test_each_word_is_a_function_of_the_same_name(shell, screen, name):
    assert name in ui.__all__
    assert type(getattr(ui, name)()) is type(shell.run(f"%claude ui {name}").result)


def test_one_that_is_not_the_last_line_of_its_cell_is_shown_all_the_same(shell, screen):
    shell.run("%claude ui cost\n1 + 1")
    assert "this notebook" in screen.text


def test_the_chat_goes_on_with_the_conversation_of_the_notebook(shell, screen):
    shell.run("%claude What is a median?")
    assert ["What is a median?"] == [said.question for said in shell.run("%claude ui chat").result.said]
