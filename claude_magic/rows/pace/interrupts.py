"""How does an interrupt wait until the books are kept?"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Interrupts:
    """Holds back interrupts that come in its `with` blocks, and tells of the first and of those after it.

    None is raised there: it would lose what has just arrived. In another thread than the main one none come.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.heard = self.again = False
        self._wake = wake
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self.hear) or signal.default_int_handler
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            before, self._before = self._before, None
            signal.signal(signal.SIGINT, before)

    def hear(self, *_: object) -> None:
        """Take an interrupt for heard."""
        self.heard, self.again = True, self.heard
        self._wake()
