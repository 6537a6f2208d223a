"""What can a part of the API do that its row in the table cannot say?

Messages stream, batches are written to the wire as they are made, files go up from anything and come down to
a path, a skill is a folder. Names and keyword arguments follow the official SDK.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from claude_magic import wire
from claude_magic.api import spaces
from claude_magic.api.caller import SyncCaller, check_size, whole
from claude_magic.api.stream import AsyncMessageStream, MessageStream
from claude_magic.errors import InputError
from claude_magic.protocol import body, bundles
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.protocol.saving import place
from claude_magic.protocol.signatures import signed
from claude_magic.transport import followed, gathered
from claude_magic.wire import Message, Record

if TYPE_CHECKING:
    import os

    from claude_magic.api.parsing import ParsedMessage
    from claude_magic.policy import Reply

CREATE, BATCH = ENDPOINTS["messages.create"], ENDPOINTS["messages.batches.create"]
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ONE = 'Each is {"custom_id": "row-1", "params": {"model": …, "max_tokens": …, "messages": […]}}.'
REST = "Send the rest in another batch."
MOST_REQUESTS = 100_000  # https://platform.claude.com/docs/en/build-with-claude/batch-processing


class Messages(spaces.Space):
    """`client.messages`: https://platform.claude.com/docs/en/api/messages."""

    batches: Batches

    @signed(CREATE)
    def create(self, **params: Any) -> Message:
        """Ask, and return the whole Message; `stream=True` returns an iterator of wire events instead.

        Parameters are the API's; `extra_headers`, `extra_query`, `extra_body`, `betas`, `timeout` (seconds of
        silence), `total_timeout` (seconds), `max_retries` and `retry_unknown` are per call. A request that
        could take longer than ten minutes is streamed underneath. Raises ClaudeError.
        """
        if params.get("stream"):
            return cast("Message", self._opened(params, derived=False).open())
        if self._caller.slow(params):
            return self.stream(**params).get_final_message()
        return self._caller.run(self._caller.call(CREATE, params), _message)

    @signed(CREATE)
    def stream(self, **params: Any) -> MessageStream:
        """Ask, and return a stream to use in a `with` block: iterate it, or its `.text_stream`."""
        return self._opened(params)

    @signed(CREATE, output_format="Any")
    @followed
    def parse(self, *, output_format: Any, **params: Any) -> Generator[Any, Any, ParsedMessage]:
        """Ask for an answer of a type, such as a dataclass or a pydantic model: `.parsed_output` has it.

        Raises AnswerError where the answer does not fit; `claude_magic.ask(…, returns=TYPE)` asks once more.
        """
        from claude_magic.api.parsing import parsed

        return (yield from parsed(self, output_format, params))

    def _opened(self, params: Mapping[str, Any], **how: Any) -> MessageStream:
        kind: Any = MessageStream if isinstance(self._caller, SyncCaller) else AsyncMessageStream
        call = self._caller.call(CREATE, {**params, "stream": True}, stream=True)
        return kind(self._caller, call, **how)  # type: ignore[no-any-return]


class Batches(spaces.Space):
    """`client.messages.batches`: many messages at half the price, within a day."""

    @followed
    def create(self, *, requests: Any, **options: Any) -> Generator[Any, Any, Record]:
        """Send a batch of requests, each `{"custom_id": …, "params": {…}}`, from a list or any iterable.

        They are checked and encoded one by one and streamed, at most 100,000 and 256 MB. Never repeated where
        its fate is unknown. Raises InputError for a `custom_id` that is missing, unusable or there twice.
        An AsyncClient takes an async iterable too, which it first reads to its end.
        """
        if hasattr(requests, "__aiter__") and not isinstance(self._caller, SyncCaller):
            requests = yield from gathered(self._way, (one async for one in requests))
        sent = body.json_list(_requests(requests))
        return cast("Record", (yield self._ask("create", requests=sent, **options)))


def _requests(requests: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield the requests of a batch as JSON, their size checked as they come; raises InputError (M11)."""
    alone = isinstance(requests, str | Mapping) or hasattr(requests, "columns")
    if alone or not isinstance(requests, Iterable):
        more = " An AsyncClient takes it." if hasattr(requests, "__aiter__") else ""
        what = f"An object of type {type(requests).__name__} is no list of requests"
        raise InputError(what, hint=f"Give a list.{more} {ONE}")
    seen, size = set[str](), 0
    for n, one in enumerate(requests):
        name = _custom_id(n, one)
        if name in seen:
            raise InputError(f"The custom_id {name!r} is in the batch twice", hint="Give each its own.")
        if n == MOST_REQUESTS:
            raise InputError(f"A batch takes {MOST_REQUESTS:,} requests", hint=REST)
        seen.add(name)
        made = body.encoded(one, f"Request {name!r}")
        size += len(made) + 1
        check_size(BATCH, size, REST)
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

        A frame becomes CSV, or what `filename` ends in: .parquet, .xlsx. Read as it is sent, at most 500 MB.
        `expires_in_seconds` is 3,600 to 7,776,000; without it the file stays until it is deleted.
        """
        sent = {"file": body.part(file, filename, mime_type), "expires_in_seconds": expires_in_seconds}
        return cast("Record", self._ask("upload", **sent, **options))

    @followed
    def download(
        self, file_id: str, to: str | os.PathLike[str] | None = None, **options: Any
    ) -> Generator[Any, Any, Any]:
        """Return a file's content as a Feed; or write it to a path or into a folder, and return that path.

        The file appears only once it is whole, and never outside the folder. Without a path,
        `pd.read_excel(client.files.download(file_id).open())` reads it. Only files that skills and code
        execution made can be downloaded. Raises ClaudeError.
        """
        if to is None:
            return (yield self._ask("download", file_id, **options))
        facts = yield self._ask("retrieve_metadata", file_id, **options)
        size = facts.get("size_bytes")
        file = place(to, str(facts.get("filename") or file_id), size if isinstance(size, int) else 0)
        return (yield (yield self._ask("download", file_id, **options)).write_to_file(file))


class Skills(spaces.Space):
    """`client.skills`: https://platform.claude.com/docs/en/build-with-claude/skills-guide."""

    versions: SkillVersions

    def create(self, files: Any, *, display_name: str | None = None, **options: Any) -> Record:
        """Upload a skill: a folder with SKILL.md, a zip of one, or a list of files with their paths.

        Raises InputError for a folder without SKILL.md, or with 30 MB or more in it.
        """
        sent = {"files": bundles.parts(files), "display_name": display_name}
        return cast("Record", self._ask("create", **sent, **options))


class SkillVersions(spaces.Space):
    """`client.skills.versions`: each is a whole bundle."""

    def create(self, skill_id: str, files: Any, **options: Any) -> Record:
        """Upload a version of a skill; `files` is as for `client.skills.create`."""
        return cast("Record", self._ask("create", skill_id, files=bundles.parts(files), **options))

    @followed
    def download(
        self, *args: str, to: str | os.PathLike[str] | None = None, **options: Any
    ) -> Generator[Any, Any, Any]:
        """Return a version's zip as a Feed; or write it to a path or into a folder, and return that path.

        By place: `download(skill_id, version, to)`.
        """
        if to is None and len(args) + sum(name in options for name in ("skill_id", "version")) > 2:
            *args, to = args  # type: ignore[assignment]
        file = place(to, f"{options.get('version') or args[-1]}.zip") if to is not None else None
        feed = yield self._ask("download", *args, **options)
        return feed if file is None else (yield feed.write_to_file(file))


def _message(reply: Reply) -> Message:
    found = whole(reply)
    if not isinstance(found, Message) or not wire.is_message(found):
        raise reply.unusable("The server's answer is not a message")
    return found


KINDS: dict[str, type[spaces.Space]] = {
    "messages": Messages,
    "messages.batches": Batches,
    "files": Files,
    "skills": Skills,
    "skills.versions": SkillVersions,
}
