"""Are secrets told from what is only named a little like one?"""

from __future__ import annotations

import pytest

from claude_magic.private import SHAPES, is_secret, secret_name


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
