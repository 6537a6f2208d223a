"""What can a part of the API do that its row in the table cannot say?

Messages stream, batches are written to the wire as they are made, files go up from anything and come down to
a path, a skill is a folder. Names and keyword arguments follow the official SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from claude_magic import body, bundles, spaces, wire
from claude_magic.caller import SyncCaller, check_size, whole
from claude_magic.endpoints import ENDPOINTS
from claude_magic.errors import InputError
from claude_magic.saving import place
from claude_magic.stream import AsyncMessageStream, MessageStream
from claude_magic.wire import Message

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from pathlib import Path

    from claude_magic.policy import Call, Reply
    from claude_magic.wire import Record

CREATE, BATCH = ENDPOINTS["messages.create"], ENDPOINTS["messages.batches.create"]
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ONE = 'Each is {"custom_id": "row-1", "params": {"model": …, "max_tokens": …, "messages": […]}}.'
MOST_REQUESTS = 100_000  # https://platform.claude.com/docs/en/build-with-claude/batch-processing


class Messages(spaces.Space):
    """`client.messages`: https://platform.claude.com/docs/en/api/messages."""

    _stream: Any = MessageStream
    batches: Batches

    def create(self, **params: Any) -> Message:
        """Ask, and return the whole Message; `stream=True` returns an iterator of wire events instead.

        Parameters are the API's; `extra_headers`, `extra_query`, `extra_body`, `betas`, `timeout` (seconds of
        silence), `total_timeout` (seconds), `max_retries` and `retry_unknown` are per call. A request that
        could take longer than ten minutes is streamed underneath. Raises ClaudeError.
        """
        if params.get("stream"):
            made = self._stream(self._caller, self._streaming(params), derived=False)
            return cast("Message", made.open())
        if self._caller.slow(params):
            return self.stream(**params).get_final_message()
        return self._caller.run(self._caller.call(CREATE, params), _message)

    def stream(self, **params: Any) -> MessageStream:
        """Ask, and return a stream to use in a `with` block: iterate it, or its `.text_stream`."""
        return self._stream(self._caller, self._streaming(params))  # type: ignore[no-any-return]

    def _streaming(self, params: Mapping[str, Any]) -> Call:
        return self._caller.call(CREATE, {**params, "stream": True}, stream=True)

    if TYPE_CHECKING:

        def count_tokens(self, **params: Any) -> Record:
            """Return how many `input_tokens` a request would take; free of charge."""


class AsyncMessages(Messages):
    """`client.messages` of an AsyncClient: `create` and `count_tokens` return awaitables."""

    _stream = AsyncMessageStream
    batches: Any  # methods that return awaitables

    def stream(self, **params: Any) -> AsyncMessageStream:  # type: ignore[override]
        """Ask, and return a stream to use in an `async with` block."""
        return self._stream(self._caller, self._streaming(params))

    if TYPE_CHECKING:  # what the same methods return here

        def create(self, **params: Any) -> Awaitable[Message]:  # type: ignore[override]
            """Return an awaitable of the whole Message, or of an iterator of wire events."""

        def count_tokens(self, **params: Any) -> Awaitable[Record]:  # type: ignore[override]
            """Return an awaitable of the count."""


class Batches(spaces.Space):
    """`client.messages.batches`: many messages at half the price, within a day."""

    def create(self, *, requests: Iterable[Mapping[str, Any]], **options: Any) -> Record:
        """Send a batch of requests, each `{"custom_id": …, "params": {…}}`, from a list or any iterable.

        They are checked and encoded one by one and streamed, at most 100,000 and 256 MB. Never repeated where
        its fate is unknown. Raises InputError for a `custom_id` that is missing, unusable or there twice.
        """
        sent = body.json_list(_requests(requests))
        return cast("Record", self._ask("create", requests=sent, **options))


def _requests(requests: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield the requests of a batch as JSON, their size checked as they come; raises InputError (M11)."""
    if not isinstance(requests, Iterable) or isinstance(requests, str | Mapping):
        raise InputError(f"A {type(requests).__name__} is no list of requests", hint=f"Give a list. {ONE}")
    seen: set[str] = set()
    size = 0
    for n, one in enumerate(requests):
        name = _custom_id(n, one)
        if name in seen:
            raise InputError(f"The custom_id {name!r} is in the batch twice", hint="Give each its own.")
        if n == MOST_REQUESTS:
            raise InputError(
                f"A batch takes {MOST_REQUESTS:,} requests", hint="Send the others in a second one."
            )
        seen.add(name)
        try:
            made = wire.encode(one)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"Request {name!r} cannot be sent as JSON: {error}", hint="Send plain JSON."
            ) from None
        size += len(made) + 1
        check_size(BATCH, size)
        yield made


def _custom_id(n: int, one: Any) -> str:
    if not isinstance(one, Mapping) or not isinstance(one.get("params"), Mapping):
        raise InputError(f"Request {n} of the batch has no params", hint=ONE)
    name = one.get("custom_id")
    if not isinstance(name, str) or not CUSTOM_ID.fullmatch(name):
        hint = "Use 1 to 64 letters, digits, _ and -."
        raise InputError(f"Request {n} of the batch has the custom_id {name!r}", hint=hint)
    return name


class Files(spaces.Space):
    """`client.files`: https://platform.claude.com/docs/en/build-with-claude/files."""

    def upload(
        self,
        file: Any,
        *,
        filename: str | None = None,
        mime_type: str | None = None,
        expires_in_seconds: int | None = None,
        **options: Any,
    ) -> Record:
        """Upload a path, bytes, an open file or a DataFrame, and return its metadata (`id`, `size_bytes`…).

        A frame becomes CSV, or Parquet where `filename` ends in .parquet. Read as it is sent, at most 500 MB.
        `expires_in_seconds` is 3,600 to 7,776,000; without it the file stays until it is deleted.
        """
        if expires_in_seconds is not None:
            options["expires_in_seconds"] = expires_in_seconds
        return cast("Record", self._ask("upload", file=body.part(file, filename, mime_type), **options))

    def download(self, file_id: str, to: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Return a file's content as a Feed; or write it to a path or into a folder, and return that path.

        The file appears only once it is whole, and never outside the folder. Only files that skills and code
        execution made can be downloaded. Raises ClaudeError.
        """
        if to is None:
            return self._ask("download", file_id, **options)
        return self._caller.follow(self._saved(file_id, to, options))

    def _saved(
        self, file_id: str, to: str | os.PathLike[str], options: Mapping[str, Any]
    ) -> Generator[Any, Any, Path]:
        facts = yield self._ask("retrieve_metadata", file_id, **options)
        path = place(to, str(facts.get("filename") or file_id))
        content = yield self._ask("download", file_id, **options)
        path = yield content.write_to_file(path)
        return cast("Path", path)


class Skills(spaces.Space):
    """`client.skills`: https://platform.claude.com/docs/en/build-with-claude/skills-guide."""

    versions: SkillVersions

    def create(self, *args: Any, files: Any, **options: Any) -> Record:
        """Upload a skill: a folder with SKILL.md, a zip of one, or a list of files with their paths.

        Raises InputError where there is no SKILL.md or more than 30 MB.
        """
        return cast("Record", self._ask("create", *args, files=bundles.parts(files), **options))


class SkillVersions(Skills):
    """`client.skills.versions`: each is a whole bundle."""

    def download(self, *args: str, to: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Return a version's zip as a Feed; or write it to a path or into a folder, and return that path."""
        if to is None:
            return self._ask("download", *args, **options)
        return self._caller.follow(self._written(args, to, options))

    def _written(
        self, args: tuple[str, ...], to: str | os.PathLike[str], options: Mapping[str, Any]
    ) -> Generator[Any, Any, Path]:
        path = place(to, f"{options.get('version') or args[-1]}.zip")
        content = yield self._ask("download", *args, **options)
        path = yield content.write_to_file(path)
        return cast("Path", path)


def _message(reply: Reply) -> Message:
    found = whole(reply)
    if not isinstance(found, Message):
        raise reply.unusable("The server's answer is not a message")
    return found


def _messages(caller: Any, name: str) -> Messages:
    return (Messages if isinstance(caller, SyncCaller) else AsyncMessages)(caller, name)


KINDS: dict[str, Callable[[Any, str], spaces.Space]] = {
    "messages": _messages,
    "messages.batches": Batches,
    "files": Files,
    "skills": Skills,
    "skills.versions": SkillVersions,
}
