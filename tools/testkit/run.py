# SPDX-License-Identifier: Apache-2.0
"""tools/test after the packages are there: build, every suite, sanitizers, fuzzing; then one line of counts."""
import argparse
import os
import sys
from dataclasses import dataclass

from labkit.screen import Screen

from . import build, command, leftovers, results
from .build import PLAIN, SANITIZED, BuildError, Directory
from .results import Outcome

FAILED, NEEDS_ROOT, INTERRUPTED = 1, 5, 130


@dataclass(frozen=True)
class Suite:
    name: str
    directory: Directory
    meson_suite: str
    jobs: int
    what: str
    root: bool = True
    timeout_multiplier: int = 1
    prefix: str = ""


CORES = os.cpu_count() or 1
# Namespaces and BPF programs share one kernel, and benchmarks the cores: those suites run one test at a time.
SUITES = (
    Suite("unit", PLAIN, "unit", CORES, "no privileges", root=False),
    Suite("perf-smoke", PLAIN, "perf-smoke", 1, "benchmarks, tiny"),
    Suite("cluster", PLAIN, "cluster", 1, "clusters of real sluiced processes"),
    Suite("packet", PLAIN, "packet", 1, "BPF programs in the kernel"),
    Suite("lab", PLAIN, "lab", 1, "networks of namespaces"),
    Suite("sanitized", SANITIZED, "unit", CORES, "unit under ASan and UBSan, clang", root=False, timeout_multiplier=5,
          prefix="sanitized "),
    Suite("fuzz", SANITIZED, "fuzz", 2, "fuzz targets, 30 s each", root=False),
)
SLOW = ("sanitized", "fuzz")


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/test", description="Builds and runs the tests. Needs root. Closes with the line of counts.",
        epilog="suites: " + "; ".join(f"{suite.name} ({suite.what})" for suite in SUITES))
    parser.add_argument("--quick", action="store_true", help="leave out " + " and ".join(SLOW))
    parser.add_argument("--suite", action="append", choices=[suite.name for suite in SUITES], metavar="NAME",
                        help="only this suite; may be given several times")
    parser.add_argument("--packages", default="", help=argparse.SUPPRESS)  # what tools/setup said
    return parser.parse_args(words)


def _build(screen: Screen, directory: Directory, suites: list[str] | None, outcome: Outcome) -> bool:
    name = directory.name + "/"
    with screen.step("configure", name) as step:
        try:
            step.done(f"{name} {build.configure(directory)}")
        except BuildError as error:
            outcome.fail(f"configuring {name}", results.tail(str(error)))
            step.done(f"{name} FAILED")
            return False
    with screen.step("build", name) as step:
        if not sys.stdout.isatty():
            screen.detail(f"compiling {name}; several minutes the first time")
        try:
            step.done(f"{name} {build.compile_for(directory, suites)}")
            return True
        except BuildError as error:
            outcome.fail(f"building {name}", results.tail(str(error)))
            step.done(f"{name} FAILED")
            return False


def _run_suite(screen: Screen, suite: Suite, outcome: Outcome) -> None:
    base = f"testlog-{suite.name}"
    log = os.path.join(suite.directory.path, "meson-logs", base + ".json")
    with screen.step("test", f"{suite.name}: {suite.what}") as step:
        if not sys.stdout.isatty():
            screen.detail(f"{suite.name}: {suite.what}")
        if os.path.exists(log):
            os.unlink(log)  # of an earlier run
        code, said = command.run(
            ["meson", "test", "-C", suite.directory.path, "--no-rebuild", "--suite", suite.meson_suite, "--logbase", base,
             "--num-processes", str(suite.jobs), "--timeout-multiplier", str(suite.timeout_multiplier)], build.REPOSITORY)
        found = results.read(log, suite.prefix)
        if found.tests == 0:
            found.fail(f"suite {suite.name} ran no test", results.tail(said))
        elif code and not found.failures:
            found.fail(f"suite {suite.name}: meson ended with {code}", results.tail(said))
        outcome.add(found)
        step.done(f"{suite.name}: {found.tests} tests, {found.tally}")


def _run_all(screen: Screen, wanted: list[Suite], outcome: Outcome) -> None:
    for directory in (PLAIN, SANITIZED):
        here = [suite for suite in wanted if suite.directory is directory]
        # The plain build is whole, so that nothing rots that no test runs.
        needed = None if directory is PLAIN else [suite.meson_suite for suite in here]
        if here and _build(screen, directory, needed, outcome):
            for suite in here:
                _run_suite(screen, suite, outcome)


def _report(outcome: Outcome) -> int:
    sys.stdout.flush()
    if outcome.skips:
        print(f"\nskipped: {', '.join(outcome.skips)}")
    for name, text in outcome.failures:
        print(f"\n----- FAILED: {name}\n{text}")
    if outcome.failures:
        print("\nfailed:")
        for name, _ in outcome.failures:
            print(f"  {name}")
    print(f"\n{outcome.tally}", flush=True)
    return FAILED if outcome.tally.failed else 0


def main(words: list[str]) -> int:
    arguments = _arguments(words)
    wanted = [suite for suite in SUITES if (arguments.suite is None or suite.name in arguments.suite)
              and not (arguments.quick and suite.name in SLOW)]
    if not wanted:
        print("tools/test: no suite is left: --quick leaves out " + " and ".join(SLOW), file=sys.stderr)
        return 2
    if os.geteuid() and any(suite.root for suite in wanted):
        print("tools/test: network namespaces and BPF need root\n  hint: sudo tools/test", file=sys.stderr)
        return NEEDS_ROOT
    command.end_by_exception()
    screen = Screen()
    with screen.step("packages", "looking") as step:
        step.done(arguments.packages)
    before = leftovers.snapshot()
    outcome = Outcome()
    try:
        _run_all(screen, wanted, outcome)
    except KeyboardInterrupt:
        outcome.fail("interrupted", "")
        _report(outcome)
        return INTERRUPTED
    with screen.step("leftovers", "looking") as step:
        left = leftovers.since(before)
        if left:
            outcome.fail("tests left something behind", "\n".join(left))
        else:
            outcome.tally.passed += 1
        step.done(f"{len(left)} things left behind" if left else "nothing left behind")
    return _report(outcome)
