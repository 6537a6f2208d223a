"""Does a dry run say what a call would take and cost, and send nothing that costs?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from claude_magic import catalog, dryrun, ledger, settings
from claude_magic.client import Client
from claude_magic.errors import NotFoundError


@pytest.fixture(autouse=True)
def fresh():
    settings.session.clear()
    yield
    settings.session.clear()


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
    assert isinstance(frame["high"].iloc[0], Decimal)


def test_an_unknown_price_reads_unknown():
    found = dryrun.dry_run("Hi", model="claude-of-tomorrow-9")
    assert (None, None, None) == (found.costs[0].low, found.costs[0].high, found.costs[0].context_share)
    assert "price unknown" in repr(found)


def test_what_the_service_would_refuse_is_refused_in_a_dry_run(client):
    with pytest.raises(NotFoundError):
        dryrun.dry_run("Hi", model="claude-of-tomorrow-9", client=client)
