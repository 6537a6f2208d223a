"""Does a dry run say what a call would take and cost, and send nothing that costs?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from claude_magic import ledger, settings
from claude_magic.api.client import Client
from claude_magic.errors import InputError, NotFoundError
from claude_magic.money import dryrun
from claude_magic.protocol import catalog
from claude_magic.talk import chat, compose, counting
from claude_magic.talk.thread import Thread


def test_a_dry_run_counts_prices_and_sends_nothing(client):
    found = dryrun.dry_run("How many words are there?", max_tokens=1000, client=client)
    chosen = found.costs[0]
    assert (dryrun.COUNTED["practice"], client.messages.count_tokens(**_counted(found)).input_tokens) == (
        found.counted,
        found.input_tokens,
    )
    price = catalog.price(chosen.model)
    assert found.input_tokens * price.input / 10**6 == chosen.low
    assert chosen.low + 1000 * price.output / 10**6 == chosen.high
    assert found.input_tokens / catalog.find(chosen.model).context_window == chosen.context_share
    assert [] == ledger.shared().rows()


def _counted(found):
    return {k: v for k, v in found.body.items() if k != "max_tokens"}


def test_without_a_key_a_dry_run_estimates_and_says_so():
    found = dryrun.dry_run("How many words are there?")
    assert dryrun.ESTIMATE == found.counted
    assert "estimated by length" in repr(found)


def test_without_a_network_a_dry_run_estimates():
    with Client(base_url="http://127.0.0.1:9", api_key="practice-key", max_retries=0) as closed:
        assert dryrun.ESTIMATE == dryrun.dry_run("Hi", client=closed).counted


def test_a_dry_run_compares_models_in_a_frame(client):
    frame = dryrun.dry_run("Hi", model="opus", client=client).to_frame()
    assert "claude-opus-5-5" == frame.index[0]
    assert {"claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"} <= set(frame.index)
    assert frame.index.is_unique
    assert ["float64"] * 3 == [str(frame[name].dtype) for name in ("low", "high", "context_share")]


def test_an_unknown_price_reads_unknown():
    found = dryrun.dry_run("Hi", model="claude-of-tomorrow-9")
    assert (None, None, None) == (found.costs[0].low, found.costs[0].high, found.costs[0].context_share)
    assert "price unknown" in repr(found)


def test_what_the_service_would_refuse_is_refused_in_a_dry_run(client):
    with pytest.raises(NotFoundError):
        dryrun.dry_run("Hi", model="claude-of-tomorrow-9", client=client)


def test_a_keyword_that_a_dry_run_does_not_know_names_the_one_that_is_meant():
    with pytest.raises(TypeError, match=r"dry_run.*'models'\n→ Did you mean compare="):
        dryrun.dry_run("Hi", models="haiku")
    with pytest.raises(InputError, match="client must be a Client"):
        dryrun.dry_run("Hi", client=5)


def test_the_frame_says_who_counted_each_model_and_how_much_of_the_window_it_takes(client):
    frame = dryrun.dry_run("Hi", model="opus", max_tokens=500, client=client).to_frame()
    assert ["input_tokens", "counted", "max_tokens", "low", "high", "context_share"] == list(frame.columns)
    assert [dryrun.COUNTED["practice"], counting.SCALED] == list(dict.fromkeys(frame.counted))
    assert frame.index[0] == frame.index[frame.counted == dryrun.COUNTED["practice"]][0]
    assert {500} == set(frame.max_tokens)


def test_models_to_compare_come_first_and_are_counted_each(client):
    found = dryrun.dry_run("Hi", compare="sonnet,haiku", client=client)
    assert ["claude-sonnet-5-5", "claude-haiku-5-5"] == [cost.model for cost in found.costs[:2]]
    assert [dryrun.COUNTED["practice"]] * 2 == [cost.counted for cost in found.costs[:2]]
    assert "2 models together" in repr(found)


def test_a_cached_request_ranges_from_all_read_to_all_written(client):
    found = dryrun.dry_run("word " * 4000, cache="1h", max_tokens=10, client=client)
    price, tokens = catalog.price(found.costs[0].model), found.input_tokens
    assert tokens * price.cache_read / 10**6 == found.costs[0].low
    assert (tokens * price.cache_write_1h + 10 * price.output) / 10**6 == found.costs[0].high


def test_a_dry_run_says_how_many_calls_tools_or_a_type_may_take(client):
    def weather(city: str) -> str:
        """Return the weather of a city."""
        return city

    assert 7 == dryrun.dry_run("Hi", tools=[weather], max_steps=7, client=client).sends
    assert "up to 2 calls" in repr(dryrun.dry_run("Hi", returns=int, client=client))


def test_m9_a_recorded_answer_is_priced_at_nothing(tmp_path):
    settings.use("practice", True)
    settings.use("cassette", str(tmp_path / "a.replay.jsonl"))
    chat.ask("Hello", model="haiku", replay="auto")
    found = dryrun.dry_run("Hello", model="haiku", replay="auto")
    assert (Decimal(0), dryrun.RECORDED) == (found.costs[0].high, found.costs[0].counted)
    assert found.costs[1].high > 0
    assert dryrun.dry_run("Hello?", model="haiku", replay="auto").costs[0].high > 0


def test_m9_where_nothing_may_be_asked_what_is_not_recorded_is_said_to_fail(tmp_path):
    settings.use("practice", True)
    settings.use("cassette", str(tmp_path / "a.replay.jsonl"))
    (tmp_path / "long.txt").write_text("tide " * 250_000)
    chat.ask("Hello", model="haiku", replay="auto")
    counted = [
        dryrun.dry_run(question, model="haiku", replay="only", **more).costs[0].counted
        for question, more in (("Hello", {}), ("Bye", {}), ("Bye", {"attach": [tmp_path / "long.txt"]}))
    ]
    assert [dryrun.RECORDED, dryrun.MISSED, dryrun.UPLOAD] == counted


def test_a_count_leaves_no_line_in_a_cassette(tmp_path):
    settings.use("practice", True)
    settings.use("cassette", str(tmp_path / "a.replay.jsonl"))
    dryrun.dry_run("Hello", replay="auto")
    assert [] == list(tmp_path.iterdir())


def test_what_is_too_large_to_send_for_a_count_is_estimated(client, monkeypatch):
    monkeypatch.setattr(counting, "MOST", 1000)
    assert dryrun.ESTIMATE == dryrun.dry_run("a" * 1000, client=client).counted
    assert dryrun.COUNTED["practice"] == dryrun.dry_run("a" * 100, client=client).counted


def test_a_dry_run_shows_its_frame_with_amounts_that_are_no_formula(client):
    found = dryrun.dry_run("Hi", client=client)
    page = found._repr_html_()
    assert page.startswith('<div class="claude-magic mathjax_ignore')
    assert "<table" in page
    assert "Nothing was asked" in page


def test_in_a_conversation_the_new_question_is_no_part_of_what_is_read_from_the_cache(client):
    talk = Thread()
    chat.ask("word " * 4000, thread=talk, max_tokens=10, client=client)
    found = dryrun.dry_run("more " * 4000, thread=talk, cache="5m", max_tokens=10, client=client)
    chosen, price = found.costs[0], catalog.price(found.costs[0].model)
    half = chosen.input_tokens / 2
    least = half * float(price.cache_read + price.cache_write_5m) / 10**6
    assert least == pytest.approx(float(chosen.low), rel=0.02)
    assert chosen.low < chosen.high


def test_a_model_whose_cache_has_no_price_is_priced_without_it(client):
    body = dryrun.dry_run("word " * 4000, cache="5m", max_tokens=10, client=client).body
    cost = dryrun.cost(body, "claude-mythos-5-2", counting.Count(1000, counting.ESTIMATE))
    price = catalog.price("claude-mythos-5-2")
    assert price.cache_read is None
    assert 1000 * price.input / 10**6 == cost.low


def test_an_estimate_counts_what_the_service_says_about_tools(client):
    def weather(city: str) -> str:
        """Return the weather of a city."""
        return city

    found = dryrun.dry_run("Hi", tools=[weather], model="haiku", client=client)
    known = catalog.find("haiku").tool_prompt_tokens
    forced = {**found.body, "tool_choice": {"type": "any"}}
    estimate = compose.estimate(found.body)
    assert found.input_tokens == pytest.approx(estimate, rel=0.1)
    assert known["any"] - known["auto"] == compose.estimate(forced) - estimate
