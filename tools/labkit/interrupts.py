# SPDX-License-Identifier: Apache-2.0
"""SIGINT, SIGTERM and SIGHUP end a command by an exception, so that what was made is removed on the way out."""
import os
import signal
import subprocess
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


@contextmanager
def deferred():
    """A signal inside comes at the end. For commands of a moment, what they made being known only when they have ended."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


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


def start(command: list[str], **options) -> subprocess.Popen:
    """subprocess.Popen whose child is never lost sight of: an exception that a handler raises while Popen is being made
    would leave the child behind, running. A signal that comes meanwhile ends the child, and is raised then."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)

    def unblock() -> None:
        restore_defaults()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    child = None
    try:
        child = subprocess.Popen(command, preexec_fn=unblock, **options)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # here it is raised
        return child
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if child:
            child.kill()
            child.communicate()
        raise


def captured(command: list[str], timeout_seconds: float, **options) -> subprocess.CompletedProcess:
    """What a command prints and says, as text. It ends with this call, however that ends."""
    child = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        output, complaint = child.communicate(timeout=timeout_seconds)
    except BaseException:
        child.kill()
        child.communicate()
        raise
    return subprocess.CompletedProcess(command, child.returncode, output, complaint)
