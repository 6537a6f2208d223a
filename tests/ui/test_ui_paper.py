"""Is what a reader needs drawn in its place, as often as it may be and no more?"""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from claude_magic.ui.paper import Paper, Sheet
from tests.ui.conftest import drawn


class Count:
    """What a paper shows: how often it was drawn, and a figure."""

    def __init__(self) -> None:
        self.times, self.figure = 0, 0

    def sheet(self) -> Sheet:
        self.times += 1
        return Sheet(f"<b>{self.figure}</b>", str(self.figure))


def test_news_in_a_burst_are_one_drawing_with_the_last_of_them(screen):
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    paper._free = time.monotonic() + 3600
    for count.figure in range(1, 101):
        paper.soon()
    (timer,) = (t for t in threading.enumerate() if getattr(t, "args", None) == (paper._in_time,))
    timer.cancel()
    paper._in_time()
    assert (2, 1, "100") == (count.times, screen.updates, screen.text)


def test_what_has_not_changed_is_not_sent_again(screen):
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    paper.now()
    assert 0 == screen.updates


def test_it_is_one_output_however_often_it_is_drawn(screen):
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    for count.figure in (1, 2):
        paper.now()
    assert [{"text/plain": "2", "text/html": "<b>2</b>"}] == [*screen.outputs.values()]


def test_nothing_is_drawn_where_it_is_not_shown(screen):
    count = Count()
    paper = Paper(count.sheet)
    paper.soon()
    paper.now()
    assert (0, None) == (count.times, paper._timer)


def test_where_nobody_watches_it_is_shown_once_and_does_not_change(screen, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    count.figure = 1
    paper.soon()
    paper.now()
    assert (0, "0") == (screen.updates, screen.text)


def test_news_that_come_sooner_go_before_a_later_tick(screen):
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    paper.soon(3600)
    count.figure = 7
    paper.soon()
    drawn(paper)
    assert "7" == screen.text


def test_a_terminal_gets_it_as_text(screen, monkeypatch, capsys):
    monkeypatch.setattr("claude_magic.ui.paper.audience", lambda: "terminal")
    Paper(lambda: Sheet("<b>x</b>", "x\x1b[2J")).show()
    assert "x␛[2J\n" == capsys.readouterr().out
    assert {} == screen.outputs


def test_in_voila_it_is_a_widget_as_nothing_else_changes_there(screen, monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    count = Count()
    paper = Paper(count.sheet)
    paper.show()
    count.figure = 3
    paper.now()
    assert "<b>3</b>" == paper._widget.value


def test_the_room_is_light_until_a_control_is_made():
    code = (
        "import sys; from claude_magic import ui; dir(ui)\n"
        "print([m for m in ('ipywidgets', 'pandas', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
