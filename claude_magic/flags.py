"""Which flags and commands does %claude know?

The two tables here feed the parser, `%%claude?`, tab completion, the command line and the documentation.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from claude_magic import verbs
from claude_magic.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""In rising order: https://docs.claude.com/en/docs/build-with-claude/effort"""
FORMATS = ("markdown", "text", "code", "json", "df", "html")
WIDTH = 80  # characters of a line of help: JupyterLab breaks longer ones, within words
LINES = ("haiku", "sonnet", "opus", "fable", "mythos")
SKILLS = ("xlsx", "pptx", "docx", "pdf")
"""Anthropic's own: https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview"""


class Flag(NamedTuple):
    """One flag: `field` is the attribute of `Ask` it sets, `kind` a row of `cell.KINDS`."""

    name: str
    field: str
    kind: str
    group: str
    help: str
    example: str
    short: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The ways to type it, such as ("-m", "--model")."""
        return (f"-{self.short}", f"--{self.name}") if self.short else (f"--{self.name}",)

    @property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return self.kind in ("path", "pair", "skill")


class Command(NamedTuple):
    """One reserved first word: `shape` is the pattern its arguments fit, one space between words.

    What does not fit `shape` is taken for a question. `first` completes the first argument; words with an @
    stand for what a notebook holds: @models, @threads, @settings, @topics.
    """

    name: str
    usage: str
    help: str
    example: str
    shape: str = ""
    first: tuple[str, ...] = ()
    bare: bool = True


def _verbs(command: str) -> str:
    return ", ".join(verb.name for verb in verbs.VERBS[command])


# fmt: off
_M, _P, _A, _S = "Model", "Prompt", "Answer", "Conversation and sending"
FLAGS: tuple[Flag, ...] = (
    Flag("model", "model", "word", _M, "model id, alias or short word", "-m opus", "m", "MODEL"),
    Flag("max-tokens", "max_tokens", "count", _M, "most tokens the answer may take (500, 4k, 1_000)",
         "-n 4k", "n", "INT"),
    Flag("effort", "effort", "choice", _M, "how much work the model puts in",
         "--effort low", metavar="LEVEL", choices=EFFORTS),
    Flag("think", "think", "on", _M, "let the model think first", "--think"),
    Flag("no-think", "think", "off", _M, "no thinking, where the model lets you choose", "--no-think"),
    Flag("param", "param", "pair", _M, "another field of the request: JSON or text; dots nest; may repeat",
         '-p stop_sequences=["END"] -p metadata.user_id=anna', "p", "K=V"),
    Flag("in", "inp", "name", _P, "a variable whose value follows the prompt", "-i df", "i", "NAME"),
    Flag("attach", "attach", "path", _P,
         "a file to send along, or a file's id: PDF, image or text, with --skill any; "
         "one of more than 1 MB is uploaded once; may repeat",
         '--attach "my report.pdf"', metavar="PATH"),
    Flag("skill", "skills", "skill", _P,
         "a skill for code that runs at the service: xlsx, pptx, docx, pdf or your own, also in the turns "
         "that follow; NAME@VERSION pins it; may repeat",
         "--skill xlsx", metavar="NAME"),
    Flag("system", "system", "text", _P, "system prompt", '-s "Answer in French."', "s", "TEXT"),
    Flag("raw", "raw", "on", _P, "send {braces} as they are written", "--raw"),
    Flag("out", "out", "name", _A, "keep the answer in a variable", "-o summary", "o", "NAME"),
    Flag("format", "format", "choice", _A, "how the answer is shown (html: its source)",
         "-f json", "f", "FORMAT", FORMATS),
    Flag("quiet", "quiet", "on", _A, "show nothing; the answer is kept all the same", "-q -o summary", "q"),
    Flag("no-stream", "stream", "off", _A, "show the answer when it is complete", "--no-stream"),
    Flag("thread", "thread", "thread", _S, "the conversation it belongs to", "-t rome", "t", "NAME"),
    Flag("new", "new", "on", _S, "start the conversation anew", "--new"),
    Flag("no-history", "no_history", "on", _S, "send this alone, and do not keep it", "--no-history"),
    Flag("dry-run", "dry_run", "on", _S, "show what would be sent and what it may cost", "--dry-run"),
    Flag("max-cost", "max_cost", "usd", _S, "most this call may cost, in USD",
         "--max-cost 0.05", metavar="USD"),
)

USAGE_BY = ("model", "day", "notebook", "thread", "session", "source", "outcome")
_NAME, _MODEL, _USD = r"[\w.-]+", r"[\w.:/@-]+", r"\$?\d[\d._]*|\$?\.\d+"
_IS_MODEL = rf"(?:{'|'.join(LINES)}|(?=\S*[\d/:@-]){_MODEL})"  # a plain second word is a question's

COMMANDS: tuple[Command, ...] = (
    Command("help", "help [FLAG|COMMAND]", "all of this, or one flag or command explained",
            "help --max-tokens", r"-{0,2}[\w-]+", ("@topics",)),
    Command("models", "models [WORD|all|get MODEL]",
            "the models, their limits and prices (all: retired ones too; get: what the service says of one)",
            "models haiku", rf"{_NAME}|get {_MODEL}", ("all", "get", *LINES)),
    Command("model", "model [MODEL]", "the model in use, or another from now on",
            "model opus", _MODEL, ("@models",)),
    Command("alias", "alias [NAME [MODEL|off]]", "your own short words for models",
            "alias best claude-opus-5-5", rf"{_NAME}(?: (?:off|{_IS_MODEL}))?"),
    Command("system", "system [TEXT|off]", "the system prompt of this notebook",
            "system Answer briefly.", r".*[^?\s]", ("off",)),
    Command("status", "status", "the key, address, model and mode in force, and who set them", "status"),
    Command("usage", "usage [by WHAT]", "calls, tokens and cost as a DataFrame",
            "usage by model", rf"(?:by )?(?:{'|'.join(USAGE_BY)})", USAGE_BY),
    Command("cost", "cost", "what this session and today have cost", "cost"),
    Command("budget", "budget [session|day|call] [USD|off]",
            "how much may be spent; what could cost more is refused",
            "budget day 0.50", rf"(?:session|day|call)(?: (?:{_USD}|off))?|{_USD}|off",
            ("session", "day", "call", "off")),
    Command("history", "history [N] [THREAD]", "the last turns of the conversation",
            "history 3", rf"\d{{1,4}}(?: {_NAME})?|{_NAME}", ("@threads",)),
    Command("threads", "threads", "the conversations of this notebook", "threads"),
    Command("reset", "reset [THREAD|all]", "forget the conversation; the next question starts anew",
            "reset", _NAME, ("all", "@threads")),
    Command("undo", "undo [N]", "take back the last turn, or the last N", "undo", r"[1-9]\d{0,2}"),
    Command("continue", "continue [THREAD]", "go on with an answer that was stopped or cut short",
            "continue", _NAME, ("@threads",)),
    Command("count", "count TEXT", "the tokens of a text, as the service counts them; free of charge",
            "count {df}", r".+", bare=False),
    Command("files", "files [VERB …]", f"files uploaded or made: {_verbs('files')}", "files"),
    Command("skills", "skills [VERB …]", f"what --skill can name: {_verbs('skills')}", "skills"),
    Command("batches", "batches [VERB …]", f"batches of messages: {_verbs('batches')}", "batches"),
    Command("admin", "admin [VERB …]", f"the organization, with an admin key: {_verbs('admin')}",
            "admin users"),
    Command("login", "login [file|keyring|admin|forget]",
            "enter a key, or an admin key, without showing it; or forget both",
            "login", "file|keyring|admin|forget", ("file", "keyring", "admin", "forget")),
    Command("logout", "logout [admin]", "forget the keys that login kept, or only the admin key", "logout",
            "admin", ("admin",)),
    Command("practice", "practice [on|off|status]", "answers from the practice server: no key, no cost",
            "practice on", "on|off|status", ("on", "off", "status")),
    Command("config", "config [NAME [VALUE|default]]", "lasting settings",
            "config max_tokens 8k", r"[\w-]+(?: .*[^?\s])?", ("@settings",)),
    Command("version", "version", "the versions of claude_magic, IPython and Python", "version"),
)
# fmt: on

BY_WORD = {word: flag for flag in FLAGS for word in flag.words}
BY_NAME = {command.name: command for command in COMMANDS}

USAGE = """\
%%claude [NAME <<] [MODEL] [options]   the lines below are the prompt
%claude QUESTION                       the rest of the line is the prompt
x = %claude QUESTION                   x is the answer
%claude COMMAND …                      a reserved first word, see Commands
%claude -- reset the counter           asks literally, whatever the first word"""

EXAMPLES = """\
%claude what is an index?
x = %claude -m opus why is the sky blue?

%%claude summary << haiku -n 500
Summarise {df} in three bullets.

%%claude opus --effort high --attach paper.pdf
Which of the paper's claims does {fig} contradict?"""

VALUES = """\
{df}  {df.shape}  {rows[0]}  {d["k"]}  {Out[3]}   the value of a variable
{df:head 20}  {df:tail}  {df:schema}  {df:csv}    a part of a frame
{x:.2f}                                           a number, formatted
{{df}}                                            the braces themselves
JSON braces such as {"a": 1} need no doubling; --raw leaves all braces alone"""

ENDING = """\
The last answer is _claude, a text with .code, .json(), .df(), .usage, .cost.
More about one of them: %claude help --max-tokens, %claude help files"""


def help_text(topic: str | None = None) -> str:
    """Return the help for everything, or for one flag or command.

    Raises InputError that names the nearest topic.
    """
    word = (topic or "").strip()
    if not word:
        return _everything()
    flag, command = find_flag(word), BY_NAME.get(word)
    about = [_about_command(command)] if command else []
    about += [_about_flag(flag)] if flag else []
    if about:
        return "\n\n".join(about)
    near = nearest(word, BY_NAME) if not word.startswith("-") else None
    near = near or nearest_flag(word)
    also = f"%claude help {near}" if near else "%claude help to see them all"
    raise InputError(
        f"There is no flag or command {word!r}", hint=f"Type {also}; %claude -- help {word} asks Claude."
    )


def find_flag(word: str) -> Flag | None:
    """Return the flag of "--max-tokens", "-n", "max-tokens" or "max_tokens"."""
    return BY_WORD.get(word) or BY_WORD.get(f"--{word.replace('_', '-')}")


def nearest_flag(word: str) -> str | None:
    """Return the flag most like a mistyped one, or None."""
    bare = word.lstrip("-–—").replace("_", "-")
    near = nearest(bare, [flag.name for flag in FLAGS])
    if near:
        return f"--{near}"
    starts = [f"--{flag.name}" for flag in FLAGS if flag.name.startswith(bare)] if len(bare) > 1 else []
    short = f"-{bare[:1]}"  # -n500 for -n 500
    return starts[0] if starts else f"{short} {bare[1:]}" if short in BY_WORD and bare[1:].isdigit() else None


def flag_table_markdown() -> str:
    """Return the flags as a Markdown table, for the documentation."""
    rows = ["| flag | value | what it does |", "|---|---|---|"]
    for flag in FLAGS:
        value = ", ".join(f"`{c}`" for c in flag.choices) or (f"`{flag.metavar}`" if flag.metavar else "")
        rows.append(f"| {', '.join(f'`{w}`' for w in flag.words)} | {value} | {flag.help} |")
    return "\n".join(rows)


def _everything() -> str:
    groups = [f"{group}\n{_columns(_flag_rows(group))}" for group in (_M, _P, _A, _S)]
    commands = f"Commands\n{_columns((f'%claude {c.usage}', c.help) for c in COMMANDS)}"
    first = ("Ask Claude from a notebook.", _indent(USAGE), f"Examples\n{_indent(EXAMPLES)}")
    values = f"Values in the prompt\n{_indent(VALUES)}"
    return "\n\n".join((*first, *groups, values, commands, ENDING))


def _flag_rows(group: str) -> Iterable[tuple[str, str]]:
    for flag in FLAGS:
        if flag.group == group:
            short = f"-{flag.short}, " if flag.short else "    "
            yield f"{short}--{flag.name} {flag.metavar}".rstrip(), _what(flag)


def _what(flag: Flag) -> str:
    return f"{flag.help}: {', '.join(flag.choices)}" if flag.choices else flag.help


def _about_flag(flag: Flag) -> str:
    words = " ".join((", ".join(flag.words), flag.metavar)).rstrip()
    return f"{words}\n{_wrapped(_what(flag))}\n  Example: %%claude {flag.example}"


def _about_command(command: Command) -> str:
    about = f"%claude {command.usage}\n{_wrapped(command.help)}"
    if command.name in verbs.VERBS:
        return f"{about}\n\n{_columns(verbs.rows(command.name), 34)}"
    return f"{about}\n  Example: %claude {command.example}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def _columns(rows: Iterable[tuple[str, str]], width: int = 28) -> str:
    """Lay out two columns, the right one wrapped; a long left part gets a line of its own."""
    lines: list[str] = []
    for left, right in rows:
        if len(left) > width:
            lines.append(f"  {left}")
            left = ""
        first, *more = textwrap.wrap(right, WIDTH - width - 4, break_on_hyphens=False)
        lines += [f"  {left:{width}}  {first}", *(" " * (width + 4) + line for line in more)]
    return "\n".join(lines)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
