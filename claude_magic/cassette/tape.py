"""How is a cassette's file kept: in order, whole, and safe from two kernels at once?

New exchanges are appended; whatever changes a line writes the file anew and renames it. Both hold a lock on
the file, so two kernels take turns; where a file system or Windows has no such lock, lines are still appended
whole. The file has ordinary permissions: it lies beside a notebook to be committed, and holds no secret.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from claude_magic import wire
from claude_magic.cassette import lines, seal, turns
from claude_magic.errors import ConfigError
from claude_magic.keys import Secret
from claude_magic.protocol import canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from claude_magic.cassette.lines import Taped
    from claude_magic.cassette.seal import Edited

FORMAT = 1
HINT = "Give the path of a file that you can read and write."
OURS = ("cassette", "key", "check", "recorded", "request", "response", "times")
_log = logging.getLogger("claude_magic")


class _Head(msgspec.Struct):
    """What the index needs of a line."""

    key: str
    cassette: int = 0
    times: int = 1


class _Span(NamedTuple):
    """Where a line lies in the file (bytes), and how many times in a row its answer came."""

    start: int
    length: int
    times: int


_head = msgspec.json.Decoder(_Head)
_tapes: weakref.WeakSet[Cassette] = weakref.WeakSet()


class Cassette:
    """Recorded exchanges in a file of JSON lines, read once and then looked up by the key of their request.

    A request may have several answers, such as those to a question how far a batch is: each session plays
    them in the order they were recorded. With a `secret`, what is recorded is sealed with it: see `verify`.
    Methods raise ConfigError where the file cannot be read; where it cannot be written, a warning is logged.
    """

    def __init__(self, path: str | Path, *, secret: str | Secret | None = None) -> None:
        self.path = Path(os.path.realpath(Path(path).expanduser()))
        self._secret = _held(secret)
        self.forked()
        self._spans: dict[str, list[_Span]] = {}
        self._seen: tuple[int, ...] = ()  # device, inode, size, time of change
        self._end = 0  # bytes that are in the index
        self._played: dict[str, int] = {}  # how many of a key's answers this session has had
        self._renewed: set[str] = set()
        self._warned: set[str] = set()
        self.plays = 0  # answers this session has had from it
        _tapes.add(self)

    def forked(self) -> None:
        """Take a lock of this process's own: another thread may have held the one that was copied."""
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Cassette({str(self.path)!r})"

    def __len__(self) -> int:
        with self._lock:
            self._look()
            return sum(map(len, self._spans.values()))

    def __contains__(self, key: str) -> bool:
        with self._lock:
            self._look()
            return key in self._spans

    def take(self, key: str, *, repeat: bool) -> dict[str, Any] | None:
        """Return the line whose answer comes next for a key, or None when none is left.

        With `repeat` the last one comes again and again.
        """
        with self._lock:
            for _ in range(2):
                self._look()
                spans, at = self._spans.get(key, []), self._played.get(key, 0)
                found = _at(spans, at) or (spans[-1] if spans and repeat else None)
                if found is None:
                    break
                line = self._line(key, found)
                if line is not None:
                    self._played[key] = at + 1
                    self.plays += 1
                    return line
                self._seen = ()  # the file was changed in between: look at all of it once more
            return None

    def put(
        self,
        key: str,
        request: dict[str, Any],
        response: dict[str, Any],
        *,
        once: bool,
        renew: bool = False,
    ) -> None:
        """Record an answer; `once`: a key has one answer only; `renew`: in the place of what was there.

        Where it is the same answer as the last, the line says how many times it came.
        """
        line = self._made(key, request, response)
        try:
            with self._lock, self._turn() as file:
                self._put(file, line, once=once, renew=renew)
                self._played[key] = self._played.get(key, 0) + 1
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            self._warn(f"An answer could not be recorded in {self.path}: {why}")

    def _put(self, file: IO[bytes], line: dict[str, Any], *, once: bool, renew: bool) -> None:
        key = line["key"]
        spans = self._spans.get(key, [])
        if not spans:
            self._append(file, wire.encode(line))
        elif once and not renew:
            pass  # another kernel was quicker, and its answer stays
        elif renew and (once or key not in self._renewed):
            if not (len(spans) == 1 and self._same(spans[0], line)):
                renewed = wire.encode({**self._notes(spans[0]), **line})
                self._rewrite(file, {**dict.fromkeys(spans[1:]), spans[0]: renewed})
        elif self._same(spans[-1], line):
            old = self._decoded(spans[-1])
            self._rewrite(file, {spans[-1]: wire.encode({**old, "times": spans[-1].times + 1})})
        else:
            old_and_new = self._bytes(spans[-1]) + b"\n" + wire.encode(line)
            self._rewrite(file, {spans[-1]: old_and_new})
        if renew:
            self._renewed.add(key)

    def verify(self, secret: str | Secret | None = None) -> list[Edited]:
        """Return the lines that are not as they were recorded (C4).

        This finds accidents and casual edits: anyone who reads this function can make a line pass. What was
        recorded with a secret is another matter: with the same secret, only its holders can have written it,
        and any line that is not sealed with it is told too.
        """
        known = _held(secret) or self._secret
        found = (seal.edited(number, data, known) for number, data in self._raw())
        return [edited for edited in found if edited is not None]

    def is_edited(self, line: dict[str, Any]) -> bool:
        """Say whether a line is known not to be as it was recorded."""
        return seal.fault(line, self._secret) == seal.CHANGED

    def forget(self, numbers: Collection[int] | None = None) -> int:
        """Take lines out of the file, by their numbers from 1 (None: all); return how many.

        Raises ConfigError where the file cannot be written.
        """
        try:
            with self._lock, self._turn() as file:
                file.seek(0)
                held = [*enumerate(file.read().split(b"\n"), 1)]
                left = [data for n, data in held if numbers is not None and n not in numbers]
                turns.replace(file, self.path, b"\n".join(left))
                self._forget()
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written: {error.strerror or error}", hint=HINT
            ) from None
        return sum(1 for n, data in held if data.strip() and (numbers is None or n in numbers))

    def exchanges(self) -> list[Taped]:
        """Return every exchange in brief, in the order of the file."""
        found = []
        for number, line in self.each():
            with contextlib.suppress(KeyError, TypeError, AttributeError):
                found.append(lines.brief(number, line))
        return found

    def each(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number of each line that can be read, from 1, and the line."""
        for number, data in self._raw():
            with contextlib.suppress(ValueError, AttributeError):
                line = wire.decode_plain(data)
                if line.get("cassette") == FORMAT and isinstance(line.get("request"), dict):
                    yield number, line

    def _made(self, key: str, request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
        recorded = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"key": key, "recorded": recorded, "request": request, "response": response}
        # as it will be read: what is checked later is what was written
        check = seal.check(wire.decode_plain(wire.encode(line)), self._secret)
        return {"cassette": FORMAT, "key": key, "check": check, **line}

    # reading

    def _look(self) -> None:
        """Take in what was written since the last look."""
        try:
            found = self.path.stat()
            if _mark(found) != self._seen:
                with self.path.open("rb") as file:
                    self._index(file)
        except FileNotFoundError:
            self._forget()
        except OSError as error:
            raise self._unreadable(error) from None

    def _forget(self) -> None:
        self._spans, self._seen, self._end = {}, (), 0

    def _index(self, file: IO[bytes]) -> None:
        """Bring the index up to date with an open file: by what was appended, or from the start."""
        now, before = _mark(os.fstat(file.fileno())), self._seen
        grown = before[:2] == now[:2] and now[2] > self._end
        file.seek(max(self._end - 1, 0) if grown else 0)
        data = file.read()
        if grown and self._end and not data.startswith(b"\n"):  # edited in place
            file.seek(0)
            data, grown = file.read(), False
        if not grown:
            self._forget()
        base = max(self._end - 1, 0)
        self._seen = now
        bad = []
        for start, line, ended in _split(data):
            fault = self._add(base + start, line)
            if fault and ended:
                bad.append(fault)
            elif fault:
                self._warn(f"The last line of {self.path} is not finished and is not used")
                break
            self._end = base + start + len(line) + ended
        if bad:
            self._warn(f"{len(bad)} line(s) of {self.path} are not used; the first {bad[0]}")

    def _add(self, start: int, line: bytes) -> str:
        """Put a line into the index; return what is wrong with it."""
        if not line.strip():
            return ""
        try:
            head = _head.decode(line)
        except (ValueError, RecursionError):
            return f"cannot be read: {line[:40].decode('utf-8', 'replace')!r}"
        if head.cassette != FORMAT:
            return f"has format {head.cassette}, and this version reads {FORMAT}"
        self._spans.setdefault(head.key, []).append(_Span(start, len(line), max(head.times, 1)))
        return ""

    def _line(self, key: str, span: _Span) -> dict[str, Any] | None:
        """Return a line, or None where there is no such line there."""
        try:
            line = self._decoded(span)
            return line if line["key"] == key and isinstance(line["response"], dict) else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from None
        except (ValueError, KeyError, TypeError):
            return None

    def _decoded(self, span: _Span) -> dict[str, Any]:
        return wire.decode_plain(self._bytes(span))  # type: ignore[no-any-return]

    def _bytes(self, span: _Span) -> bytes:
        with self.path.open("rb") as file:
            file.seek(span.start)
            return file.read(span.length)

    def _raw(self) -> Iterator[tuple[int, bytes]]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreadable(error) from None
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                yield number, line

    def _unreadable(self, error: OSError) -> ConfigError:
        return ConfigError(f"{self.path} cannot be read: {error.strerror or error}", hint=HINT)

    # writing

    @contextlib.contextmanager
    def _turn(self) -> Iterator[IO[bytes]]:
        """Open the file to write, alone, with the index up to date; raises OSError."""
        with turns.alone(self.path) as file:
            self._index(file)
            yield file

    def _append(self, file: IO[bytes], line: bytes) -> None:
        """Add a line at the end; what a killed process left unfinished there goes."""
        if file.seek(0, os.SEEK_END) > self._end:
            file.truncate(self._end)
        lead = b"" if self._end == 0 or self._bytes(_Span(self._end - 1, 1, 1)) == b"\n" else b"\n"
        file.write(lead + line + b"\n")
        file.flush()
        os.fsync(file.fileno())
        self._index(file)

    def _rewrite(self, file: IO[bytes], changes: dict[_Span, bytes | None]) -> None:
        """Write the file anew, with these lines changed (None: left out), and rename it into its place."""
        file.seek(0)
        data = file.read(self._end)
        if not data.endswith(b"\n"):
            data += b"\n"
        for span in sorted(changes, reverse=True):
            end, new = span.start + span.length, changes[span]
            data = data[: span.start] + (new + data[end:] if new is not None else data[end + 1 :])
        turns.replace(file, self.path, data)
        with self.path.open("rb") as made:
            self._index(made)

    def _same(self, span: _Span, line: dict[str, Any]) -> bool:
        """Say whether a line's answer is that of another, whatever its request id."""
        old, new = self._decoded(span).get("response"), line["response"]
        return isinstance(old, dict) and _essence(old) == _essence(new)

    def _notes(self, span: _Span) -> dict[str, Any]:
        """Return a line's fields that are not ours."""
        return {name: value for name, value in self._decoded(span).items() if name not in OURS}

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            _log.warning(text)


def _at(spans: list[_Span], at: int) -> _Span | None:
    """Return the answer that comes after `at` others."""
    for span in spans:
        if at < span.times:
            return span
        at -= span.times
    return None


def _held(secret: str | Secret | None) -> Secret | None:
    return Secret(secret) if isinstance(secret, str) else secret


def _essence(response: dict[str, Any]) -> bytes:
    return canonical.sorted_json({name: value for name, value in response.items() if name != "headers"})


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _split(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield each line's place, its bytes, and 1 where it is ended, 0 where it is not."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        stop = end if end >= 0 else len(data)
        yield start, data[start:stop], int(end >= 0)
        start = stop + 1


def _forked() -> None:
    for cassette in [*_tapes]:
        cassette.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
