"""Are secrets told from what is only named a little like one?"""

from __future__ import annotations

import pytest

from claude_magic.errors import InputError
from claude_magic.prompts.private import REMOVED, SHAPES, check, is_secret, secret_name, without_secrets


@pytest.mark.parametrize(
    "name",
    ["api_key", "API_KEY", "apiKey", "ANTHROPIC_API_KEY", "dbPassword", "passwd", "aws_secret",
     "my_credentials", "access_token", "AuthToken", "apikey", "private_key", "api_keys", "secret_of_mine"],
)  # fmt: skip
def test_these_are_names_of_secrets(name):
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["df", "keys", "tokens", "max_tokens", "tokenizer", "keyboard", "monkey", "key_figures", "passenger",
     "secretary", "answer_key", "primary_key", "", "_1", "Out"],
)  # fmt: skip
def test_these_are_not(name):
    assert not secret_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"AKIA{'A' * 16}", True), (f"ghp_{'a' * 36}", True), ("-----BEGIN RSA PRIVATE KEY-----", True),
        (f"x sk-{'a' * 32}", True), (f"disk-{'a' * 32}", False), ("sk-learn AIzawa", False),
    ],
)  # fmt: skip
def test_keys_of_others_are_known_by_their_shape(text, expected):
    assert expected == bool(SHAPES.search(text))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("key", "abc", True), ("token", b"abc", True), ("sort_key", "abc", True), ("key", ["a"], False),
        ("token", 5, False), ("password", 5, False), ("password", ["abc"], True), ("tokens", "abc", False),
    ],
)  # fmt: skip
def test_a_text_under_a_doubtful_name_is_a_secret_and_a_number_never(name, value, expected):
    assert expected == is_secret(name, value)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "MY_SECRETS"])
def test_where_something_lies_is_no_secret(name, monkeypatch, tmp_path):
    monkeypatch.setenv(name, str(tmp_path))
    assert check("x", f"see {tmp_path}/a.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://e.com/mcp?api_key=xyz&n=1 is", f"https://e.com/mcp?api_key={REMOVED}&n=1 is"),
        ('{"url": "https://e.com/?n=1&token=xyz"}', f'{{"url": "https://e.com/?n=1&token={REMOVED}"}}'),
        ("https://e.com/?sort_key=size&keyword=tide", "https://e.com/?sort_key=size&keyword=tide"),
        ('get(f"https://e.com/?key={key}")', 'get(f"https://e.com/?key={key}")'),
    ],
)
def test_k1_what_lets_in_by_an_address_is_removed(text, expected):
    assert expected == without_secrets(text)


@pytest.mark.parametrize("secret", ["hunter2-hunter2", "/hunter2+hunter2/hunter2"])
def test_a_refusal_says_which_part_to_remove_and_never_repeats_it(secret, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", secret)
    with pytest.raises(InputError) as caught:
        check("{x}", f"one\ntwo {secret}")
    assert "Remove the value of DB_PASSWORD in line 2 of {x}." == caught.value.hint
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        check("{x}", f"sk-ant-{'a' * 20}")
    assert "Remove the key in line 1 of {x}" in caught.value.hint
