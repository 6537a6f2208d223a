"""Is the session's client the one the settings call for?"""

from __future__ import annotations

import logging

import pytest

from claude_magic import settings
from claude_magic.errors import ConfigError
from claude_magic.keys import Secret
from claude_magic.practice import shared
from claude_magic.talk import current

KEY = "test-key-not-real-0123456789-WXYZ"


@pytest.fixture(autouse=True)
def fresh():
    settings.session.clear()
    yield
    settings.session.clear()
    shared().speed = None


def test_without_a_key_one_line_says_the_two_ways_on():
    with pytest.raises(ConfigError) as caught:
        current.client()
    assert (
        "Type %claude login to enter a key, or %claude practice on to go on without one." == caught.value.hint
    )
    assert 2 == len(caught.value.lines())


def test_o6_practice_answers_only_where_it_was_chosen(monkeypatch):
    settings.use("practice", True)
    assert ("practice:", "practice") == (current.client().base_url, current.source_of(current.client()))
    settings.use("practice", False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert ("https://api.anthropic.com", "live") == (
        current.client().base_url,
        current.source_of(current.client()),
    )


def test_the_client_stays_the_same_until_a_setting_changes(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    first = current.client()
    assert current.client() is first
    settings.use("timeout", 5)
    assert current.client() is not first
    second = current.client()
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY[:-4] + "QRST")
    assert current.client() is not second
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:8484/x")
    assert "http://localhost:8484/x" == current.client().base_url


def test_a_gateway_may_be_signed_in_to_by_a_header_of_its_own(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://gate.example.org")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Basic aGk6aG8=")
    assert "https://gate.example.org" == current.client().base_url


def test_k1_neither_the_client_nor_a_debug_log_shows_the_key(monkeypatch, caplog):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with caplog.at_level(logging.DEBUG):
        shown = repr(current.client()) + str(vars(current.client()))
    assert KEY not in shown + caplog.text
    assert Secret(KEY) == settings.credential().value


def test_the_speed_of_practice_is_a_setting():
    settings.use("practice", True)
    settings.use("practice_speed", 80)
    current.client()
    assert 80 == shared().speed
    settings.use("practice_speed", None)
    current.client()
    assert shared().speed is None
