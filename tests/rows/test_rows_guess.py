"""Does an estimate foresee what a map takes, without paying for it, and say how it knows?"""

from __future__ import annotations

import threading
from decimal import Decimal

import httpx2
import pandas as pd
import pytest

from claude_magic import Client, estimate, wire
from claude_magic.errors import NotFoundError
from claude_magic.pool import AppTransport
from claude_magic.protocol import catalog
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.judged import guess, lengths, outputs
from claude_magic.rows.kept.journal import Journal, Run
from claude_magic.rows.outcome import Outcome, answered
from claude_magic.rows.pace.buckets import Figures
from claude_magic.rows.pace.gate import Gate
from claude_magic.talk import compose
from claude_magic.talk.counting import ESTIMATE
from tests.doors import KEY, answer, error, json

HAIKU, SONNET, OPUS = (catalog.resolve(line) for line in ("haiku", "sonnet", "opus"))
PROMPT = "Sum up: {text}"


class Counter:
    """A service that counts three tokens for two words and five for all else, and answers nothing more."""

    def __init__(self, refuse=""):
        self.bodies, self.refuse, self._lock = [], refuse, threading.Lock()

    def __call__(self, request):
        assert "/v1/messages/count_tokens" == request.path, "nothing that is paid for is asked"
        body = wire.decode_plain(request.body)
        text = body["messages"][-1]["content"][0]["text"]
        if self.refuse and self.refuse in text:
            return error(404, "not_found_error")
        with self._lock:
            self.bodies.append(body)
        return json({"input_tokens": self.tokens(text)})

    @staticmethod
    def tokens(text):
        return 5 + 3 * len(text.split()) // 2

    @property
    def client(self):
        http = httpx2.Client(transport=AppTransport(self))
        return Client(api_key=KEY, base_url="https://api.example", max_retries=0, http_client=http)


def texts(count, words=40):
    return pd.DataFrame({"text": [f"{n} " + "word " * (n * 7 % words) for n in range(count)]})


def line(frame, model=HAIKU, mode="live"):
    return frame[(frame.model == model) & (frame["mode"] == mode)].iloc[0]


# ---- input -------------------------------------------------------------------------------------------------


def test_few_requests_are_all_counted_and_so_exact():
    service = Counter()
    found = guess.estimate(plan(texts(20), PROMPT, model="haiku"), service.client)
    exact = sum(service.tokens(f"Sum up: {text}") for text in texts(20).text)
    assert (20, exact, True) == (len(service.bodies), line(found).input_tokens, found.attrs["exact"])
    assert "counted by the service" == line(found).counted


def test_of_many_requests_twenty_are_counted_of_all_lengths_and_the_same_each_time():
    made, asked = plan(texts(2_000, words=400), PROMPT, model="haiku"), []
    for _ in range(2):
        service = Counter()
        found = guess.estimate(made, service.client)
        asked.append(sorted(wire.encode(body) for body in service.bodies))
    assert asked[0] == asked[1] and 20 == len(asked[0])
    exact = sum(service.tokens(f"Sum up: {text}") for text in texts(2_000, words=400).text)
    assert exact == pytest.approx(line(found).input_tokens, rel=0.03)
    assert ("counted by the service: 20 of 2,000", False) == (line(found).counted, found.attrs["exact"])
    sizes = sorted(len(body["messages"][-1]["content"][0]["text"]) for body in service.bodies)
    assert sizes[0] < 400 and sizes[-1] > 1_600


def test_without_a_service_tokens_are_estimated_by_length_and_that_is_said():
    def away(_):
        raise httpx2.ConnectError("no route")

    http = httpx2.Client(transport=AppTransport(away))
    client = Client(api_key=KEY, base_url="https://api.example", max_retries=0, http_client=http)
    made = plan(texts(50), PROMPT, model="haiku")
    for found in (guess.estimate(made, client), guess.estimate(made, None)):
        rule = sum(compose.estimate(made.body(n)) for n in range(50))
        assert rule == pytest.approx(line(found).input_tokens, rel=0.02)
        assert (ESTIMATE, 0, False) == (line(found).counted, found.attrs["counted"], found.attrs["exact"])


def test_a_request_that_is_refused_is_left_out_and_where_all_are_it_is_an_error():
    found = guess.estimate(plan(texts(10), PROMPT, model="haiku"), Counter(refuse="3 word").client)
    assert 9 == found.attrs["counted"] and line(found).input_tokens > 0
    with pytest.raises(NotFoundError):
        guess.estimate(plan(texts(10), PROMPT, model="haiku"), Counter(refuse="Sum").client)


def test_requests_that_differ_in_more_than_their_text_are_measured_whole():
    rows = texts(40).assign(system=["Be kind. " * (n % 5) * 50 + "x" for n in range(40)])
    made = plan(rows, PROMPT, model="haiku", params={"system": "{system}"})
    shared, sizes = lengths._sizes(made, range(40))
    assert (0, [compose.estimate(made.body(n)) for n in range(40)]) == (shared, sizes)


# ---- what is paid for --------------------------------------------------------------------------------------


def test_what_is_known_asked_twice_or_cannot_be_asked_costs_nothing():
    rows = pd.DataFrame({"text": ["a", "b", "a", None, "c"]})
    made, journal = plan(rows, PROMPT, model="haiku"), Journal()
    journal.write([answered(made.keys[1], answer(), source="live")])
    found = guess.estimate(made, Counter().client)
    assert 2 == line(found).requests
    assert {"rows": 5, "not_asked": 1, "duplicates": 1, "answered": 1} == {
        name: found.attrs[name] for name in ("rows", "not_asked", "duplicates", "answered")
    }
    assert found.attrs["note"].startswith(
        "5 rows: 1 cannot be asked, 1 ask the same as another, 1 are answered already. Input counted"
    )


def test_what_one_model_has_answered_another_would_be_asked_anew():
    made, journal = plan(texts(4), PROMPT, model="haiku"), Journal()
    fresh = guess.estimate(made, Counter().client)
    journal.write([answered(key, answer(), source="live") for key in made.keys[1:]])
    for left in (1, 0):
        found = guess.estimate(made, Counter().client)
        assert (left, 4, 4) == tuple(line(found, name).requests for name in (HAIKU, SONNET, OPUS))
        assert line(fresh, OPUS).equals(line(found, OPUS))
        assert f"requests of 4 rows, {4 - left} answered" in repr(found)
        journal.write([answered(made.keys[0], answer(), source="live")])
    assert 0 == line(found).high_usd


def test_practice_answers_save_nothing_of_a_live_map(client):
    made = plan(texts(3), PROMPT, model="haiku")
    Journal().write([answered(key, answer(), source="practice") for key in made.keys])
    assert 3 == line(guess.estimate(made, Counter().client)).requests
    assert 0 == line(guess.estimate(made, client)).requests


def test_nothing_to_ask_costs_nothing():
    found = guess.estimate(plan(texts(0), PROMPT, model="haiku"), Counter().client)
    assert [0.0] * 6 == [*found.high_usd] and [0] * 6 == [*found.input_tokens]


def test_a_batch_costs_half_and_every_model_is_priced_by_its_own_tokens():
    found = guess.estimate(plan(texts(5), PROMPT, model="claude-sonnet-4-6"), Counter().client)
    assert ["claude-sonnet-4-6", HAIKU, SONNET, OPUS] == [*found.model.unique()]
    assert [*(found[found["mode"] == "live"].high_usd / 2)] == pytest.approx(
        [*found[found["mode"] == "batch"].high_usd]
    )
    old, new = line(found, "claude-sonnet-4-6"), line(found, OPUS)
    assert 1.3 == pytest.approx(new.input_tokens / old.input_tokens, rel=0.02)  # another tokenizer
    assert "estimated from that count" == new.counted


def test_m10_costs_are_those_of_the_catalogue_for_the_tokens_foreseen():
    found = guess.estimate(plan(texts(7), PROMPT, model="opus", max_tokens=1000), Counter().client)
    one = line(found, OPUS)
    price = catalog.price(OPUS)
    inputs = one.input_tokens * price.input
    for name, share in (("low_usd", "0.05"), ("expected_usd", "0.25"), ("high_usd", "1")):
        assert float((inputs + 7 * 1000 * Decimal(share) * price.output) / 10**6) == pytest.approx(one[name])


def test_m10_a_model_without_a_price_costs_an_unknown_amount(client):
    found = guess.estimate(plan(texts(2), PROMPT, model="claude-unheard-of"), None)
    assert line(found, "claude-unheard-of")[["low_usd", "high_usd"]].isna().all()
    assert "unknown" in repr(found) and "unknown" in found._repr_html_()


def test_prices_follow_the_length_of_each_request_and_not_of_all_together():
    rows = pd.DataFrame({"text": ["word " * 2_000 + str(n) for n in range(200)]})
    one = line(guess.estimate(plan(rows, PROMPT, model="haiku", max_tokens=1), Counter().client))
    assert one.input_tokens > 100_000  # beyond which one request would cost five times as much
    assert float(one.input_tokens * catalog.price(HAIKU).input / 10**6) == pytest.approx(
        one.low_usd, rel=0.01
    )


def test_what_all_requests_share_is_read_from_the_cache_or_at_worst_written_each_time():
    system = "You know the sea. " * 3_000
    plain, kept = (
        line(guess.estimate(plan(texts(30), PROMPT, model="opus", system=system, cache=how), None), OPUS)
        for how in ("off", "1h")
    )
    assert plain.input_tokens == kept.input_tokens
    assert kept.expected_usd < plain.expected_usd / 5
    assert kept.high_usd > plain.high_usd * 1.5


# ---- output ------------------------------------------------------------------------------------------------


def earlier(made, tokens, template=PROMPT):
    journal = Journal()
    keys = [f"{n:032x}" for n in range(len(tokens))]
    journal.begin(Run("before", model=made.model, template=template), keys)
    pairs = zip(keys, tokens, strict=True)
    journal.write([Outcome(key, "ok", b"{}", output_tokens=count) for key, count in pairs], "before")
    return journal


def test_answers_are_as_long_as_those_to_the_same_prompt_were():
    made = plan(texts(4), PROMPT, model="haiku")
    found = guess.estimate(made, Counter().client, journal=earlier(made, range(1, 101)))
    assert 202 == line(found).output_tokens
    assert "output by 100 answers of earlier runs" in found.attrs["note"]
    low, expected, high, _ = outputs.output(made, made.body(0), Journal(), "live")
    assert (5.05, 50.5, 95.95) == pytest.approx((low, expected, high))


def test_the_answers_of_a_preview_say_what_is_expected_and_not_what_is_the_most():
    made = plan(texts(4), PROMPT, model="haiku", max_tokens=1000)
    found = outputs.output(made, made.body(0), earlier(made, [10, 20, 30, 40, 50]), "live")
    assert (10, 30, 1000, "by 5 answers of earlier runs, high by max_tokens") == found


def test_one_or_two_answers_or_those_to_another_prompt_say_nothing():
    made = plan(texts(4), PROMPT, model="haiku", max_tokens=1000)
    for journal in (earlier(made, [3] * 2), earlier(made, [3] * 50, template="Another {text}")):
        assert (50, 250, 1000) == outputs.output(made, made.body(0), journal, "live")[:3]


def test_labels_and_numbers_have_the_length_of_their_json_unless_the_model_thinks():
    wanted = {"label": ["good", "not so good"], "sure": bool, "n": int}
    made = plan(texts(2), PROMPT, model="claude-haiku-4-5-20251001", output=wanted)
    low, expected, high, by = outputs.output(made, made.body(0), Journal(), "live")
    assert (True, "by the labels and numbers asked for") == (10 < low == expected < 30, by)
    assert high == 2 * low
    thinking = plan(texts(2), PROMPT, model="haiku", output=wanted)
    assert 1024 == outputs.output(thinking, thinking.body(0), Journal(), "live").high
    free = plan(texts(2), PROMPT, model="claude-haiku-4-5-20251001", output={"why": str})
    assert 1024 == outputs.output(free, free.body(0), Journal(), "live").high


# ---- time, and how it is shown -----------------------------------------------------------------------------


def test_minutes_are_told_at_the_limits_seen_and_are_unknown_before():
    gate = Gate()
    made = plan(texts(100), PROMPT, model="haiku", max_tokens=400)
    assert pd.isna(line(guess.estimate(made, Counter().client, gate=gate)).minutes)
    gate.buckets[0].learn(Figures(50, 50), None, 0.0)
    gate.buckets[2].learn(Figures(1_000, 1_000), None, 0.0)
    found = guess.estimate(made, Counter().client, gate=gate)
    assert 100 * 100 / 1_000 == line(found).minutes  # 100 answers of 100 tokens
    assert found[found["mode"] == "batch"].minutes.isna().all()


def test_the_frame_is_a_plain_one_with_exact_values_that_a_cell_shows_to_be_read(client):
    found = estimate(texts(30), PROMPT, model="haiku", client=client)
    assert isinstance(found, pd.DataFrame) and type(found.copy()) is pd.DataFrame
    assert ["string"] * 2 + ["Int64"] * 3 + ["Float64"] * 4 + ["string"] == [
        str(kind) for kind in found.dtypes
    ]
    shown = found._repr_html_()
    assert "requests of 30 rows" in shown and "up to a day" in shown
    assert "counted by the practice server" in shown  # O6
