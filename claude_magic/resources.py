"""What can a part of the API do that its row in the table cannot say?

Messages stream, batches are written to the wire as they are made, files go up from anything and come down to
a path, a skill is a folder. Names and keyword arguments follow the official SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from claude_magic import body, bundles, spaces, wire
from claude_magic.caller import SyncCaller, whole
from claude_magic.endpoints import ENDPOINTS
from claude_magic.errors import InputError
from claude_magic.feeds import place
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
MOST_REQUESTS = (
    100_000  # of one batch: https://platform.claude.com/docs/en/build-with-claude/batch-processing
)


class Messages(spaces.Space):
    """`client.messages`: https://platform.claude.com/docs/en/api/messages."""

    _stream: Any = MessageStream

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
        sent = body.json_list("requests", _requests(requests))
        return self._caller.run(self._caller.call(BATCH, options, body=sent), whole)


def _requests(requests: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield the requests of a batch as JSON; raises InputError (M11)."""
    seen: set[str] = set()
    for n, one in enumerate(requests):
        if not isinstance(one, Mapping) or not isinstance(one.get("params"), Mapping):
            hint = 'Each is {"custom_id": "row-1", "params": {"model": …, "max_tokens": …, "messages": […]}}.'
            raise InputError(f"Request {n} of the batch has no params", hint=hint)
        name = one.get("custom_id")
        if not isinstance(name, str) or not CUSTOM_ID.fullmatch(name):
            hint = "Use 1 to 64 letters, digits, _ and -."
            raise InputError(f"Request {n} of the batch has the custom_id {name!r}", hint=hint)
        if name in seen:
            raise InputError(f"The custom_id {name!r} is in the batch twice", hint="Give each its own.")
        seen.add(name)
        if n == MOST_REQUESTS:
            raise InputError(
                f"A batch takes {MOST_REQUESTS:,} requests", hint="Send the others in a second batch."
            )
        try:
            yield wire.encode(one)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"Request {name!r} cannot be sent as JSON: {error}", hint="Send plain JSON."
            ) from None


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
        content = yield self._ask("download", file_id, **options)
        path = yield content.write_to_file(place(to, str(facts.get("filename", file_id))))
        return cast("Path", path)


class Skills(spaces.Space):
    """`client.skills`: https://platform.claude.com/docs/en/build-with-claude/skills-guide."""

    def create(self, *args: Any, files: Any, **options: Any) -> Record:
        """Upload a skill: a folder with SKILL.md, a zip of one, or a list of files with their paths.

        Raises InputError where there is no SKILL.md or more than 30 MB.
        """
        return cast("Record", self._ask("create", *args, files=bundles.parts(files), **options))


class SkillVersions(Skills):
    """`client.skills.versions`: each is a whole bundle."""

    def download(
        self, skill_id: str, version: str, to: str | os.PathLike[str] | None = None, **options: Any
    ) -> Any:
        """Return a version's zip as a Feed; or write it to a path or into a folder, and return that path."""
        content = self._ask("download", skill_id, version, **options)
        return content if to is None else self._caller.follow(_written(content, place(to, f"{version}.zip")))


def _written(content: Any, path: Path) -> Generator[Any, Any, Path]:
    found = yield content
    written = yield found.write_to_file(path)
    return cast("Path", written)


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
