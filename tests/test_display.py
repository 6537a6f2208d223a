"""Does a reader see the answer as it grows, and the same answer at rest, whoever watches?"""

from __future__ import annotations

import html
import io
import re
import sys
import threading
from decimal import Decimal
from types import SimpleNamespace

import pytest

from claude_magic.looks.readout import readout
from claude_magic.prompts.citing import Note
from claude_magic.show import showing
from claude_magic.show.display import View, mode
from claude_magic.show.live import GROWS, MESSAGE, Live, Pace
from claude_magic.talk.answer import Answer
from claude_magic.tools.toolbox import Ran
from claude_magic.wire import record

META = {"model": "claude-haiku-5-5", "cost": Decimal("0.0004"), "source": "practice", "prompt": "secret"}


class Recorder:
    """A display publisher that keeps what it gets and tells who waits for it."""

    def __init__(self):
        self.sent, self.news = [], threading.Condition()

    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        with self.news:
            self.sent.append((data, metadata, (transient or {}).get("display_id"), update))
            self.news.notify_all()

    def wait_for(self, words):
        """Wait until something shown has these words, and return its HTML."""
        with self.news:
            assert self.news.wait_for(lambda: self._having(words), timeout=120), f"{words!r} was never shown"
            return self._having(words)

    def _having(self, words):
        return next((d["text/html"] for d, *_ in self.sent if words in d.get("text/html", "")), None)

    @property
    def left(self):
        """What a notebook would save: (data, metadata) of each output that has something in it."""
        saved = {}
        for data, metadata, name, update in self.sent:
            assert update == (name is not None and name in saved)
            saved[name or len(saved)] = (data, metadata)
        return [s for s in saved.values() if s[0]]


@pytest.fixture
def shown():
    """What the shell of this process publishes."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    recorder = Recorder()
    shell.display_pub = recorder
    yield recorder
    InteractiveShell.clear_instance()


@pytest.fixture
def live(shown, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "live")
    return shown


@pytest.fixture
def static(shown, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    return shown


def drawing_threads():
    return [t for t in threading.enumerate() if t.name == "claude-magic live"]


def test_words_before_a_pause_are_shown_while_the_stream_is_silent(live, monkeypatch):
    for clock in ("EMPTY", "TICK"):  # nothing but the words themselves can make it draw
        monkeypatch.setattr(Live, clock, 3600)
    view = View()
    view.text("first words")
    live.wait_for("first words")
    view.text(", last words before a long silence")
    live.wait_for("last words before a long silence")
    assert len(drawing_threads()) == 1
    view.finish("first words, last words before a long silence")


def test_nothing_is_alive_after_the_end(live):
    for end in ("finish", "stopped", "failed"):
        view = View()
        view.text("x")
        getattr(view, end)("x")
        assert drawing_threads() == []


def test_a_thousand_pieces_at_once_are_few_drawings(live):
    view = View()
    with live.news:  # nothing is published before all of it is there
        for n in range(1000):
            view.text(f"{n} ")
    live.wait_for("999")
    view.finish("done")
    assert len(live.sent) < 20


def test_drawings_are_a_tenth_of_a_second_apart_at_first_and_then_as_far_as_their_bytes_allow():
    pace = Pace()
    pace.drawn = pace.started
    assert pace.LEAST == pytest.approx(pace.due - pace.started)
    pace.sent = pace.BYTES
    assert 1.0 == pytest.approx(pace.due - pace.started)
    pace.sent = 100 * pace.BYTES
    assert pace.MOST == pytest.approx(pace.due - pace.started)


def test_a_long_text_goes_on_in_another_output_and_no_part_of_it_is_drawn_again(live, monkeypatch):
    monkeypatch.setattr(Pace, "BYTES", 10**9)
    lines = [f"line {n:04} of a long answer\n" for n in range(300)]
    view = View()
    for n, line in enumerate(lines):
        view.text(line)
        if n % 30 == 29:
            live.wait_for(line.strip())
    outputs = {}
    for data, _, name, _ in live.sent:
        outputs[name] = data["text/html"]
    pages = list(outputs.values())[1:]
    assert len(pages) >= len("".join(lines)) // (2 * GROWS)
    shown = "".join(html.unescape(text) for page in pages for text in re.findall(r">\n([^<]*)</pre>", page))
    assert "".join(lines).rstrip() == shown
    assert ["tokens" in page for page in pages] == [*[False] * (len(pages) - 1), True]
    view.finish("all of it")
    assert ["all of it"] == [data["text/plain"] for data, _ in live.left]


def test_a_text_without_a_line_end_goes_on_in_another_output_at_a_blank(live, monkeypatch):
    monkeypatch.setattr(Pace, "BYTES", 10**9)
    view = View()
    view.text("one two " * GROWS)
    view.text("last")
    live.wait_for("last")
    view.finish("all")
    assert any(data["text/html"].count("one two") > 100 for data, _, name, _ in live.sent if name)
    assert (
        max(len(data["text/html"]) for data, *_ in live.sent[2:] if "last" in data.get("text/html", "")) < 600
    )


def test_what_is_sent_live_is_a_small_multiple_of_a_long_answer(monkeypatch, shown):
    """4,000 tokens in 40 s, by a clock that is wound by hand: less than 200 kB with the answer at rest."""
    drawer = Live(None)
    drawer.news.put(("end", None))
    drawer.thread.join()
    now = drawer.pace.started
    monkeypatch.setattr("claude_magic.show.live.time", SimpleNamespace(monotonic=lambda: now))
    text, due = "The median is the value in the middle.\n" * 410, now
    for at in range(0, 16_000, 4):
        now = drawer.pace.started + at / 400
        drawer._take("text", text[at : at + 4])
        if now >= due:
            drawer._draw()
            due = drawer.pace.due
    sent = sum(MESSAGE + len(data["text/html"].encode()) for data, *_ in shown.sent)
    assert 16_000 < sent < 130_000
    assert 50 < len(shown.sent)


def test_live_html_has_a_stop_button_and_the_final_html_has_none(live):
    view = View()
    view.text("partial")
    stop = live.wait_for('data-commandlinker-command="notebook:interrupt-kernel"')
    assert "<button" in stop
    assert "aria-label=" in stop
    view.finish("all of it")
    assert [True] == ["all of it" in d["text/html"] for d, _ in live.left]
    assert "commandlinker" not in live.left[0][0]["text/html"]


def test_the_stop_button_is_never_drawn_again_while_the_text_grows(live):
    view = View()
    for words in ("one", "two", "three"):
        view.text(words)
        live.wait_for(words)
    assert 1 == sum("commandlinker" in d["text/html"] for d, *_ in live.sent)
    view.finish("onetwothree")


def test_live_text_is_escaped(live):
    view = View()
    view.text("<script>x</script>\x1b[2J")
    assert "&lt;script&gt;x&lt;/script&gt;␛[2J" in live.wait_for("script")
    view.failed("")


def test_nothing_is_ever_published_as_markdown(live):
    view = View()
    view.text("**a**")
    live.wait_for("**a**")
    view.finish("**a**")
    assert {"text/plain", "text/html"} == {kind for data, *_ in live.sent for kind in data}


def test_s6_a_wait_is_shown_with_its_reason_and_the_seconds_left(live):
    view = View()
    view.waiting(30, "rate limit reached")
    assert re.search(r"rate limit reached; going on in (30|2\d) s", live.wait_for("rate limit reached"))
    view.text("hello")
    assert "rate limit" not in live.wait_for("hello")
    view.finish("here")


def test_thinking_is_shown_until_the_answer_begins_and_folded_after(live):
    view = View()
    view.thinking("let me <see>")
    live.wait_for("let me &lt;see&gt;")
    view.text("42")
    assert "let me" not in live.wait_for("42")
    view.finish("42", thinking="let me <see>")
    assert "<details" in live.left[0][0]["text/html"]
    assert "let me &lt;see&gt;" in live.left[0][0]["text/html"]


def test_an_answer_that_is_there_at_once_is_one_output_however_it_is_shown(live):
    view = View()
    view.text("quick")
    view.finish("quick", readout="1 s")
    assert len(live.left) == 1


@pytest.mark.parametrize("way", ["live", "static"])
def test_the_saved_output_is_the_same_live_and_static(shown, monkeypatch, way):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", way)
    view = View(badge="practice")
    view.text("*hi*")
    view.finish("*hi*", readout="1.8 s · 96 out · practice", metadata=META)
    ((data, metadata),) = shown.left
    assert data["text/plain"] == "*hi*"
    assert "<em>hi</em>" in data["text/html"]
    assert 'role="status"' in data["text/html"]
    kept = {"model": "claude-haiku-5-5", "cost": "0.0004", "source": "practice"}
    assert {"claude_magic": kept} == metadata


def test_static_publishes_once_and_only_at_the_end(static):
    view = View()
    view.waiting(3, "busy")
    view.thinking("hm")
    view.text("a")
    assert static.sent == []
    view.finish("a")
    assert len(static.sent) == 1


def test_practice_is_labelled_even_when_quiet(static):
    View(badge="practice", quiet=True).finish("a", readout="1.8 s · practice")
    assert ">practice</span>" in static.left[0][0]["text/html"]
    assert "1.8 s" not in static.left[0][0]["text/html"]


def test_practice_is_said_once_in_the_line(static):
    View(badge="practice").finish("a", readout="1.8 s · turn 1 · practice")
    assert static.left[0][0]["text/html"].count("practice") == 1


def test_m8_a_stopped_answer_keeps_what_arrived_and_says_so(live):
    view = View()
    view.text("half an")
    live.wait_for("half an")
    view.stopped("half an", readout="0.5 s")
    ((data, _),) = live.left
    assert data["text/plain"] == "half an\n[stopped]"
    assert "[stopped] · 0.5 s" in data["text/html"]


def test_a_failed_answer_keeps_what_arrived(static):
    view = View()
    view.text("half")
    view.failed()
    assert static.left[0][0]["text/plain"] == "half\n[broken off]"


def test_a_call_that_failed_before_its_first_words_leaves_nothing(live):
    view = View()
    view.waiting(30, "overloaded")
    live.wait_for("overloaded")
    view.failed()
    assert live.left == []


def test_leaving_the_block_without_an_end_is_a_failure(live):
    with View() as view:
        view.text("half")
        live.wait_for("half")
    assert live.left[0][0]["text/plain"] == "half\n[broken off]"
    assert drawing_threads() == []


def test_a_view_ends_once(static):
    with View() as view:
        view.finish("a")
        view.stopped("a")
    assert len(static.sent) == 1


def test_o4_the_plain_text_has_no_terminal_escapes(static):
    View().finish("a\x1b[2Jb")
    assert static.left[0][0]["text/plain"] == "a␛[2Jb"


def test_a_terminal_gets_the_pieces_as_they_come_and_the_line(capsys):
    view = View()
    assert view.mode == "terminal"
    view.text("one \x1b[2J")
    assert capsys.readouterr().out == "one ␛[2J"
    view.text("two")
    view.finish("one two", readout="1.8 s")
    assert capsys.readouterr().out == "two\n1.8 s\n"


def test_a_terminal_gets_an_unstreamed_answer_whole(capsys):
    View().finish("all", readout="1.8 s")
    assert capsys.readouterr().out == "all\n1.8 s\n"


def test_a_terminal_is_told_once_why_nothing_comes(capsys):
    view = View()
    for seconds in (3, 2, 1):
        view.waiting(seconds, "overloaded")
    view.failed()
    assert capsys.readouterr().out == "overloaded; going on in 3 s\n"


def test_a_terminal_without_unicode_gets_escapes_for_it(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    view = View()
    view.text("é")
    view.failed()
    assert raw.getvalue() == b"\\xe9\n[broken off]\n"


def test_plain_python_and_plain_ipython_are_terminals(shown):
    assert mode() == "terminal"


@pytest.mark.parametrize("way", ["static", "live"])
def test_the_environment_says_how_to_show(shown, monkeypatch, way):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", way)
    assert way == mode()


SHOW_MODE = "from claude_magic.show.display import mode; print(mode())"
STREAM = """
from claude_magic.show.display import View
view = View(badge="practice")
view.text("one ")
while not view._live.drawn: pass
view.text("two")
view.finish("one two", readout="1 s", metadata={"model": "m"})
"""


@pytest.mark.kernel
def test_a_kernel_is_live_when_its_reader_can_answer_questions(kernel):
    assert kernel.run(SHOW_MODE, answers=()).stdout == "live\n"
    assert kernel.run(SHOW_MODE).stdout == "static\n"


@pytest.mark.kernel
def test_captured_output_is_static(kernel):
    captured = kernel.run(f"%%capture got\n{SHOW_MODE}", answers=())
    assert captured.error is None
    assert kernel.run("print(got.stdout)", answers=()).stdout == "static\n\n"


@pytest.mark.kernel
def test_output_taken_by_a_widget_is_static(kernel):
    run = kernel.run(f"import ipywidgets\nwith ipywidgets.Output(): {SHOW_MODE}\n{SHOW_MODE}", answers=())
    assert run.stdout == "static\nlive\n"


@pytest.mark.kernel
def test_what_the_drawing_thread_shows_belongs_to_its_cell(kernel):
    cell = kernel.run(STREAM, answers=())
    assert cell.error is None
    html = [c["data"]["text/html"] for c in cell.of("display_data", "update_display_data") if c["data"]]
    assert any("one" in h and "aria-busy" in h for h in html)
    assert [{"claude_magic": {"model": "m"}}] == [o["metadata"] for o in cell.outputs if o["data"]]
    assert [("one two", True)] == [
        (o["data"]["text/plain"], "commandlinker" not in o["data"]["text/html"])
        for o in cell.outputs
        if o["data"]
    ]


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (None, "price unknown"),
        ("0", "$0.00"),
        ("0.0004", "$0.0004"),
        ("0.000423", "$0.00042"),
        ("0.00000125", "$0.0000013"),
        ("0.0123", "$0.012"),
        ("0.1", "$0.10"),
        ("0.456", "$0.46"),
        ("12.3", "$12.30"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_m10_a_cost_keeps_two_digits_and_the_unknown_is_not_zero(cost, expected):
    line = readout(seconds=1, usage={}, cost=cost and Decimal(cost), model="m")
    assert f"1.0 s · 0 in · 0 out · {expected} · m" == line


def test_a_readout_says_time_tokens_cost_model_turn_and_source():
    usage = {
        "input_tokens": 100,
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 12,
        "output_tokens": 96,
    }
    line = readout(
        seconds=1.84, usage=usage, cost=Decimal("0.0004"), model="claude-haiku-5-5", turn=3, source="practice"
    )
    assert "1.8 s · 412 in (300 cached) · 96 out · $0.0004 · claude-haiku-5-5 · turn 3 · practice" == line


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0001, "0.01 s"), (0.04, "0.04 s"), (59.94, "59.9 s"), (72, "1 min 12 s")]
)
def test_durations_read_well(seconds, expected):
    assert expected == readout(seconds=seconds, usage=None, cost=None, model="").split(" · ")[0]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"seconds": 9.0, "ttft": 1.0}, "9.0 s · 7 in · 488 out (61 tokens/s) · "),
        ({"seconds": 2.5, "ttft": 1.0}, "2.5 s · 7 in · 488 out · "),
        ({"seconds": 9.0}, "9.0 s · 7 in · 488 out · "),
        ({"seconds": 9.0, "ttft": 1.0, "source": "replay"}, "7 in · 488 out · "),
    ],
    ids=["long", "too short to tell", "not streamed", "replayed"],
)
def test_tokens_a_second_are_said_of_an_answer_that_took_a_while(facts, expected):
    usage = {"input_tokens": 7, "output_tokens": 488}
    content = [{"type": "text", "text": "words"}]
    message = {"type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}
    assert showing.line(Answer(record(message), **facts)).startswith(expected)


# ---- calls of tools and passages that are cited -----------------------------------------------------------

RAN = Ran("tide", {"place": "Dover"}, "high at six", False, 0.25)
NOTE = Note(1, "tides.txt", "characters 1–9", "High at six.")


def test_a_call_is_seen_while_it_runs_and_stays_folded_at_rest(live):
    view = View()
    view.calling("tide", {"place": "Dover"})
    live.wait_for("→ tide(place=&#x27;Dover&#x27;)")
    view.called(RAN)
    live.wait_for("← high at six · 0.2 s")
    view.finish("It is high.", calls=[RAN])
    ((data, _),) = live.left
    assert "It is high." == data["text/plain"]
    assert "<details" in data["text/html"].partition("It is high.")[0]
    assert "high at six" in data["text/html"]


def test_a_terminal_prints_calls_as_lines_between_what_is_said(capsys):
    view = View()
    view.text("Let me look.\n\n")
    view.calling("tide", {"place": "Dover"})
    view.called(RAN)
    view.text("It is high.")
    view.finish("Let me look.\n\nIt is high.", readout="1 s", calls=[RAN])
    lines = ["Let me look.", "→ tide(place='Dover')", "← high at six · 0.2 s", "", "", "It is high.", "1 s"]
    assert lines == capsys.readouterr().out.splitlines()


def test_a_number_is_printed_before_the_blank_and_the_notes_at_the_end(capsys):
    view = View()
    view.text("High at six. ")
    view.cited([{"cited_text": "High at six."}])
    view.text("So it is.")
    view.finish("High at six. So it is.", notes=[NOTE], readout="1 s")
    expected = ["High at six.¹ So it is.", "¹ tides.txt, characters 1–9: “High at six.”", "1 s"]
    assert expected == capsys.readouterr().out.splitlines()


def test_notes_follow_the_answer_also_as_plain_text(static):
    View().finish("High at six.¹ ", notes=[NOTE])
    ((data, _),) = static.left
    assert "High at six.¹\n\n¹ tides.txt, characters 1–9: “High at six.”" == data["text/plain"]
    assert data["text/html"].index("High at six.¹") < data["text/html"].index("<q>High at six.</q>")


def test_calls_of_an_answer_that_broke_off_are_shown(static):
    View().failed("It", calls=[RAN])
    ((data, _),) = static.left
    assert "tide(place=" in data["text/html"]
