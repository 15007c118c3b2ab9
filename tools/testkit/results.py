# SPDX-License-Identifier: Apache-2.0
"""What a `meson test` run came to, from its testlog.json: single cases where the test's own summary counts them."""
import json
import os
import re
from dataclasses import dataclass, field

GOOD = ("OK", "EXPECTEDFAIL")
TAIL_LINES = 40

_gtest = re.compile(r"^\[  (PASSED |FAILED |SKIPPED) \] (\d+) tests?", re.MULTILINE)
_gtest_ran = re.compile(r"^\[==========\] (\d+) tests? from", re.MULTILINE)
# The last line of pytest, with and without -q: "3 passed, 1 skipped in 0.12s".
_pytest = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [0-9.]+s", re.MULTILINE)


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


@dataclass
class Outcome:
    tally: Tally = field(default_factory=Tally)
    tests: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)  # name, end of its log
    skips: list[str] = field(default_factory=list)

    def fail(self, name: str, text: str) -> None:
        self.tally.failed += 1
        self.failures.append((name, text))

    def add(self, other: "Outcome") -> None:
        self.tally.add(other.tally)
        self.tests += other.tests
        self.failures += other.failures
        self.skips += other.skips


def _summary(log: str) -> Tally | None:
    """The test's own count, if it is one of ours that count. None: it is one case."""
    if _gtest_ran.search(log):
        counts = {kind.strip(): int(number) for kind, number in _gtest.findall(log)}
        return Tally(counts.get("PASSED", 0), counts.get("FAILED", 0), counts.get("SKIPPED", 0))
    lines = _pytest.findall(log)
    if not lines:
        return None
    counts = {word: int(number) for number, word in (part.split() for part in lines[-1].split(", "))}
    return Tally(counts.get("passed", 0) + counts.get("xfailed", 0),
                 sum(counts.get(word, 0) for word in ("failed", "error", "errors", "xpassed")), counts.get("skipped", 0))


def _tally(result: str, log: str) -> Tally:
    if result == "SKIP":
        return Tally(skipped=1)
    summary = _summary(log)
    if result in GOOD:
        if summary is None:
            return Tally(passed=1)
        # A program that ran no case proves nothing.
        return summary if summary.passed + summary.failed + summary.skipped else Tally(failed=1)
    tally = summary or Tally()
    tally.failed = max(1, tally.failed)
    return tally


def tail(text: str, lines: int = TAIL_LINES) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])


def read(path: str, prefix: str) -> Outcome:
    """`prefix` tells the same test in two build directories apart."""
    outcome = Outcome()
    if not os.path.exists(path):
        return outcome
    with open(path, encoding="utf-8", errors="replace") as log:
        entries = [json.loads(line) for line in log if line.strip()]
    for entry in entries:
        name = prefix + entry["name"].split(" / ")[-1]
        text = "\n".join(filter(None, (entry.get("stdout"), entry.get("stderr"))))
        tally = _tally(entry["result"], text)
        outcome.tests += 1
        outcome.tally.add(tally)
        if tally.failed:
            outcome.failures.append((f"{name} ({entry['result'].lower()}, {entry['duration']:.1f} s)", tail(text)))
        if tally.skipped:
            outcome.skips.append(name)
    return outcome
