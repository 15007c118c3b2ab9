# SPDX-License-Identifier: Apache-2.0
"""SIGINT, SIGTERM and SIGHUP end a command by an exception, so that what was made is removed on the way out."""
import os
import signal
from contextlib import contextmanager

from .errors import Interrupted

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received = 0


def install() -> None:
    for number in NUMBERS:
        signal.signal(number, _interrupt)


def _interrupt(number: int, _frame) -> None:
    global _received
    for other in NUMBERS:
        signal.signal(other, signal.SIG_IGN)  # the first one decides; clean-up follows and is bounded
    _received = number
    raise Interrupted(number)


def check() -> None:
    """Raises again if a signal has come. Long work calls it between its steps: an exception that a handler raises while a
    finalizer happens to run is printed and forgotten by the interpreter, and the signal would be lost."""
    if _received:
        raise Interrupted(_received)


@contextmanager
def held_off():
    """Half a clean-up is what nobody wants: signals are ignored inside. Only for bounded work."""
    before = [signal.signal(number, signal.SIG_IGN) for number in NUMBERS]
    try:
        yield
    finally:
        for number, handler in zip(NUMBERS, before):
            signal.signal(number, handler)


def restore_defaults() -> None:
    """For a process about to become another program."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_DFL)


def fork() -> int:
    """fork(2) whose child never runs our handler: it would unwind into a clean-up that is its parent's to do."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    child = -1
    try:
        child = os.fork()
        if child == 0:
            restore_defaults()
        return child
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
