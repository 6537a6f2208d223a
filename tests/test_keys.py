"""Is a key seen by nobody, kept safely, and sent nowhere else?"""

from __future__ import annotations

import copy
import os
import pickle
import stat
import sys
import types

import pytest

from claude_magic import keys, settings
from claude_magic.errors import ConfigError
from claude_magic.keys import Secret

KEY = "test-key-not-real-0123456789-WXYZ"
OTHER = "test-token-not-real-9876543210-QRST"


@pytest.fixture(autouse=True)
def fresh():
    """Forget what was warned of once."""
    keys._exposed.cache_clear()


# ---- a key stays out of sight ------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [repr, str, format, "{:>40}".format, "%s".__mod__, lambda s: f"{s!r}"])
def test_k1_a_secret_shows_at_most_its_last_four_characters(show):
    shown = show(Secret(KEY))
    assert "<key …WXYZ>" == shown.strip()


def test_k1_a_short_secret_shows_nothing_of_itself():
    assert "<key>" == repr(Secret("short-one"))


def test_k1_a_secret_is_not_found_by_looking_into_the_object():
    secret = Secret(KEY)
    with pytest.raises(TypeError):
        vars(secret)
    seen = [repr(getattr(secret, name)) for name in dir(secret)]
    assert [] == [text for text in seen if KEY in text]
    assert KEY == secret.reveal()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_k1_a_secret_cannot_be_pickled(protocol):
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps({"held": Secret(KEY)}, protocol)


def test_k1_a_copied_secret_is_the_same_object():
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_a_secret_does_not_change():
    with pytest.raises(AttributeError):
        Secret(KEY)._hold = lambda: "another"


def test_secrets_are_equal_by_value_and_never_equal_to_text():
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret(OTHER)
    assert Secret(KEY) != KEY


def test_k1_a_verbose_traceback_through_our_frames_shows_no_key(monkeypatch):
    import IPython
    from IPython.core.ultratb import VerboseTB

    plain = {} if IPython.version_info >= (9,) else {"color_scheme": "NoColor"}

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setattr(keys.os, "fsync", lambda fd: 1 / 0)  # any failure while a key is being written
    try:
        settings.save_key(settings.credential().value)
    except ZeroDivisionError as error:
        shown = "".join(VerboseTB(**plain).structured_traceback(type(error), error, error.__traceback__))
    assert "write_private" in shown
    assert KEY not in shown


# ---- where it is kept --------------------------------------------------------------------------------------


def test_k5_a_saved_key_is_0600_in_a_0700_folder_and_nothing_else_is_left():
    settings.save_key(f"  {KEY}\n")
    assert Secret(KEY) == settings.credential().value
    assert 0o600 == stat.S_IMODE(keys.key_path().stat().st_mode)
    assert 0o700 == stat.S_IMODE(keys.config_dir().stat().st_mode)
    assert ["key"] == [path.name for path in keys.config_dir().iterdir()]


def test_k5_a_key_is_written_by_rename(monkeypatch):
    settings.save_key(KEY)
    monkeypatch.setattr(keys.os, "fsync", lambda fd: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        settings.save_key(OTHER)
    assert Secret(KEY) == settings.credential().value  # the old one whole, and no half of the new one
    assert ["key"] == [path.name for path in keys.config_dir().iterdir()]


def test_k5_a_key_file_that_others_can_read_is_warned_of(caplog):
    settings.save_key(KEY)
    keys.key_path().chmod(0o644)
    assert Secret(KEY) == settings.credential().value
    assert [
        f"Others can read the key in {keys.key_path()}; type: !chmod 600 '{keys.key_path()}'"
    ] == caplog.messages


def test_a_forgotten_key_is_gone():
    settings.save_key(KEY)
    settings.forget_key()
    assert settings.credential() is None
    settings.forget_key()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("CLAUDE_MAGIC_CONFIG_DIR", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match="cannot be written"):
        settings.save_key(KEY)


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("")
    monkeypatch.setenv("CLAUDE_MAGIC_CONFIG_DIR", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        settings.save_key(KEY)
    assert "CLAUDE_MAGIC_CONFIG_DIR" in caught.value.hint


def ring(monkeypatch, **functions):
    """Put a small keyring in the place of the system's."""
    kept = {}
    module = types.ModuleType("keyring")
    module.get_password = lambda service, user: kept.get((service, user))
    module.set_password = lambda service, user, text: kept.update({(service, user): text})
    module.delete_password = lambda service, user: kept.pop((service, user))
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, "keyring", module)
    return kept


def test_a_key_can_be_kept_in_the_keyring(monkeypatch):
    kept = ring(monkeypatch)
    settings.save_key(OTHER)
    settings.save_key(KEY, "keyring")
    assert [KEY] == list(kept.values())
    assert not keys.key_path().exists()
    assert ("api_key", Secret(KEY), "keyring") == settings.credential()
    settings.forget_key()
    assert {} == kept
    assert settings.credential() is None


def test_the_keyring_is_not_asked_unless_a_key_was_put_there(monkeypatch):
    ring(monkeypatch, get_password=lambda *_: 1 / 0)
    assert settings.credential() is None


def test_a_missing_keyring_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError) as caught:
        settings.save_key(KEY, "keyring")
    assert "claude-magic[keyring]" in caught.value.hint


def test_k1_a_broken_keyring_is_one_clear_error_without_its_words(monkeypatch):
    def fail(*words):
        raise RuntimeError(words)

    ring(monkeypatch, set_password=fail)
    with pytest.raises(ConfigError, match="RuntimeError") as caught:
        settings.save_key(KEY, "keyring")
    assert KEY not in "\n".join(caught.value.lines())


# ---- where it may go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com"),
        ("https://gate.example.org:8443/proxy/", "https://gate.example.org:8443/proxy"),
        ("HTTPS://Gate.Example.ORG/Proxy", "https://gate.example.org/Proxy"),
        ("http://localhost:8484/", "http://localhost:8484"),
        ("http://127.0.0.1:8484", "http://127.0.0.1:8484"),
        ("http://[::1]:8484", "http://[::1]:8484"),
        ("practice:", "practice:"),
    ],
)
def test_a_base_url_is_used_with_its_prefix_and_without_a_last_slash(given, used):
    assert used == keys.check_base_url(given)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "api.anthropic.com",
        "ftp://api.anthropic.com",
        "https://",
        "https:///v1",
        "https://user@gate.example.org",
        "https://user:hunter2@gate.example.org",
        "https://gate.example.org?key=hunter2",
        "https://gate.example.org/#hunter2",
        "https://gate.example.org?",
        "https://gate.example.org:port",
        "https://gate.example.org:99999",
        "https://gate.example.org\n.evil.example",
        "https://gate .example.org",
        "https://gate.example.org\\@evil.example",
        "https://gäte.example.org",
        "https://[::1",
        "https://a,b",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://api.anthropic.com",
        None,
    ],
)
def test_k2_a_base_url_a_key_should_not_go_to_is_one_clear_error(bad):
    with pytest.raises(ConfigError) as caught:
        keys.check_base_url(bad)
    assert "hunter2" not in "\n".join(caught.value.lines())
    assert caught.value.hint


def test_k2_plain_http_beyond_loopback_needs_the_switch(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_ALLOW_HTTP", "1")
    assert "http://gateway.class:8000" == keys.check_base_url("http://gateway.class:8000/")


def test_custom_headers_are_one_a_line(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: blue\n\n x-url : http://a:1/b \n")
    assert {"X-Team": "blue", "x-url": "http://a:1/b"} == keys.custom_headers()


@pytest.mark.parametrize("bad", ["no colon hunter2", "X-A: b\nbad name: hunter2", "X: hunter2é", ": hunter2"])
def test_k1_a_bad_custom_header_is_named_by_its_line_only(monkeypatch, bad):
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", bad)
    with pytest.raises(ConfigError, match=f"Line {bad.count(chr(10)) + 1} ") as caught:
        keys.custom_headers()
    assert "hunter2" not in "\n".join(caught.value.lines())


@pytest.mark.parametrize("mistyped", ["127.0.0.1:8484", "practise:", "localhost:8484", "api.anthropic.com"])
def test_an_address_without_a_scheme_is_told_the_forms_there_are(mistyped):
    with pytest.raises(ConfigError) as caught:
        keys.check_base_url(mistyped)
    for form in ("https://", "http://127.0.0.1:", "practice:"):
        assert form in caught.value.hint


@pytest.mark.parametrize("url", ["https://api.anthropic.com/v1", "http://127.0.0.1:8484/v1/"])
def test_an_address_that_ends_in_v1_is_told_to_leave_it_out(url):
    with pytest.raises(ConfigError, match="ends in /v1") as caught:
        keys.check_base_url(url)
    assert "Leave /v1 out." == caught.value.hint


def test_an_empty_key_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        settings.save_key(" ")
    assert "The key from the keyboard is empty" == caught.value.message


@pytest.mark.parametrize(
    ("key", "private"), [("practice", False), ("practice-key-1", False), ("short-key", False), (KEY, True)]
)
def test_k2_answers_are_cleaned_of_real_keys_only(key, private):
    assert private is keys.is_private(Secret(key))
