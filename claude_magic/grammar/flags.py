"""Which flags and commands does %claude know?

The tables here feed the parser, `%%claude?`, tab completion, the command line and the documentation;
`manual.py` makes the help of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from claude_magic.errors import nearest
from claude_magic.grammar import verbs

if TYPE_CHECKING:
    from collections.abc import Iterable

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""In rising order: https://docs.claude.com/en/docs/build-with-claude/effort"""
FORMATS = ("markdown", "text", "code", "json", "df", "html")
CACHES = ("auto", "5m", "1h", "off")
"""How long the service keeps a beginning: https://platform.claude.com/docs/en/build-with-claude/prompt-caching"""
REPLAYS = ("auto", "only", "refresh", "off")
DEFAULT_MODEL = "claude-haiku-5-5"
LINES = ("haiku", "sonnet", "opus", "fable", "mythos")
SKILLS = ("xlsx", "pptx", "docx", "pdf")
"""Anthropic's own: https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview"""


class Flag(NamedTuple):
    """One flag: `field` is the attribute of `Ask` it sets, `kind` a row of `flagvalues.KINDS`.

    `alone` is its value where none of its `choices` follows.
    """

    name: str
    field: str
    kind: str
    group: str
    help: str
    example: str
    short: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    alone: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The ways to type it, such as ("-m", "--model")."""
        return (f"-{self.short}", f"--{self.name}") if self.short else (f"--{self.name}",)

    @property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return self.kind in ("path", "pair", "skill", "tool")


class Command(NamedTuple):
    """One reserved first word: `shape` is the pattern its arguments fit, one space between words.

    What does not fit `shape` is taken for a question. `first` and `second` complete its arguments; words with
    an @ stand for what there is, such as @models and @files (see `complete.py`). `takes` names the flags that
    may stand anywhere after it.
    """

    name: str
    usage: str
    help: str
    example: str
    shape: str = ""
    first: tuple[str, ...] = ()
    bare: bool = True
    takes: tuple[str, ...] = ()
    second: tuple[str, ...] = ()

    @property
    def flags(self) -> dict[str, Flag]:
        """The flags that may follow it, by the words they are typed with."""
        return {w: flag for flag in (*FLAGS, *OWN, *OF_ROWS) if flag.name in self.takes for w in flag.words}


def _verbs(command: str) -> str:
    return ", ".join(verb.name for verb in verbs.VERBS[command])


# fmt: off
_M, _P, _A = "Model", "Prompt", "Answer"
_T, _C, _S = "Tools", "Conversation", "Sending"
FLAGS: tuple[Flag, ...] = (
    Flag("model", "model", "word", _M, "model id, alias or short word", "-m opus", "m", "MODEL"),
    Flag("max-tokens", "max_tokens", "count", _M, "most tokens the answer may take (500, 4k, 1_000)",
         "-n 4k", "n", "INT"),
    Flag("effort", "effort", "choice", _M, "how much work the model puts in",
         "--effort low", metavar="LEVEL", choices=EFFORTS),
    Flag("think", "think", "on", _M, "let the model think first", "--think"),
    Flag("no-think", "think", "off", _M, "no thinking, where the model lets you choose", "--no-think"),
    Flag("param", "params", "pair", _M, "another field of the request: JSON or text; dots nest; may repeat",
         '-p stop_sequences=["END"] -p metadata.user_id=anna', "p", "K=V"),
    Flag("compare", "compare", "models", _M, "ask several models, and show their answers side by side",
         "--compare haiku,opus", metavar="M1,M2"),
    Flag("in", "inp", "name", _P, "a variable whose value follows the prompt", "-i df", "i", "NAME"),
    Flag("attach", "attach", "path", _P,
         "a file to send along, or a file's id: PDF, image or text (2 MB at most), with --skill any, "
         "and a frame as a file: {df}; "
         "one of more than 1 MB is uploaded once; may repeat",
         '--attach "my report.pdf"', metavar="PATH"),
    Flag("citations", "citations", "on", _P,
         "cite the passages of what is attached, in numbered notes", "--attach report.pdf --citations"),
    Flag("skill", "skills", "skill", _P,
         "a skill for code that runs at the service: xlsx, pptx, docx, pdf or your own, also in the turns "
         "that follow; NAME@VERSION pins it; may repeat",
         "--skill xlsx", metavar="NAME"),
    Flag("system", "system", "text", _P, "system prompt", '-s "Answer in French."', "s", "TEXT"),
    Flag("raw", "raw", "on", _P, "send {braces} as they are written", "--raw"),
    Flag("out", "out", "name", _A, "keep the answer in a variable; with a type, -f json or -f df its value",
         "-o summary", "o", "NAME"),
    Flag("format", "format", "choice", _A, "how the answer is shown (html: its source)",
         "-f json", "f", "FORMAT", FORMATS),
    Flag("schema", "returns", "type", _A,
         "the type of the answer: a class of the notebook, list[CLASS], int, or a variable with "
         "{'name': str} or a JSON schema",
         "--schema Person", metavar="TYPE"),
    Flag("choices", "choices", "labels", _A, "the answer is one of these labels", "--choices yes,no,unsure",
         metavar="A,B"),
    Flag("quiet", "quiet", "on", _A, "show nothing; the answer is kept all the same", "-q -o summary", "q"),
    Flag("no-stream", "stream", "off", _A, "show the answer when it is complete", "--no-stream"),
    Flag("tool", "tools", "tool", _T,
         "a function of the notebook that Claude may call, or a tool of the service such as web_search; "
         "may repeat",
         "--tool weather", metavar="NAME"),
    Flag("max-steps", "max_steps", "count", _T, "most rounds of calls of tools in a turn",
         "--tool weather --max-steps 5", metavar="INT"),
    Flag("approve", "approve", "on", _T, "ask you before each call of a tool", "--tool weather --approve"),
    Flag("thread", "thread", "thread", _C, "the conversation it belongs to", "-t rome", "t", "NAME"),
    Flag("new", "new", "on", _C, "start the conversation anew", "--new"),
    Flag("no-history", "no_history", "on", _C, "send this alone, and do not keep it", "--no-history"),
    Flag("history-tokens", "history_tokens", "count", _C,
         "most tokens of earlier turns that are sent along; the oldest are left out of what is sent",
         "--history-tokens 20k", metavar="INT"),
    Flag("compact", "compact", "on", _C,
         "let the service sum up a long conversation, where the model has it", "--compact"),
    Flag("cache", "cache", "choice", _S,
         "keep the beginning of what is sent at the service, where it is cheaper to read again; "
         "alone: for 5 minutes",
         "--cache 1h", metavar="TIME", choices=CACHES, alone="5m"),
    Flag("replay", "replay", "choice", _S, "answers recorded beside the notebook, in the place of new ones",
         "--replay only", metavar="MODE", choices=REPLAYS),
    Flag("show-request", "show_request", "on", _S, "show what is sent, and the tokens and cost of its parts",
         "--show-request"),
    Flag("dry-run", "dry_run", "on", _S, "show what would be sent and what it may cost", "--dry-run"),
    Flag("max-cost", "max_cost", "usd", _S, "most this call may cost, in USD",
         "--max-cost 0.05", metavar="USD"),
)
OWN: tuple[Flag, ...] = (
    # flags of one command only
    Flag("apply", "apply", "on", "fix", "put the corrected cell below", "fix --apply"),
    Flag("yes", "yes", "on", "export", "write over a file without asking", "export talk.py --yes"),
)
_R = "Rows"
OF_ROWS: tuple[Flag, ...] = (
    # flags of a cell that goes over the rows of a frame
    Flag("sample", "sample", "count", _R, "ask only so many of the rows", "map df --sample 20",
         metavar="INT"),
    Flag("preview", "preview", "count", _R,
         "ask so many rows, and show their prompts, answers and what all would cost", "map df --preview 5",
         metavar="INT"),
    Flag("images", "images", "text", _R, "a column of pictures: paths, bytes or images",
         "map df --images photo", metavar="COLUMN"),
    Flag("prefix", "prefix", "text", _R, "what the names of the new columns begin with",
         "map df --prefix topic_", metavar="TEXT"),
    Flag("name", "name", "thread", _R, "what the run is called in %claude runs", "map df --name topics",
         metavar="NAME"),
    Flag("concurrency", "concurrency", "count", _R, "most requests under way at a time; it finds its own",
         "map df --concurrency 8", metavar="INT"),
    Flag("details", "details", "on", _R, "all columns: tokens, model, request ids, times, keys",
         "map df --details"),
)
"""Names that mean the same as keywords of `claude_magic.map`."""
SENDING = ("model", "max-tokens", "effort", "think", "no-think", "param", "quiet", "no-stream", "cache",
           "replay", "show-request", "dry-run", "max-cost")
"""What a command that asks a model takes."""
GOING_ON = (*(name for name in SENDING if name != "dry-run"), "max-steps", "out")
"""What the rest of an answer can be asked for with."""
OVER_ROWS = ("model", "max-tokens", "effort", "think", "no-think", "param", "system", "out", "schema",
             "choices", "quiet", "cache", "dry-run", "max-cost", *(flag.name for flag in OF_ROWS))
"""What a cell that goes over rows takes."""
BUT_LIVE = ("preview", "concurrency")
"""What of that a batch does not take."""
ALONE = ("in", "attach", "system", "out", "thread", "no-history")
"""What one takes besides that asks a question of its own."""

USAGE_BY = ("model", "day", "notebook", "thread", "session", "source", "outcome")
UI = ("models", "cost", "usage", "chat", "login")
EXPORTS = ("python", "notebook", "curl", "jsonl")
_FORM, _PATH = "|".join(EXPORTS), r"(?:\S.*)?\.(?:py|ipynb|sh|jsonl)"
_KEY = r"""\[(?:-?\d+|"[^"]*"|'[^']*')\]"""
_NAME, _MODEL, _USD = r"[\w.-]+", r"[\w.:/@-]+", r"\$?\d[\d._]*|\$?\.\d+"
_IS_MODEL = rf"(?:{'|'.join(LINES)}|(?=\S*[\d/:@-]){_MODEL})"  # a plain second word is a question's

COMMANDS: tuple[Command, ...] = (
    Command("help", "help [FLAG|COMMAND]", "all of this, or one flag or command explained",
            "help --max-tokens", r"-{0,2}[\w-]+", ("@topics",)),
    Command("models", "models [WORD|all|get MODEL]",
            "the models, their limits and prices (all: retired ones too; get: what the service says of one)",
            "models haiku", rf"(?!get$){_NAME}|get {_MODEL}", ("all", "get", *LINES)),
    Command("model", "model [MODEL]", "the model in use, or another from now on",
            "model opus", _MODEL, ("@models",)),
    Command("alias", "alias [NAME [MODEL|off]]", "your own short words for models",
            "alias best claude-opus-5-5", rf"{_NAME}(?: (?:off|{_IS_MODEL}))?", ("@aliases",),
            second=("off", "@models")),
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
    Command("estimate", "estimate [NOTEBOOK.ipynb]",
            "what each question of a notebook, as it was saved, would take and cost; nothing is asked",
            "estimate lesson.ipynb", r"\S(?:.*\S)?\.ipynb[\"']?", ("@notebooks",)),
    Command("history", "history [N] [THREAD]", "the last turns of the conversation",
            "history 3", rf"\d{{1,4}}(?: {_NAME})?|{_NAME}", ("@threads",),
            second=("@threads",)),
    Command("threads", "threads", "the conversations of this notebook", "threads"),
    Command("switch", "switch [THREAD]", "go on in another conversation, from now on; a new name begins one",
            "switch rome", _NAME, ("@threads",)),
    Command("reset", "reset [THREAD|all]", "forget the conversation; the next question starts anew",
            "reset", _NAME, ("all", "@threads")),
    Command("undo", "undo [N]", "take back the last turn, or the last N", "undo", r"[1-9]\d{0,2}"),
    Command("continue", "continue [THREAD] [options]", "go on with an answer that was stopped or cut short",
            "continue", _NAME, ("@threads",), takes=GOING_ON),
    Command("export", "export [THREAD] [PATH|python|notebook|curl|jsonl] [--yes]",
            "a conversation as a program, a notebook, a curl command or lines of JSON: the text of it, or a "
            "file; PATH ends in .py, .ipynb, .sh or .jsonl",
            "export python", rf"(?:{_NAME} )?(?:{_FORM}|{_PATH})|{_NAME}", ("@threads", *EXPORTS),
            takes=("yes",), second=(*EXPORTS, "@files")),
    Command("fix", "fix [N] [WHAT TO DO] [--apply] [options]",
            "correct the cell that failed last, or cell N: shows what would change; --apply puts the "
            "corrected cell below, and nothing is run; %%claude -t fix goes on about it",
            "fix use the median", r".+", takes=(*SENDING, *ALONE, "apply")),
    Command("explain", "explain [N|NAME|error] [options]",
            "explain the last cell that ran, cell N, a function or variable, or the last error",
            "explain df", rf"\d{{1,6}}|[^\W\d]\w*(?:\.\w+|{_KEY})*", ("error", "@variables"),
            takes=(*SENDING, *ALONE)),
    Command("count", "count TEXT", "the tokens of a text, as the service counts them; free of charge",
            "count {df}", r".+", bare=False),
    Command("files", "files [VERB …]", f"files uploaded or made: {_verbs('files')}", "files"),
    Command("skills", "skills [VERB …]", f"what --skill can name: {_verbs('skills')}", "skills"),
    Command("runs", "runs [NAME]", "the maps and batches that this machine knows, or the rows of one",
            "runs", _NAME, ("@runs",)),
    Command("batch", "batch [NAME]", "the batch jobs that this machine knows, or how far one is",
            "batch", _NAME, ("@batches",)),
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
    Command("replay", "replay [VERB …]", f"answers recorded beside the notebook: {_verbs('replay')}",
            "replay auto"),
    Command("ui", "ui [WHAT]",
            "controls: models to choose one, cost and usage to look at, chat, login, and batch NAME",
            "ui models", rf"{'|'.join(UI)}|batch {_NAME}", (*UI, "batch"), second=("@batches",)),
    Command("config", "config [NAME [VALUE|default]]", "lasting settings",
            "config max_tokens 8k", r"[\w-]+(?: .*[^?\s])?", ("@settings",)),
    Command("version", "version", "the versions of claude_magic, IPython and Python", "version"),
)
IN_CELLS: tuple[Command, ...] = (
    # first words of a cell whose body is a prompt for each row of a frame
    Command("map", "map FRAME [MODEL] [options]",
            "asks the cell below once for each row of a frame, with the row's values for {column}; the "
            "answers come back as columns, and no row is paid for twice",
            "map df -o out", takes=OVER_ROWS),
    Command("batch", "batch FRAME [MODEL] [options]",
            "sends the same as a batch, at half the price and within a day: %claude batch says how far it is",
            "batch df -o job", takes=tuple(name for name in OVER_ROWS if name not in BUT_LIVE)),
)
# fmt: on

GROUPS = (_M, _P, _A, _T, _C, _S)
BY_WORD = {word: flag for flag in FLAGS for word in flag.words}
BY_NAME = {command.name: command for command in COMMANDS}
BY_CELL = {command.name: command for command in IN_CELLS}


def find_flag(word: str) -> Flag | None:
    """Return the flag of "--max-tokens", "-n", "max-tokens" or "max_tokens", also one of a command only."""
    known = {**{w: flag for flag in (*OWN, *OF_ROWS) for w in flag.words}, **BY_WORD}
    return known.get(word) or known.get(f"--{word.replace('_', '-')}")


def nearest_flag(word: str, known: Iterable[Flag] = FLAGS) -> str | None:
    """Return the flag most like a mistyped one, or None."""
    bare = word.lstrip("-–—").replace("_", "-")
    if f"-{bare}" in BY_WORD:  # –n for -n
        return f"-{bare}"
    near = nearest(bare, [flag.name for flag in known])
    if near:
        return f"--{near}"
    starts = [f"--{flag.name}" for flag in FLAGS if flag.name.startswith(bare)] if len(bare) > 1 else []
    short = f"-{bare[:1]}"  # -n500 for -n 500
    return starts[0] if starts else f"{short} {bare[1:]}" if short in BY_WORD and bare[1:].isdigit() else None
