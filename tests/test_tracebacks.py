"""Is an error told in few words, and without where it happened on this machine?"""

from __future__ import annotations

import json.decoder
import sys

import pytest

from claude_magic.repair import tracebacks
from tests.shells import KEY


def none(_: str) -> None:
    return None


def raised(source: str, name: str = "<cell>", **names) -> BaseException:
    """Return the error that a source raises, with its traceback."""
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__", **names})
    except BaseException as error:  # whatever it is
        error.__traceback__ = error.__traceback__.tb_next or None
        return error
    raise AssertionError(source)


def told(source: str, **names) -> str:
    return tracebacks.told(raised(source, **names), lambda name: 3 if name == "<cell>" else None)


def test_an_error_has_its_place_its_class_and_its_message():
    assert "  In[3], line 2, in f\n  In[3]" not in told("1/0")
    lines = told("def f():\n    1/0\nf()").splitlines()
    assert ["  In[3], line 3", "  In[3], line 2, in f", "ZeroDivisionError: division by zero"] == lines


def test_a_thousand_frames_are_told_once():
    text = told("def f(): f()\nf()")
    assert text.startswith("  In[3], line 2\n  In[3], line 1, in f\n    [")
    assert "RecursionError" in text
    assert 300 > len(text)


def test_two_functions_that_call_each_other_without_end_are_cut():
    text = told("def f(): g()\ndef g(): f()\nf()")
    assert "frames left out]" in text
    assert 15 > text.count("line ")


def test_a_chain_is_told_in_order_and_ends():
    source = "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e"
    text = told(source)
    assert text.index("KeyError: 'a'") < text.index("led to this one") < text.index("ValueError: b")
    assert "While the error" in told("try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b')")
    assert "KeyError" not in told("try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b') from None")


def test_an_error_that_is_its_own_cause_is_told_once():
    error = ValueError("round")
    error.__cause__ = inner = KeyError("k")
    inner.__cause__ = error
    assert 1 == tracebacks.told(error, none).count("ValueError: round")


def test_a_long_chain_keeps_what_happened_last():
    error = ValueError("last")
    one = error
    for n in range(50):
        one.__cause__ = TypeError(f"{n} " + "x" * 5_000)
        one = one.__cause__
    text = tracebacks.told(error, none)
    assert text.endswith("ValueError: last")
    assert 13_000 > len(text)


def test_a_group_tells_its_first_errors():
    group = ExceptionGroup(
        "several", [ValueError(str(n)) for n in range(9)] + [ExceptionGroup("in", [KeyError("k")])]
    )
    text = tracebacks.told(group, none)
    assert "ExceptionGroup: several (10 sub-exceptions)" in text
    assert "  ValueError: 0" in text
    assert "[… 7 errors more]" in text


def test_notes_are_part_of_what_an_error_says():
    error = ValueError("bad")
    error.add_note("look at x")
    assert "ValueError: bad\nlook at x" == tracebacks.told(error, none)


def test_a_huge_message_is_cut_and_a_broken_one_said_to_be():
    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError

    assert 2_000 > len(tracebacks.told(ValueError("x" * 10**6), none))
    assert "characters left out]" in tracebacks.message(ValueError("x" * 10**6))
    assert "(its message cannot be shown)" == tracebacks.message(BrokenError())


def test_m9_an_error_does_not_say_where_in_memory_a_thing_lies():
    assert told("raise KeyError(object())").endswith("KeyError: <object object>")


def test_a_syntax_error_points_at_its_place():
    text = told("for i in x\n    pass")
    assert "  In[3], line 1\n    for i in x\n              ^\nSyntaxError: expected ':'" == text


def test_k1_keys_are_not_in_a_told_error_even_where_it_is_cut(monkeypatch):
    monkeypatch.setenv("SERVICE_PASSWORD", "correct horse battery")
    error = ValueError("x" * (tracebacks.MOST_MESSAGE - 20) + KEY)
    error.add_note("login with correct horse battery")
    for text in (tracebacks.told(error, none), tracebacks.told(ValueError(f"bad {KEY}"), none)):
        assert "sk-ant" not in text
    assert "horse" not in tracebacks.message(ValueError("login with correct horse battery"))


def test_a_private_key_goes_whole():
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"
    assert "ValueError: [removed: a secret] end" == tracebacks.told(ValueError(f"{pem} end"), none)


def test_o4_terminal_escapes_of_a_message_are_text():
    assert "\x1b" not in tracebacks.told(ValueError("\x1b[2J"), none)


def test_paths_begin_at_a_package_a_folder_or_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.chdir(tmp_path)
    import pandas as pd

    assert "pandas/__init__.py" == tracebacks.shortened(pd.__file__)
    assert "json/decoder.py" == tracebacks.shortened(json.decoder.__file__)
    assert "work/a.py" == tracebacks.shortened(str(tmp_path / "work" / "a.py"))
    assert "~/a.py" == tracebacks.shortened("/home/anna/a.py")
    assert "a.py" == tracebacks.shortened("/srv/secret/a.py")
    assert "<timed exec>" == tracebacks.shortened("<timed exec>")


@pytest.mark.parametrize("folder", ["home", "cwd", "python"])
def test_messages_do_not_say_where_things_lie(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.chdir(tmp_path)
    place = {"home": "/home/anna", "cwd": str(tmp_path), "python": sys.prefix}[folder]
    assert place not in tracebacks.told(FileNotFoundError(2, "No such file", f"{place}/x.csv"), none)


def test_frames_of_ipython_are_left_out_and_libraries_kept():
    import pandas as pd

    error = raised("df['nope']", df=pd.DataFrame({"a": [1]}))
    text = tracebacks.told(error, lambda name: 3 if name == "<cell>" else None)
    cause, effect = text.split(f"{tracebacks.CAUSE}\n")
    assert "KeyError: 'nope'" == effect.splitlines()[-1] == cause.splitlines()[-1]
    assert effect.startswith("  In[3], line 1\n  pandas/core/frame.py, line ")
