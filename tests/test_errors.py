"""Does every failure say what went wrong and what to type next?"""

from __future__ import annotations

import pickle
import traceback

import pytest

from claude_magic import errors
from claude_magic.errors import ClaudeError, InternalServerError, RateLimitError, from_response
from tests.doors import error


def body(status: int, kind: str = "api_error", code: str | None = None) -> bytes:
    made = error(status, kind, code).body
    assert isinstance(made, bytes)
    return made


@pytest.mark.parametrize("status", sorted(errors.STATUS))
def test_each_status_has_its_class_and_a_hint(status: int) -> None:
    made = from_response(status, body(status))
    assert errors.STATUS[status] is type(made)
    assert made.hint


def test_the_facts_of_an_answer_are_on_the_error() -> None:
    made = from_response(429, body(429, "rate_limit_error", "ramp_limit_exceeded"), retry_after=3.0)
    assert isinstance(made, RateLimitError)
    assert (429, 429, "rate_limit_error", "ramp_limit_exceeded", "req_1", 3.0) == (
        made.status,
        made.status_code,
        made.type,
        made.error_code,
        made.request_id,
        made.retry_after,
    )
    assert errors.HINTS["ramp_limit_exceeded"] == made.hint


@pytest.mark.parametrize("status", [500, 502, 599])
def test_an_unknown_server_status_is_a_server_error(status: int) -> None:
    assert InternalServerError is type(from_response(status, b"<html>bad gateway</html>"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"null",
        b'{"error": 3}',
        b'{"error": {"message": 5, "type": [], "details": 1}}',
        b"[" * 9999,
    ],
    ids=["empty", "not utf-8", "a list", "null", "error is a number", "wrong types", "deep"],
)
def test_s5_any_body_makes_an_error_of_the_family(data: bytes) -> None:
    made = from_response(400, data)
    assert isinstance(made, ClaudeError)
    assert made.message
    assert made.type is None


def test_an_error_shows_as_two_lines_with_the_request_id() -> None:
    made = from_response(401, body(401, "authentication_error"))
    assert [
        "AuthenticationError: told 401 (401 authentication_error, request req_1)",
        "→ Type %claude login to enter a key, or %claude practice on to go on without one.",
    ] == made.lines()


def test_o4_terminal_escapes_in_an_error_are_shown_as_text() -> None:
    made = from_response(400, b'{"error": {"message": "\\u001b[2Jgone \\u009b31m"}}')
    assert "␛[2Jgone \\x9b31m" in made.lines()[0]


def test_a_very_long_message_is_cut_to_a_line() -> None:
    made = from_response(400, b'{"error": {"message": "' + b"word\\n" * 5000 + b'"}}')
    assert 2 == len(made.lines())
    assert len(made.message) < 700


def test_errors_pickle_with_everything_they_know() -> None:
    made = from_response(429, body(429), retry_after=2.0)
    again = pickle.loads(pickle.dumps(made))
    assert (type(made), made.__dict__) == (type(again), again.__dict__)


def test_the_family_is_drawn_completely_in_the_docstring() -> None:
    kinds = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, ClaudeError)}
    assert set() == {name for name in kinds if name not in (errors.__doc__ or "")}


def test_o4_an_error_printed_by_itself_shows_terminal_escapes_as_text() -> None:
    made = from_response(400, b'{"error": {"message": "red \\u001b[31m"}}')
    assert "\x1b" not in str(made) + "".join(traceback.format_exception(made))
    assert "red ␛[31m (400)" == str(made)


def test_a_hint_is_a_note_of_a_plain_traceback_and_follows_when_it_changes() -> None:
    made = ClaudeError("No", hint="Type \x1b[31m this.")
    made.add_note("a note of the caller's")
    assert "→ Type ␛[31m this.\n" in "".join(traceback.format_exception(made))
    made.hint = "Type that."
    assert ["a note of the caller's", "→ Type that."] == pickle.loads(pickle.dumps(made)).__notes__
    assert 1 == "".join(traceback.format_exception(made)).count("→")


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (404, "File not found: file_011", "%claude files "),
        (404, "Skill not found: skill_01 (custom, version 1)", "%claude skills "),
        (404, "Message batch 'msgbatch_01' not found", "%claude batches "),
        (404, "user user_01 not found", "%claude help admin"),
        (400, "File is not downloadable", "%claude files shows which"),
        (403, "The skill pdf is of Anthropic: it can be used, no more", "skills of your own"),
        (400, "max_tokens: too many", "Change what the message names"),
    ],
)
def test_a_hint_fits_what_is_refused(status: int, message: str, hint: str) -> None:
    made = from_response(status, b'{"error": {"type": "x", "message": "%s"}}' % message.encode())
    assert hint in made.hint


def test_a_404_points_at_the_models_only_when_it_is_about_one() -> None:
    about = {
        text: from_response(404, b'{"error": {"type": "not_found_error", "message": "%s"}}' % text).hint
        for text in (b"model: clod", b"Not Found: GET /v1/v1/models")
    }
    assert ["%claude models", "%claude status"] == [
        next(word for word in ("%claude models", "%claude status") if word in hint) for hint in about.values()
    ]
