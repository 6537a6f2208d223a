"""Do several models answer one question side by side, within one budget, and stop together?"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from decimal import Decimal

import httpx2
import pytest

from claude_magic import ledger, settings
from claude_magic.api.client import Client
from claude_magic.app import Response
from claude_magic.cut import Cutter
from claude_magic.errors import BudgetError, InputError, NotFoundError, Stopped
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.talk import chat, compare
from claude_magic.talk.thread import Thread
from tests import doors, loopback
from tests.books import held, raced

THREE = ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]


@pytest.fixture(autouse=True)
def practice_on():
    settings.use("practice", True)


def live(app):
    """A client that takes an App for the service."""
    http = httpx2.Client(transport=AppTransport(app))
    return Client(base_url="http://localhost:1", api_key="practice-key", max_retries=0, http_client=http)


class Counted:
    """A practice server that says that it is live, and keeps the paths it was asked."""

    def __init__(self):
        self.app, self.paths = Practice(), []

    def __call__(self, request):
        self.paths.append(request.path)
        answer = self.app(request)
        headers = {k: v for k, v in answer.headers.items() if k != "anthropic-organization-id"}
        return Response(answer.status, headers, answer.body)


# ---- answers -----------------------------------------------------------------------------------------------


def test_every_model_answers_in_the_order_given():
    frame = chat.ask("practice:echo hello", compare="opus, haiku,sonnet,haiku")
    assert [THREE[2], THREE[0], THREE[1]] == list(frame.model)
    assert list(compare.COLUMNS) == list(frame.columns)
    assert all("hello" in answer for answer in frame.answer)
    assert frame.answer[0].cost == Decimal(str(frame.cost_usd[0])) > frame.answer[1].cost
    assert ["practice"] * 3 == list(frame.source)
    assert frame.error.isna().all()
    assert 3 == len({row.request_id for row in ledger.shared().rows()} & set(frame.request_id))


def test_one_models_error_does_not_lose_the_others():
    frame = chat.ask("practice:echo hello", compare=["haiku", "claude-of-tomorrow-9"])
    assert "hello" in frame.answer[0]
    assert (None, True) == (frame.answer[1], "claude-of-tomorrow-9" in frame.error[1])
    assert frame.request_id[1]


def test_what_a_model_cannot_do_is_its_row_and_not_the_others():
    frame = chat.ask("hello", compare=["sonnet", "claude-haiku-4-5"], effort="low")
    assert (None, True) == (frame.error[0], "effort" in frame.error[1])


def test_where_no_model_answers_the_first_error_is_raised():
    with pytest.raises(NotFoundError) as caught:
        chat.ask("hello", compare=["claude-of-tomorrow-8", "claude-of-tomorrow-9"])
    assert ["claude-of-tomorrow-8", "claude-of-tomorrow-9"] == list(caught.value.frame.model)


def test_a_conversation_is_sent_along_and_keeps_none_of_the_answers():
    talk = Thread("t")
    chat.ask("practice:echo walrus", thread=talk)
    asked = chat.threads.asked
    frame = chat.ask("practice:echo again", thread=talk, compare=["haiku", "opus"])
    assert (1, asked) == (len(talk), chat.threads.asked)
    alone = chat.ask("practice:echo again", compare=["haiku"])
    assert frame.input_tokens[0] > alone.input_tokens[0]


def test_nothing_is_written_to_the_cache_for_answers_that_nobody_goes_on_with():
    thread = Thread()
    chat.ask(f"{'A long story. ' * 500} Sum it up.", thread=thread)
    frame = chat.ask("And now?", thread=thread, compare="haiku,sonnet")
    assert [0, 0] == [answer.usage.cache_creation_input_tokens for answer in frame.answer]
    assert all(frame.input_tokens > 1000)
    (written,) = chat.ask("And now?", thread=thread, compare=["haiku"], cache="5m").answer
    assert written.usage.cache_creation_input_tokens > 1000


def test_answers_of_a_type_have_their_values_in_a_column():
    frame = chat.ask("How many?", compare=["haiku", "opus"], returns=int)
    assert [int, int] == [type(value) for value in frame.value]
    assert "value" not in chat.ask("How many?", compare=["haiku"])


def test_an_attachment_goes_to_every_model(tmp_path):
    (tmp_path / "notes.txt").write_text("Walruses have tusks.")
    app = Counted()
    with live(app) as client:
        frame = chat.ask("What?", compare=["haiku", "opus"], attach=[tmp_path / "notes.txt"], client=client)
    assert frame.input_tokens.min() > 8
    assert ["/v1/messages"] * 2 == app.paths


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tools": [len]}, "tools"),
        ({"model": "opus"}, "-m"),
        ({"compare": " , "}, "--compare haiku,opus"),
        ({"compare": "haiku"}, "1 model is compared, where 2 to "),
    ],
)
def test_what_does_not_go_with_comparing_is_refused(given, told):
    with pytest.raises(InputError) as caught:
        chat.ask("hello", **{"compare": ["haiku", "opus"], **given})
    assert told in f"{caught.value.message} {caught.value.hint}"
    assert (0, 0) == held()


def test_m9_a_recorded_comparison_is_played_and_nothing_is_sent(tmp_path):
    settings.use("cassette", str(tmp_path / "lesson.replay.jsonl"))
    first = chat.ask("practice:echo hello", compare=["haiku", "opus"], replay="auto")
    settings.use("practice", False)  # and there is no key
    again = chat.ask("practice:echo hello", compare=["haiku", "opus"], replay="only", max_cost="0.0000001")
    assert list(first.answer) == list(again.answer)
    assert ["replay", "replay"] == list(again.source)


# ---- money -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["max_cost", "session_budget", "day_budget"])
def test_m7_a_budget_with_no_room_for_all_refuses_all_and_sends_none(budget):
    one = chat.ask("hello", max_tokens=100, compare=["opus"])
    assert 1 == len(one)
    spent, app = ledger.shared().spent(source="live"), Counted()
    settings.use(budget, "0.0035")  # opus alone could cost 0.0022 with these
    with live(app) as client, pytest.raises(BudgetError) as caught:
        chat.ask("hello", max_tokens=100, compare=["opus", "claude-opus-5"], client=client)
    assert "models" in caught.value.message
    assert (1, 0) == held()
    assert spent == ledger.shared().spent(source="live")
    assert "/v1/messages" not in app.paths


def test_m7_max_cost_is_for_all_models_together():
    with pytest.raises(BudgetError) as caught:
        chat.ask("hello", max_tokens=1000, compare=THREE, max_cost="0.02")
    enough = caught.value.hint.split("--max-cost ")[1].rstrip(".")
    frame = chat.ask("hello", max_tokens=1000, compare=THREE, max_cost=enough)
    assert frame.error.isna().all()
    assert frame.cost_usd.sum() <= float(enough)


def test_m7_comparisons_that_race_never_exceed_a_budget():
    limit = Decimal("0.004")
    settings.use("session_budget", limit)
    refused, most = raced(3, compare=["haiku", "sonnet"])
    assert refused
    assert 0 < most <= limit
    assert (2 * (24 - refused), 0) == held()


UNTIL_REFUSED = """
from claude_magic import ask, settings
from claude_magic.errors import BudgetError
settings.use("practice", True)
settings.use("day_budget", "0.01")
for _ in range(50):
    try:
        ask("practice:long@100", max_tokens=200, compare=["haiku", "sonnet"])
    except BudgetError:
        print("refused")
        break
"""


def test_m7_two_processes_that_compare_never_exceed_a_days_budget():
    command = [sys.executable, "-c", UNTIL_REFUSED]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert ["refused\n"] * 2 == [one.communicate()[0] for one in both]
    assert 0 < ledger.shared().spent(source="practice") <= Decimal("0.01")
    assert 0 == held()[1]


# ---- an interrupt ------------------------------------------------------------------------------------------


class Silent:
    """A server on a socket that says the beginning of an answer, then nothing; it counts who left."""

    def __init__(self, number, *texts):
        self.number, self.texts = number, texts
        self.there, self.left, self.asked = threading.Semaphore(0), threading.Semaphore(0), 0

    def __call__(self, connection: socket.socket) -> None:
        while loopback.request_of(connection):
            self.asked += 1
            if self.texts:
                connection.sendall(loopback.STREAM + doors.events(*self.texts, stop=False))
            else:
                self.there.release()
        self.left.release()

    def interrupt_when_all_are_there(self):
        for _ in range(self.number):
            self.there.acquire()
        signal.raise_signal(signal.SIGINT)


class Heard:
    """A Progress that tells a server when its words have come."""

    def __init__(self, server):
        self.server = server

    def text(self, *_):
        self.server.there.release()

    def tick(self):
        pass

    def done(self, *_):
        pass


@contextlib.contextmanager
def interrupted(server, **how):
    """Ask three models of a silent server; yields the error."""
    with loopback.serving(server) as url, Client(base_url=url, api_key="practice-key") as client:
        threading.Thread(target=server.interrupt_when_all_are_there, daemon=True).start()
        with pytest.raises(Stopped) as caught:
            chat.ask("hello", compare=THREE, client=client, **how)
        for _ in THREE:
            assert server.left.acquire(timeout=60)
        yield caught.value


def test_m8_an_interrupt_closes_every_connection_and_sends_nothing_more():
    server = Silent(3)
    with interrupted(server) as error:
        assert ["Stopped"] * 3 == list(error.frame.error)
        assert 3 == server.asked
        assert (3, 0) == held()
        assert ["stopped"] * 3 == [row.outcome for row in ledger.shared().rows()]


def test_m8_what_arrived_before_an_interrupt_is_kept():
    server = Silent(3, "Hello")
    with interrupted(server, watch=Heard(server)) as error:
        assert ["Hello"] * 3 == list(error.frame.answer)
        assert ["stopped"] * 3 == list(error.frame.stop_reason)


def test_a_cut_connection_refuses_the_next_call_before_it_is_sent():
    server = Silent(1)
    with loopback.serving(server) as url, Cutter(url) as cutter:
        client = Client(base_url=url, api_key="practice-key", http_client=cutter.http)
        cutter.cut()
        with pytest.raises(Stopped):
            client.messages.create(**doors.ASK)
    assert 0 == server.asked
