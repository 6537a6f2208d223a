"""Does the chat panel ask, stop, attach and keep its conversation where it stays?"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from claude_magic import Thread, settings
from claude_magic.errors import InputError
from claude_magic.ui.desk import Desk
from claude_magic.ui.panel import ChatPanel, chat
from tests.hostile import HOSTILE
from tests.ui.conftest import told, until


@pytest.fixture
def panel(screen):
    made = chat()
    made._ipython_display_()
    yield made
    made.stop()
    made.wait(60)


def press(panel, question):
    panel._desk.words.value = question
    panel._desk.send.click()


def state(panel):
    desk = panel._desk
    return {name for name in ("send", "stop", "undo", "clear") if not getattr(desk, name).disabled}


def test_a_question_and_its_answer_are_in_the_conversation_and_no_longer_in_the_controls(panel, screen):
    press(panel, "What is a median?")
    panel.wait(60)
    assert "" == panel._desk.words.value
    assert [("What is a median?", 1)] == [(s.question, len(panel.chat)) for s in panel.said]
    assert screen.text.startswith("You: What is a median?\n\n[practice]")
    assert re.search(r"claude-haiku-5-5 · turn 1 <span[^>]*>practice</span>", screen.html)
    assert 'aria-busy="true"' not in screen.html


def test_stop_is_heard_while_the_answer_comes_and_keeps_what_arrived(panel, screen):
    settings.use("practice_speed", 20)  # it would take minutes
    press(panel, "practice:long@5000")
    until(lambda: panel._growing._said)
    assert {"stop"} == state(panel)
    assert 'aria-busy="true"' in screen.html
    assert re.search(r"\d s · [^<]* <span[^>]*>practice</span>", panel._draft().html)
    panel._desk.stop.click()
    panel.wait(60)
    assert {"send", "undo", "clear"} == state(panel)
    assert "[stopped]" in screen.text
    assert "stopped" == panel.chat.thread.turns[-1].stop_reason
    assert "Stopped." in screen.text


def test_a_question_that_was_not_answered_comes_back_with_what_is_wrong(panel, screen):
    press(panel, "practice:400")
    panel._desk.words.value = ""
    panel.wait(60)
    assert "practice:400" == panel._desk.words.value
    assert panel.error in screen.text
    assert 'role="alert"' in screen.html
    assert [] == panel.said


def test_undo_and_new_take_turns_back(panel, screen):
    for question in ("One?", "Two?"):
        panel.send(question, wait=True)
    panel._desk.undo.click()
    assert (["One?"], 1) == ([said.question for said in panel.said], len(panel.chat))
    panel._desk.clear.click()
    assert ([], 0) == (panel.said, len(panel.chat))
    panel._desk.undo.click()
    assert "There is no turn to take back" in screen.text


@pytest.mark.parametrize(
    ("question", "given", "told"),
    [
        ("Mars is red and far. What is red?", {"max_tokens": 5}, "The answer is cut at max_tokens;"),
        ("practice:refuse", {}, "Claude declined; this question is not kept in the conversation."),
    ],
)
def test_an_answer_that_did_not_end_says_so(screen, question, given, told):
    panel = chat(**given)
    panel.send(question, wait=True)
    assert told in repr(panel)
    assert told in panel._conversation().html
    assert "%claude" not in repr(panel)


def test_undo_takes_back_a_declined_question_first_which_the_conversation_has_not(panel):
    for question in ("Mars is red. What is red?", "practice:refuse"):
        panel.send(question, wait=True)
    left = [(len(panel.said), len(panel.chat))]
    for _ in range(2):
        panel.undo()
        left.append((len(panel.said), len(panel.chat)))
    assert ([(2, 1), (1, 1), (0, 0)], "") == (left, panel.error)


def test_a_turn_of_another_cell_is_shown_and_is_what_undo_takes_back(screen, shell):
    panel = chat("mars")
    panel.send("Mars is red. What is red?", wait=True)
    shell.run("%claude -t mars Venus is hot. What is hot?")
    panel._ipython_display_()
    assert 2 == len(panel.said)
    shell.run("%claude -t mars -n 5 Venus is hot and near. What is near?")
    panel.undo()
    questions = ["Mars is red. What is red?", "Venus is hot. What is hot?"]
    assert (questions, 2) == ([said.question for said in panel.said], len(panel.chat))


def test_models_are_not_compared_in_a_panel():
    with pytest.raises(InputError, match="A chat panel asks one model"):
        chat(compare=["haiku", "sonnet"])


def test_while_the_first_answer_comes_nobody_is_told_that_nothing_is_asked(panel, screen):
    assert "Nothing is asked yet." in screen.text
    settings.use("practice_speed", 20)
    press(panel, "practice:long@5000")
    until(lambda: "tokens/s" in panel._growing.meter)
    assert "Nothing is asked yet." not in screen.text


def test_files_go_along_and_are_in_no_widget_after(panel, screen, tmp_path):
    what = {"type": "text/plain", "content": memoryview(b"The capital is Turin.")}
    file = {"name": "../notes.txt", "size": 21, "last_modified": datetime.now(UTC), **what}
    panel._desk.files.set_trait("value", (file,))
    assert "notes.txt (21 bytes)" in panel._desk.names.value
    press(panel, "Which city?")
    panel.wait(60)
    assert ((), "") == (panel._desk.files.value, panel._desk.names.value)
    assert "with notes.txt" in screen.html
    sent = panel.chat.thread.messages[0]["content"]
    assert any("The capital is Turin." in str(block) for block in sent)


def test_a_file_named_like_a_secret_is_not_sent(panel, screen, tmp_path):
    (tmp_path / ".env").write_text("TOKEN=1")
    panel.send("What is in it?", [tmp_path / ".env"], wait=True)
    assert "is named like a secret" in panel.error
    assert 0 == len(panel.chat)


def test_model_and_system_prompt_are_those_of_the_controls(panel):
    panel._desk.model.value = "claude-opus-5-5"
    panel._desk.system.value = "Answer in French."
    panel.send("What is a mean?", wait=True)
    assert "claude-opus-5-5" == panel.last.model
    assert "Answer in French." == panel.chat.given["system"]
    assert settings.DEFAULT_MODEL == settings.model().value


def test_a_tool_runs_when_run_it_is_pressed_and_not_when_refuse_is(screen):
    ran = []

    def weather(city: str) -> str:
        """Return the weather."""
        ran.append(city)
        return "sunny"

    panel = ChatPanel(tools=[weather], approve=True)
    panel._ipython_display_()
    for button, expected in (("refuse", []), ("run", ["Rome"])):
        panel.send("What is the weather in Rome?", wait=False)
        until(lambda: panel.asking)
        assert "weather(city=&#x27;Rome&#x27;)" in panel._draft().html
        assert "waiting for you" in panel._draft().html
        getattr(panel._desk, button).click()
        panel.wait(60)
        assert expected == ran


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_o1_what_is_asked_and_answered_is_text(screen, name):
    panel = ChatPanel()
    panel._ipython_display_()
    panel.send(f"practice:echo {HOSTILE[name]}", wait=True)
    panel.send(HOSTILE[name], wait=False)
    panel.stop()
    panel.wait(60)
    lower = screen.html.lower()
    for opening in ("<script", "<img", "<iframe", "<form", "<svg", "<object", "<style", "<input", "<button"):
        assert opening not in lower


def test_a_conversation_of_a_name_goes_on_with_what_was_said(screen, shell):
    shell.run("%%claude -t rome\nWhat is a forum?")
    panel = chat("rome")
    assert ["What is a forum?"] == [said.question for said in panel.said]
    assert isinstance(panel.chat.thread, Thread)


def test_where_nobody_watches_a_question_is_waited_for_and_there_are_no_controls(screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    panel = chat()
    panel.send("What is a mode?")
    panel._ipython_display_()
    assert "You: What is a mode?" in screen.text
    assert ([], 1) == (screen.widgets, len(screen.outputs))


def test_two_questions_at_once_are_refused(panel):
    settings.use("practice_speed", 20)
    panel.send("practice:long@5000", wait=False)
    with pytest.raises(InputError, match="still coming"):
        panel.send("Another?")


def test_a_page_that_was_opened_anew_sends_nothing_as_nobody_would_see_the_answer(panel, monkeypatch):
    monkeypatch.setattr("claude_magic.ui.controls.page", lambda: "another")
    press(panel, "What is a median?")
    assert ("What is a median?", 0) == (panel._desk.words.value, len(panel.chat))
    assert told(panel._desk.panel)
    panel._ipython_display_()
    assert not told(panel._desk.panel)


def test_the_desk_gives_no_question_of_blanks(panel):
    press(panel, "  \n")
    assert not panel.busy
    assert isinstance(panel._desk, Desk)
