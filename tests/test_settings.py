"""Do settings say what is in force, and who said so?"""

from __future__ import annotations

import json
import logging
from decimal import Decimal

import pytest

import claude_magic
from claude_magic import keys, settings
from claude_magic.errors import ConfigError, InputError
from claude_magic.keys import Secret
from claude_magic.prompts.private import KEY_SHAPE
from claude_magic.protocol import catalog

KEY = "test-key-not-real-0123456789-WXYZ"
OTHER = "test-token-not-real-9876543210-QRST"


@pytest.fixture(autouse=True)
def fresh():
    """Forget what other tests set for this session, and what was warned of once."""
    settings.session.clear()
    settings._both.cache_clear()
    yield
    settings.session.clear()
    catalog.override(())


def write_settings(text):
    path = settings.settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_k1_describe_masks_the_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    told = settings.describe()
    assert ("key", "<key …WXYZ>", "ANTHROPIC_API_KEY") == told[0]
    assert KEY not in repr(told)


def test_without_a_key_there_is_none():
    assert settings.credential() is None


def test_a_key_is_looked_for_in_order(monkeypatch):
    settings.save_key(f"{KEY}-file")
    assert ("api_key", "key file") == settings.credential()[::2]
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", OTHER)
    assert ("auth_token", Secret(OTHER), "ANTHROPIC_AUTH_TOKEN") == settings.credential()
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert ("api_key", Secret(KEY), "ANTHROPIC_API_KEY") == settings.credential()
    assert ("auth_token", Secret("given-0123456789"), "argument") == settings.credential(
        auth_token="given-0123456789"
    )


def test_an_empty_variable_is_no_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    assert settings.credential() is None


def test_two_variables_are_warned_of_once(monkeypatch, caplog):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", OTHER)
    with caplog.at_level(logging.DEBUG, "claude_magic"):
        settings.credential()
        settings.credential()
    assert [
        "ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are both set; ANTHROPIC_API_KEY is used"
    ] == caplog.messages


def test_two_arguments_are_one_too_many():
    with pytest.raises(ConfigError, match="Both"):
        settings.credential(KEY, OTHER)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (f"{KEY}\n", "line break"),
        (f" {KEY}", "space"),
        (f"{KEY[:9]} {KEY[9:]}", "space"),
        (f'"{KEY}"', "quotation"),
        (f"‘{KEY}’", "quotation"),
        (f"{KEY}é", "character that no key has"),
        (f"{KEY}\x07", "character that no key has"),
        (f"{KEY}\u200b", "character that no key has"),
    ],
)
def test_k1_an_unusable_key_is_refused_without_being_repeated(monkeypatch, bad, words):
    monkeypatch.setenv("ANTHROPIC_API_KEY", bad)
    with pytest.raises(ConfigError, match=words) as caught:
        settings.credential()
    assert "ANTHROPIC_API_KEY" in caught.value.message
    assert KEY[:-4] not in "\n".join(caught.value.lines())
    assert "%claude login" in caught.value.hint


def test_the_base_url_is_looked_for_in_order(monkeypatch):
    assert ("base_url", "https://api.anthropic.com", "default") == settings.base_url()
    settings.save("base_url", "https://saved.example/")
    assert ("base_url", "https://saved.example", "settings file") == settings.base_url()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://env.example")
    assert ("base_url", "https://env.example", "ANTHROPIC_BASE_URL") == settings.base_url()
    settings.use("practice", True)
    assert ("base_url", "practice:", "practice is on (this session)") == settings.base_url()
    assert ("base_url", "https://given.example", "argument") == settings.base_url("https://given.example")


# ---- options -----------------------------------------------------------------------------------------------


def test_an_option_is_looked_for_in_order(monkeypatch):
    assert ("max_tokens", 4096, "default") == settings.option("max_tokens")
    settings.save("max_tokens", 100)
    assert ("max_tokens", 100, "settings file") == settings.option("max_tokens")
    monkeypatch.setenv("CLAUDE_MAGIC_MAX_TOKENS", "200")
    assert ("max_tokens", 200, "CLAUDE_MAGIC_MAX_TOKENS") == settings.option("max_tokens")
    settings.use("max_tokens", 300)
    assert ("max_tokens", 300, "this session") == settings.option("max_tokens")
    assert ("max_tokens", 400, "argument") == settings.option("max_tokens", 400)
    settings.use("max_tokens", None)
    assert ("max_tokens", 200, "CLAUDE_MAGIC_MAX_TOKENS") == settings.option("max_tokens")


def test_a_falsy_argument_is_an_argument():
    settings.save("stream", True)
    assert ("stream", False, "argument") == settings.option("stream", False)
    assert ("system", "", "argument") == settings.option("system", "")


@pytest.mark.parametrize("row", settings.OPTIONS.values(), ids=lambda row: row.name)
def test_every_option_has_one_name_in_three_places(row):
    assert row.name == row.trait == row.flag.removeprefix("--").replace("-", "_")
    assert row.env == f"CLAUDE_MAGIC_{row.name.upper()}"
    assert row.kind in settings.KINDS
    assert settings.option(row.name).value == row.default


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("stream", "off", False),
        ("stream", "True", True),
        ("think", "1", True),
        ("max_retries", "0", 0),
        ("timeout", "2.5", 2.5),
        ("day_budget", "$1.50", Decimal("1.50")),
        ("session_budget", "0", Decimal(0)),
        ("effort", "low", "low"),
    ],
)
def test_a_variable_is_read_as_the_kind_it_is(monkeypatch, name, text, value):
    monkeypatch.setenv(settings.OPTIONS[name].env, text)
    found = settings.option(name).value
    assert (value, type(value)) == (found, type(found))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("max_tokens", "many"),
        ("max_tokens", "-1"),
        ("max_tokens", "1.5"),
        ("stream", "perhaps"),
        ("day_budget", "NaN"),
        ("day_budget", "-1"),
        ("day_budget", "Infinity"),
        ("timeout", "0"),
        ("timeout", "inf"),
        ("effort", "huge"),
        ("effort", "yes"),
    ],
)
def test_an_unusable_value_names_where_it_was_set(monkeypatch, name, bad):
    row = settings.OPTIONS[name]
    monkeypatch.setenv(row.env, bad)
    with pytest.raises(ConfigError, match=row.env) as caught:
        settings.option(name)
    assert row.flag in caught.value.hint
    monkeypatch.delenv(row.env)
    write_settings(json.dumps({name: bad}))
    with pytest.raises(ConfigError, match=r"settings\.json"):
        settings.option(name)
    with pytest.raises(ConfigError):
        settings.save(name, bad)
    with pytest.raises(ConfigError):
        settings.use(name, bad)


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(ConfigError) as caught:
        settings.save("max_token", 5)
    assert "Did you mean max_tokens?" == caught.value.hint


def test_saving_keeps_what_it_does_not_know_and_money_exact():
    write_settings('{"from_the_future": [1, 2], "effort": "low"}')
    settings.save("day_budget", "0.30")
    settings.forget("effort")
    assert {"from_the_future": [1, 2], "day_budget": "0.30"} == json.loads(
        settings.settings_path().read_text()
    )
    assert Decimal("0.30") == settings.option("day_budget").value


@pytest.mark.parametrize("text", ["{", "[1]", "", '{"a": 1', "\x00", "[" * 100_000])
def test_a_settings_file_that_is_not_one_names_its_path(text):
    path = write_settings(text)
    with pytest.raises(ConfigError, match=r"settings\.json") as caught:
        settings.option("model")
    assert str(path) in caught.value.hint


def test_a_changed_settings_file_counts_at_once():
    settings.save("model", "opus")
    write_settings('{"model": "haiku"}')
    assert "haiku" == settings.option("model").value


def test_describe_tells_of_a_broken_file_and_does_not_fail():
    write_settings("{")
    told = {s.name: s for s in settings.describe()}
    assert "is not valid JSON" in told["model"].source
    assert {"key", "base_url", *settings.OPTIONS} == set(told)


def test_a_model_is_resolved_by_alias_then_by_short_word():
    settings.save_alias("fast", "haiku")
    assert catalog.find("haiku").id == settings.model("fast").value
    assert "claude-of-tomorrow-9" == settings.model("claude-of-tomorrow-9").value
    settings.save_alias("fast", None)
    assert "fast" == settings.model("fast").value


def test_practice_is_off_until_it_is_chosen(monkeypatch):
    assert ("practice", False, "default") == settings.practice()
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")
    assert ("practice", True, "CLAUDE_MAGIC_PRACTICE") == settings.practice()
    settings.use("practice", False)
    assert ("practice", False, "this session") == settings.practice()


def test_the_readers_prices_go_over_the_catalogue():
    settings.load_prices()
    path = keys.config_dir() / "prices.json"
    path.parent.mkdir(parents=True)
    path.write_text('[{"model": "claude-of-tomorrow-9", "input": 1, "output": 2.5}]')
    settings.load_prices()
    assert Decimal("2.5") == catalog.price("claude-of-tomorrow-9").output


@pytest.mark.parametrize("text", ["{", '{"model": "m"}', '[{"model": "m", "inptu": 1}]'])
def test_a_price_file_that_is_not_one_is_one_clear_error(text):
    path = keys.config_dir() / "prices.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises((ConfigError, InputError)) as caught:
        settings.load_prices()
    assert "prices.json" in f"{caught.value.message} {caught.value.hint}"


def test_folders_are_the_systems_unless_given(monkeypatch, tmp_path):
    monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(tmp_path))
    assert tmp_path == keys.data_dir()
    monkeypatch.delenv("CLAUDE_MAGIC_DATA_DIR")
    assert "claude-magic" == keys.data_dir().name


def test_the_shape_of_a_key_is_known_and_ours_do_not_have_it():
    assert KEY_SHAPE.search("sk-ant-" + "api03-" + "A1b2" * 24)
    assert not KEY_SHAPE.search(KEY)


def test_the_readers_own_prices_count_wherever_money_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_CONFIG_DIR", str(tmp_path))
    rows = '[{"model": "claude-of-tomorrow", "input": 1, "output": 2}]'
    (tmp_path / "prices.json").write_text(rows)
    used = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
    try:
        assert Decimal(3) == claude_magic.cost(used, "claude-of-tomorrow")
        assert 2.0 == claude_magic.models().loc["claude-of-tomorrow", "output_usd"]
    finally:
        catalog.override(())
