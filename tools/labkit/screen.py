# SPDX-License-Identifier: Apache-2.0
"""What quickstart shows: numbered steps with their time, tables with bars. No escapes unless a terminal asks for them."""
import os
import sys
import time
from contextlib import contextmanager

WIDTH = 79  # of a classic terminal, with one column to spare
_codes = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Screen:
    def __init__(self, stream=sys.stdout):
        self._stream = stream
        self._live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._colours = self._live and "NO_COLOR" not in os.environ
        self._step = 0
        self._pending = ""
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without block characters gets '?'

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{_codes[style]}m{text}\x1b[0m" if self._colours else text

    def line(self, text: str = "") -> None:
        self._clear()
        print(text.rstrip(), file=self._stream, flush=True)

    def detail(self, text: str) -> None:
        self.line(" " * 14 + text)

    @contextmanager
    def step(self, name: str, doing: str):
        """One numbered step: what is being done while it is done, what came of it and its time afterwards."""
        self._step += 1
        step = Step(self, self._step, name)
        step.say(doing)
        try:
            yield step
        except BaseException:
            self.line(step.render(doing, "failed", "red"))
            raise
        finally:
            self._pending = ""

    def pending(self, text: str) -> None:
        """A line that the next one overwrites; only on a terminal."""
        if self._live:
            self._stream.write("\r\x1b[K" + text)
            self._stream.flush()
            self._pending = text

    def _clear(self) -> None:
        if self._pending:
            self._stream.write("\r\x1b[K")
            self._pending = ""


class Step:
    def __init__(self, screen: Screen, number: int, name: str):
        self._screen = screen
        self._number = number
        self._name = name
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def render(self, text: str, right: str, style: str) -> str:
        head = f"{self._number:3} {self._name:9} "
        gap = max(1, WIDTH - len(head) - len(text) - len(right))
        return self._screen.paint(head, "bold") + text + " " * gap + self._screen.paint(right, style)

    def say(self, doing: str) -> None:
        self._screen.pending(self.render(doing[:WIDTH - 24], "...", "dim"))

    def done(self, text: str, seconds: float | None = None) -> None:
        self._screen.line(self.render(text, f"{self.seconds if seconds is None else seconds:.1f} s", "dim"))
