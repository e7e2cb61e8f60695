"""What ends a command from outside: Ctrl-C, SIGTERM, SIGHUP (its terminal is gone)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

BY_SIGNAL = 128  # added to a signal's number, it is what shells report: 130 for Ctrl-C
CLEANUP_SECONDS = 10.0  # a command that is asked to end has ended after these
NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """Return the exit status that shells expect of a command that a signal has ended."""
    return BY_SIGNAL + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


def end_cleanly() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C, so that workers and temporary files go too.

    Python drops an exception that a signal raises while it calls back from C; so a timer ends the
    process where nothing else has.
    """

    def end(number: int, _: FrameType | None) -> None:
        timer = threading.Timer(CLEANUP_SECONDS, os._exit, [BY_SIGNAL + number])
        timer.daemon = True
        timer.start()
        raise Terminated(number)

    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, end)
    sys.unraisablehook = _unraisable


def end_at_once() -> None:
    """From now on, when Python is leaving, end at once without a traceback."""
    for name in ("SIGINT", *NAMES):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            signal.signal(number, lambda number, _: os._exit(BY_SIGNAL + number))


def _unraisable(unraisable: Any) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
