# SPDX-License-Identifier: Apache-2.0
"""Build directories: configured once, then only what changed; and which files a suite needs."""
import json
import os
import re
import subprocess
from dataclasses import dataclass, field

from . import command

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class BuildError(Exception):
    """The text is the end of the tool's output."""


@dataclass(frozen=True)
class Directory:
    name: str
    options: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return os.path.join(REPOSITORY, self.name)


PLAIN = Directory("build", {"werror": "true", "debug": "false"})
# The second compiler, the sanitizers and the fuzzer's instrumentation in one build: two would not fit the time.
# -O1: at -O0 a fuzzer runs a fifth of the inputs. lundef: clang's sanitizers are linked into programs only.
SANITIZED = Directory("build-asan", {"werror": "true", "b_sanitize": "address,undefined", "b_lundef": "false",
                                     "fuzzing": "true", "optimization": "1", "debug": "false"},
                      {"CC": "clang-16", "CXX": "clang++-16"})


def _run(words: list[str], environment: dict[str, str] | None = None) -> str:
    code, said = command.run(words, REPOSITORY, environment)
    if code:
        raise BuildError(said)
    return said


def _introspect(directory: Directory, what: str):
    # Standard error apart: it may carry warnings.
    ran = subprocess.run(["meson", "introspect", directory.path, what], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout)


def configure(directory: Directory) -> str:
    arguments = [f"-D{name}={value}" for name, value in directory.options.items()]
    if not os.path.exists(os.path.join(directory.path, "build.ninja")):
        _run(["meson", "setup", directory.path, REPOSITORY, *arguments], directory.environment)
        return "configured"
    now = {option["name"]: option["value"] for option in _introspect(directory, "--buildoptions")}

    def differs(name: str, value: str) -> bool:
        current = now.get(name)
        return (str(current).lower() if isinstance(current, bool) else str(current)) != value

    if not any(differs(name, value) for name, value in directory.options.items()):
        return "configured before"
    _run(["meson", "configure", directory.path, *arguments])
    return "options changed"


def _files_of(directory: Directory, suites: list[str]) -> list[str]:
    """Output files that the tests of these suites run or read."""
    targets = {target["id"]: target["filename"] for target in _introspect(directory, "--targets")}
    files = set()
    for test in _introspect(directory, "--tests"):
        if any(suite.split(":")[-1] in suites for suite in test["suite"]):
            for identifier in test["depends"]:
                files.update(targets.get(identifier, []))
    return sorted(os.path.relpath(name, directory.path) for name in files)


def compile_for(directory: Directory, suites: list[str] | None) -> str:
    """None: everything. Returns what was done."""
    _run(["ninja", "-C", directory.path, "build.ninja"], directory.environment)
    files = [] if suites is None else _files_of(directory, suites)
    if suites is not None and not files:
        return "nothing to compile"
    output = _run(["ninja", "-C", directory.path, *files], directory.environment)
    steps = re.findall(r"^\[\d+/(\d+)\]", output, re.MULTILINE)
    return f"{steps[-1]} steps" if steps else "up to date"
