"""Is a cell's output taken away only where all of it is the answer's?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from traitlets.config import Config

from claude_magic.show import alone

SHOW = """
from claude_magic.show.display import View
{before}
view = View(badge="practice")
view.text("one ")
while not view._live.drawn: pass
{during}
view.finish("one two")
"""
OTHERS = {
    "nothing": ("", ""),
    "print before": ("print('mine')", ""),
    "print while it grows": ("", "print('mine')"),
    "error stream": ("", "import sys; print('mine', file=sys.stderr)"),
    "display": ("display({'text/plain': 'mine'}, raw=True)", ""),
    "two answers": ("View().finish('mine')", ""),
}


@pytest.mark.kernel
@pytest.mark.parametrize("other", OTHERS)
def test_what_else_a_cell_shows_stays_and_the_answer_is_one_output(kernel, other):
    kernel.run("%load_ext claude_magic")
    before, during = OTHERS[other]
    cell = kernel.run(SHOW.format(before=before, during=during), answers=())
    assert cell.error is None
    left = [o["data"]["text/plain"] for o in cell.outputs if o["data"]]
    said = cell.stdout + cell.stderr + "".join(text for text in left if text == "mine")
    assert "mine" in said or other == "nothing"
    assert 1 == left.count("one two")
    assert (0 if said else 1) == len(cell.of("clear_output"))
    assert said or 1 == len(cell.outputs)


@pytest.mark.kernel
def test_the_cell_that_loads_the_extension_keeps_what_it_printed_before(new_kernel):
    fresh = new_kernel(autoload=False)
    cell = fresh.run("print('mine')\n%load_ext claude_magic" + SHOW.format(before="", during=""), answers=())
    assert cell.error is None
    assert "mine\n" == cell.stdout
    assert [] == cell.of("clear_output")


class Session:
    """Makes messages as a kernel's session does."""

    def msg(self, msg_type, content=None, parent=None, header=None, metadata=None):
        return {"header": {"msg_type": msg_type}, "parent_header": parent, "content": content}


@pytest.fixture
def shell():
    session = Session()
    made = SimpleNamespace(display_pub=SimpleNamespace(session=session), config=Config())
    yield made
    alone.uninstall(made)
    assert "msg" not in vars(session)


def test_only_messages_that_make_an_output_count_and_only_for_their_own_cell(shell):
    alone.install(shell)
    alone.install(shell)
    make = shell.display_pub.session.msg
    for kind in ("status", "update_display_data", "comm_msg", "stream", "display_data"):
        assert kind == make(kind, {}, {"msg_id": "a"})["header"]["msg_type"]
    make("stream", {}, parent={"header": {"msg_id": "b"}})
    make("stream", {})
    assert {"a": 2, "b": 1} == {name: alone._made[name] for name in ("a", "b")}


def test_the_cells_counted_are_few(shell):
    alone.install(shell)
    for n in range(3 * alone.KEPT):
        shell.display_pub.session.msg("stream", {}, {"msg_id": str(n)})
    assert alone.KEPT == len(alone._made)
    assert 1 == alone._made[str(3 * alone.KEPT - 1)]
