"""Is a question asked, paid for and remembered, whatever becomes of it?"""

from __future__ import annotations

import contextlib
import json
import signal
from decimal import Decimal

import httpx2
import pytest

from claude_magic import ledger, limits, settings
from claude_magic.api.client import Client
from claude_magic.app import Response
from claude_magic.errors import (
    APIConnectionError,
    APIResponseError,
    BadRequestError,
    BudgetError,
    ClaudeError,
    InputError,
    NotFoundError,
    RateLimitError,
    Stopped,
    StreamError,
)
from claude_magic.money.dryrun import dry_run
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.protocol import catalog
from claude_magic.talk import chat, current
from claude_magic.talk.thread import Thread
from tests.books import held, raced

QUESTION = "What is an index? An index is a label for each row of a table."


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


class Recorder:
    """An App around another: the bodies it was sent, and whether answers were read whole or closed."""

    def __init__(self, app):
        self.app, self.bodies, self.closed = app, [], []

    def __call__(self, request):
        self.bodies.append(json.loads(request.body))
        answer = self.app(request)
        return Response(answer.status, answer.headers, self._watched(answer))

    def _watched(self, answer):
        whole = False
        try:
            yield from answer.parts()
            whole = True
        finally:
            self.closed.append("read" if whole else "closed")


@contextlib.contextmanager
def client_of(app):
    """A client that takes an App for the service at an address of its own."""
    http = httpx2.Client(transport=AppTransport(app))
    with Client(
        base_url="http://localhost:1", api_key="practice-key", max_retries=1, http_client=http
    ) as made:
        yield made


class Seen:
    """A Watch that writes down what it is told, and does something at a piece."""

    def __init__(self, at=None, do=None):
        self.told, self.at, self.do = [], at, do

    def _tell(self, *what):
        self.told.append(what)
        if self.do and len(self.told) == self.at:
            self.do()

    def text(self, piece):
        self._tell("text", piece)

    def thinking(self, piece):
        self._tell("thinking", piece)

    def waiting(self, seconds, why):
        self._tell("waiting", why)

    def note(self, line):
        self._tell("note", line)

    def joined(self, kind):
        return "".join(what for name, what in self.told if name == kind)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def rows():
    return ledger.shared().rows()


# ---- an answer ---------------------------------------------------------------------------------------------


def test_a_question_is_answered_shown_and_recorded():
    watch = Seen()
    answer = chat.ask(QUESTION, watch=watch, cell="7")
    assert "label for each row" in answer
    assert answer == watch.joined("text")
    row = rows()[-1]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (row.input_tokens, row.output_tokens)
    assert catalog.cost(answer.usage, answer.model) == answer.cost == row.cost_usd
    assert ("ok", "end_turn", answer.request_id, "7", answer.model, current.session_id()) == (
        row.outcome,
        row.stop_reason,
        row.request_id,
        row.cell,
        row.model,
        row.session,
    )
    assert 0 < answer.ttft <= answer.seconds == row.latency_s


def test_o6_an_answer_of_practice_says_so_everywhere():
    answer = chat.ask(QUESTION)
    assert "practice" == answer.source == rows()[-1].source
    with client_of(Practice()) as elsewhere:  # a practice server on an address that does not say so
        assert "practice" == chat.ask(QUESTION, client=elsewhere).source == rows()[-1].source
    assert (Decimal(0), True) == (
        ledger.shared().spent(source="live"),
        ledger.shared().spent(source="practice") > 0,
    )


def live(app):
    """A server that does not say it is practice."""

    def answer(request):
        found = app(request)
        found.headers.pop("anthropic-organization-id", None)
        return found

    return answer


def test_o6_an_answer_of_another_server_is_live():
    with client_of(live(Practice())) as client:
        assert "live" == chat.ask(QUESTION, client=client).source == rows()[-1].source


def test_a_question_alone_has_no_history_and_one_in_a_thread_has():
    app = Recorder(Practice())
    with client_of(app) as client:
        chat.ask("One?", client=client)
        chat.ask("Two?", client=client, thread="talk")
        three = chat.ask("Three?", client=client, thread="talk")
    assert [1, 1, 3] == [len(body["messages"]) for body in app.bodies]
    assert (2, "Three?") == (three.turn, chat.threads.get("talk").turns[-1].question)
    assert chat.threads.get("talk").last is three


def test_thinking_is_passed_on_apart_and_kept_with_its_signature():
    watch = Seen()
    answer = chat.ask(QUESTION, think=True, watch=watch, thread="t")
    assert answer.thinking
    assert (answer.thinking, str(answer)) == (watch.joined("thinking"), watch.joined("text"))
    kept = chat.threads.get("t").messages[1]["content"]
    assert answer.message.content[0].signature == kept[0]["signature"]
    chat.ask("And then?", think=True, thread="t")  # the practice server refuses what was changed


def test_without_streaming_the_answer_is_the_same():
    watch = Seen()
    whole, streamed = chat.ask(QUESTION, stream=False, watch=watch), chat.ask(QUESTION)
    assert str(streamed) == str(whole) == watch.joined("text")
    assert whole.usage == streamed.usage
    assert ["ok", "ok"] == [row.outcome for row in rows()]
    assert rows()[0].request_id == whole.request_id


def test_an_unknown_model_is_sent_with_a_note():
    watch = Seen()
    with pytest.raises(NotFoundError):
        chat.ask(QUESTION, model="claude-opuss-5-5", watch=watch)
    assert "Did you mean claude-opus-5-5?" in watch.joined("note")


def test_a_wait_is_told():
    watch = Seen()
    chat.ask(f"practice:429x1 {QUESTION}", watch=watch)
    assert "rate limit" in watch.joined("waiting")
    assert 2 == rows()[-1].attempts


def test_an_answer_cut_at_max_tokens_can_be_gone_on_with():
    app = Recorder(Practice())
    with client_of(app) as client:
        cut = chat.ask("practice:long@50", max_tokens=10, thread="t", client=client, model="opus")
        assert ("max_tokens", True) == (cut.stop_reason, "%claude continue t," in cut.hint)
        on = chat.go_on("t", client=client)
    assert (2, "claude-opus-5-5", "user") == (
        on.turn,
        app.bodies[1]["model"],
        app.bodies[1]["messages"][-1]["role"],
    )
    with pytest.raises(InputError, match="no unfinished"):
        chat.go_on(Thread())


def test_steps_are_no_matter_to_what_goes_on_without_tools():
    cut = chat.ask("practice:long@50", max_tokens=10, thread="t")
    assert 2 == chat.go_on("t", max_steps=5).turn == cut.turn + 1


def test_a_refusal_is_shown_and_recorded_but_not_kept_in_the_history():
    answer = chat.ask("practice:refuse", thread="t")
    assert ("refusal", True) == (answer.stop_reason, "declined" in answer.hint)
    assert ("refused", "refusal", answer.cost) == (
        rows()[-1].outcome,
        rows()[-1].stop_reason,
        rows()[-1].cost_usd,
    )
    assert [] == chat.threads.get("t").messages


# ---- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drill", ["cut", "error-mid-stream"])
def test_m8_what_arrived_before_a_stream_broke_is_kept(drill):
    with pytest.raises(StreamError) as caught:
        chat.ask(f"practice:{drill} {QUESTION}", thread="t")
    answer = caught.value.answer
    assert ("error", str(answer)) == (answer.stop_reason, caught.value.partial.text)
    row = rows()[-1]
    assert ("error", answer.cost, answer.usage.output_tokens) == (
        row.outcome,
        row.cost_usd,
        row.output_tokens,
    )
    assert ([str(answer).rstrip()] if str(answer) else []) == [t.answer for t in chat.threads.get("t").turns]
    chat.ask("Still there?", thread="t")


def test_a_refused_call_costs_nothing_and_leaves_a_line():
    with pytest.raises(RateLimitError) as caught:
        chat.ask("practice:429", thread="t")
    row = rows()[-1]
    assert (Decimal(0), "error", "rate_limit_error", 3, None) == (
        row.cost_usd,
        row.outcome,
        row.error_type,
        row.attempts,
        getattr(caught.value, "answer", None),
    )
    assert [] == chat.threads.get("t").messages


def test_m10_what_a_call_without_an_answer_cost_is_unknown_and_never_zero():
    def broken(_request):
        return Response(200, {"content-type": "text/event-stream"}, [ConnectionError("gone")])

    with client_of(broken) as client, pytest.raises(StreamError):
        chat.ask(QUESTION, client=client)
    assert (None, "error") == (rows()[-1].cost_usd, rows()[-1].outcome)


def test_a_host_that_cannot_be_reached_costs_nothing():
    closed = Client(base_url="http://127.0.0.1:9", api_key="practice-key", max_retries=0)
    with closed as client, pytest.raises(APIConnectionError):
        chat.ask(QUESTION, client=client)
    assert (Decimal(0), "APIConnectionError") == (rows()[-1].cost_usd, rows()[-1].error_type)


def test_what_never_left_leaves_no_line():
    with pytest.raises(InputError):
        chat.ask(QUESTION, params={"metadata": object()})
    with pytest.raises(InputError):
        chat.ask("  ")
    assert (0, 0) == held()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        b'{"hello": 1}',
        b"[]",
        b"",
    ],
)
def test_s5_an_answer_that_is_no_message_is_a_claude_error(stream, body):
    kind = "text/event-stream" if stream else "application/json"
    with (
        client_of(lambda _: Response(200, {"content-type": kind}, body)) as client,
        pytest.raises(ClaudeError) as caught,
    ):
        chat.ask(QUESTION, client=client, stream=stream)
    assert isinstance(caught.value, APIResponseError | StreamError)
    assert (1, 0) == held()


def test_s3_deltas_of_no_known_shape_are_passed_over():
    start = {"type": "message", "role": "assistant", "content": [], "model": "m", "usage": {}}
    events = [{"type": "message_start", "message": start}]
    odd = ("text", None, [], {"type": []}, {"type": "text_delta", "text": 5}, {"type": "delta_of_tomorrow"})
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in odd]
    events += [{"type": "message_stop"}]
    body = b"".join(b"event: x\ndata: " + json.dumps(e).encode() + b"\n\n" for e in events)
    kind = {"content-type": "text/event-stream"}
    with client_of(lambda _: Response(200, kind, body)) as client:
        answer = chat.ask(QUESTION, client=client, watch=(watch := Seen()))
    assert ("", [], None) == (str(answer), watch.told, answer.cost)


def test_a_watch_that_fails_is_recorded_and_the_connection_closed():
    app = Recorder(Practice())
    with client_of(app) as client, pytest.raises(ZeroDivisionError):
        chat.ask("practice:long@500", client=client, watch=Seen(2, lambda: 1 / 0))
    assert (["closed"], "error", "ZeroDivisionError") == (
        app.closed,
        rows()[-1].outcome,
        rows()[-1].error_type,
    )
    assert (1, 0) == held()


# ---- interrupts --------------------------------------------------------------------------------------------


def test_m8_an_interrupt_closes_the_connection_and_keeps_text_and_cost():
    app = Recorder(Practice())
    with client_of(app) as client:
        with pytest.raises(Stopped) as caught:
            chat.ask("practice:long@500", client=client, thread="t", watch=(watch := Seen(5, interrupt)))
        answer = caught.value.answer
        assert (["closed"], 1) == (app.closed, len(app.bodies))
        assert (watch.joined("text"), "stopped") == (str(answer), answer.stop_reason)
        row = rows()[-1]
        assert ("stopped", answer.cost, 1) == (row.outcome, row.cost_usd, row.attempts)
        assert catalog.estimate_tokens(str(answer), answer.model) <= row.output_tokens
        assert answer.cost > 0
        chat.go_on("t", client=client)
    assert ["user", "assistant", "user"] == [m["role"] for m in app.bodies[1]["messages"]]
    assert str(answer).rstrip() == app.bodies[1]["messages"][1]["content"][0]["text"]


def test_m8_an_interrupt_while_waiting_for_a_retry_sends_nothing_more():
    app = Recorder(Practice())
    with client_of(app) as client, pytest.raises(Stopped):
        chat.ask("practice:429@30", client=client, thread="t", watch=Seen(1, interrupt))
    assert 1 == len(app.bodies)
    assert ("stopped", (1, 0)) == (rows()[-1].outcome, held())
    assert [] == chat.threads.get("t").messages


def test_m8_an_interrupt_is_a_keyboard_interrupt_with_one_line():
    with pytest.raises(KeyboardInterrupt) as caught:
        chat.ask("practice:long@500", watch=Seen(3, interrupt), thread="main")
    assert ["Stopped; type %claude continue to go on"] == caught.value._render_traceback_()


@pytest.mark.parametrize("at", ["reserve", "settle"])
def test_m8_an_interrupt_while_the_books_are_kept_loses_nothing(monkeypatch, at):
    keep = getattr(ledger.Ledger, at)

    def interrupted(*args, **options):
        interrupt()
        return keep(*args, **options)

    monkeypatch.setattr(ledger.Ledger, at, interrupted)
    app = Recorder(Practice())
    with client_of(app) as client, pytest.raises(KeyboardInterrupt) as caught:
        chat.ask(QUESTION, client=client, thread="t")
    if at == "reserve":
        assert (0, (0, 0)) == (len(app.bodies), held())
    else:
        assert ((1, 0), "ok") == (held(), rows()[-1].outcome)
        assert caught.value.answer is chat.threads.get("t").last
        assert 1 == len(chat.threads.get("t"))
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


# ---- money -------------------------------------------------------------------------------------------------


def test_m7_a_call_that_could_exceed_its_budget_is_not_sent():
    app = Recorder(live(Practice()))
    with client_of(app) as client, pytest.raises(BudgetError) as caught:
        chat.ask(QUESTION, max_cost="0.000001", client=client, thread="t")
    assert [{"model", "messages"}] == [
        set(body) for body in app.bodies
    ]  # the service counted, free of charge
    assert "--max-cost" in caught.value.hint
    assert (0, 0) == held()
    assert [] == chat.threads.get("t").messages


@pytest.mark.parametrize("name", ["session_budget", "day_budget"])
def test_m7_a_budget_holds_over_many_calls(name):
    limit = Decimal("0.0002")
    settings.use(name, limit)
    with contextlib.suppress(BudgetError):
        for _ in range(1000):
            chat.ask(QUESTION, max_tokens=100)
    assert 2 < len(rows()) < 1000
    assert ledger.shared().spent(source="practice") <= limit


def test_m7_threads_that_race_never_spend_a_budget_twice():
    limit = Decimal("0.0010")
    settings.use("session_budget", limit)
    refused, most = raced(6)
    assert refused
    assert limit / 2 < most <= limit
    assert (48 - refused, 0) == held()


def test_m7_practice_and_live_money_have_budgets_of_their_own():
    chat.ask(QUESTION)
    settings.use("day_budget", ledger.shared().spent(source="practice"))
    with pytest.raises(BudgetError):
        chat.ask(QUESTION)
    settings.use("day_budget", "0.01")
    with client_of(live(Practice())) as client:
        chat.ask(QUESTION, client=client)


def test_m7_a_rough_bound_that_does_not_fit_gives_way_to_the_services_count():
    text = "word " * 2000
    body = dry_run(text, max_tokens=10).body
    counted = limits.worst_case(body["model"], int(dry_run(text).input_tokens * 1.1) + 1, 10)
    assert counted < limits.worst_case_of(body)
    chat.ask(text, max_tokens=10, max_cost=counted)
    with pytest.raises(BudgetError):
        chat.ask(text, max_tokens=10, max_cost=counted / 2)


def test_m7_an_unknown_price_and_a_budget_do_not_go_together():
    settings.use("session_budget", 1)
    with pytest.raises(BudgetError) as caught:
        chat.ask(QUESTION, model="claude-of-tomorrow-9")
    assert "prices.json" in caught.value.hint
    assert (0, 0) == held()


def test_a_budget_that_cannot_be_counted_is_still_a_budget_error():
    with client_of(lambda _: Response(500, {}, b"{}")) as client, pytest.raises(BudgetError):
        chat.ask(QUESTION, max_cost="0.000001", client=client.with_options(max_retries=0))


def test_a_bad_request_names_what_is_wrong():
    with pytest.warns(UserWarning, match="temperature"), pytest.raises(BadRequestError, match="temperature"):
        chat.ask(QUESTION, params={"temperature": 1})
    assert ("error", Decimal(0)) == (rows()[-1].outcome, rows()[-1].cost_usd)
