# SPDX-License-Identifier: Apache-2.0
"""Would the simulator notice? Breaks a copy of the core, node, model or slot tables in one place at a time, expects red.

usage: raft_mutants [--only WORD] [--seeds N] [--jobs N] [--table N]
  --only WORD  only mutants with the word in their name
  --seeds N    at most so many seeds of raft_sim per mutant (3000, which is what a run of the tests has)
  --jobs N     mutants at a time (as many as there are processors)
  --table N    count for every mutant the violations in N seeds, and whether the directed tests see it

A mutant of controlplane/raft is killed by the directed tests of tests/raft or by raft_sim; one of what only whole balancers
run by their seeds of raft_sim, or else by a test of tests/node. One whose text is not found exactly once is stale: write it anew. Closes with one line of JSON; exit code 1 if a mutant survives.
"""
import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from mutant_list import MUTANTS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RAFT = "controlplane/raft"
SIM, SIM_LIBRARY, SIM_FOLDER = "tests/raft_sim", "tests/sim/libsluice_raft_sim.a", "tests/sim"
DIRECTED = {RAFT: ("tests/raft/raft_test", "tests/raft/raft_script_test"), "controlplane/node": ("tests/node/node_test",)}
DIRECTED_ALL = [program for programs in DIRECTED.values() for program in programs]
# Compiled folder -> its library. What stands in BALANCERS only whole balancers run: only their seeds are asked.
LIBRARIES = {RAFT: f"{RAFT}/libsluice_raft.a", SIM_FOLDER: SIM_LIBRARY,
             "controlplane/node": "controlplane/node/libsluice_node.a",
             "controlplane/model": "controlplane/model/libsluice_model.a",
             "dataplane/core/slots": "dataplane/core/slots/libsluice_slots.a"}
BALANCERS = ("controlplane/node", "controlplane/model", "dataplane/core/slots")
BALANCER_FILES = ("sim_balancer.cc", "sim_plane.cc")
# A mutant may well hang.
SECONDS_MAX = 240
DIRECTED_SECONDS_MAX = 60


@contextlib.contextmanager
def work_directory(build: pathlib.Path):
    """Always the same, for ccache's sake: a mutant that was compiled once is not compiled again. One run at a time."""
    with open(build / "tests/raft_mutants.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = build / "tests/raft_mutants.work"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        try:
            yield directory
        finally:
            shutil.rmtree(directory)


class Workshop:
    """The commands of a build, turned to sources elsewhere."""

    def __init__(self, build: pathlib.Path, directory: pathlib.Path):
        self.build, self.directory = build, directory
        subprocess.run(["ninja", "-C", build, SIM, *DIRECTED_ALL], check=True, stdout=subprocess.DEVNULL)
        self.compile = self._compile_commands()
        self.links = {program: self._command(program, f"-o {program} ") for program in (SIM, *DIRECTED_ALL)}

    def _commands(self, target: str) -> list[str]:
        return subprocess.run(["ninja", "-C", self.build, "-t", "commands", target], capture_output=True, text=True,
                              check=True).stdout.splitlines()

    def _command(self, target: str, mark: str) -> str:
        return next(line for line in self._commands(target) if mark in line)

    def _compile_commands(self) -> dict[str, str]:
        """By source file, relative to the root."""
        found = {}
        for folder, library in LIBRARIES.items():
            for line in self._commands(library):
                source = re.search(rf"-c \S*?({folder}/\w+\.cc)$", line)
                if source:
                    # A mutant may leave something unused; and it is compiled for one short run.
                    line = re.sub(r"-M[FQ] \S+| -MD| -Werror| -g\d?\b", "", line).replace(" -O2", " -O1")
                    found[source.group(1)] = line
        return found

    def sources(self, folder: str) -> list[str]:
        return [source for source in self.compile if source.startswith(folder + "/")]

    def _moved(self, command: str, folder: str, copy: pathlib.Path) -> str:
        for root in (os.path.relpath(ROOT, self.build), str(ROOT)):
            command = re.sub(rf"(?<![\w/.]){re.escape(root)}/{folder}(?=[/\s]|$)|(?<=-I){re.escape(root)}/{folder}(?=\s)",
                             str(copy), command)
        return command

    def build_mutant(self, folder: str, copy: pathlib.Path, changed: list[str]) -> dict[str, pathlib.Path]:
        """The programs made over with the copy; raises CalledProcessError if it does not compile."""
        again = self.sources(folder) if any(name.endswith(".h") for name in changed) else list(dict.fromkeys(changed))
        objects = []
        for source in again:
            output = copy / (pathlib.Path(source).stem + ".o")
            command = re.sub(r"-o \S+", f"-o {output}", self._moved(self.compile[source], folder, copy))
            subprocess.run(command, shell=True, cwd=self.build, check=True, capture_output=True, text=True)
            objects.append(str(output))
        programs = {}
        for program, link in self.links.items():
            if program != SIM and program not in DIRECTED.get(folder, ()):
                continue
            made = copy / pathlib.Path(program).name
            # Before the libraries: what is in there is then not asked for.
            command = link.replace(f"-o {program} ", f"-o {made} -Wl,--strip-debug {' '.join(objects)} ", 1)
            subprocess.run(command, shell=True, cwd=self.build, check=True, capture_output=True, text=True)
            programs[program] = made
        return programs


def run(words, seconds):
    """Exit code and output; a program that does not end is red as well."""
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=seconds, check=False,
                              errors="replace")
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return "hangs", ""


def directed_red(programs) -> str:
    """The first failed test of those that are written for the folder."""
    for name in DIRECTED_ALL:
        if name not in programs:
            continue
        code, said = run([programs[name]], DIRECTED_SECONDS_MAX)
        if code == 0:
            continue
        failed = re.findall(r"^\[  FAILED  \] ([\w/.]+)", said, re.MULTILINE)
        if not failed:  # ended by an invariant of the core: the test that was running
            failed = re.findall(r"^\[ RUN      \] (\S+)", said, re.MULTILINE)[-1:]
        return f"test {failed[0]}" if failed else f"tests end with {code}"
    return ""


def only_of(mutant) -> list[str]:
    """Those seeds that run what it breaks."""
    is_balancer = os.path.dirname(mutant.file) in BALANCERS or os.path.basename(mutant.file) in BALANCER_FILES
    return ["--only", "balancers"] if is_balancer else []


def simulated_red(program, seeds: int, only: list[str]) -> str:
    code, said = run([program, "--seeds", seeds, *only, "--threads", 1, "--first", "--quiet"], SECONDS_MAX)
    if code == 0:
        return ""
    violation = re.search(r"^VIOLATION seed (\d+): ([^:\n]*)", said, re.MULTILINE)
    return f"seed {violation.group(1)}, {violation.group(2)}" if violation else f"raft_sim ends with {code}"


def simulated_count(program, seeds: int, only: list[str]) -> str:
    """Violations among so many seeds; an aborting core ends the process, so seeds are then run one by one."""
    code, said = run([program, "--seeds", seeds, *only, "--threads", 1, "--quiet"], SECONDS_MAX)
    last = said.splitlines()[-1] if said else ""
    if last.startswith("{"):
        return str(json.loads(last)["violations"])
    if code == "hangs":
        return "hangs"
    red = sum(run([program, "--seeds", 1, "--from", seed, *only, "--quiet"], 20)[0] != 0 for seed in range(1, seeds + 1))
    return str(red)


class Gate:
    def __init__(self, workshop: Workshop, seeds: int, table: int):
        self.workshop, self.seeds, self.table = workshop, seeds, table

    def try_one(self, number: int, mutant) -> tuple[bool, str]:
        """Whether it was noticed, and how."""
        folder = os.path.dirname(mutant.file)
        copy = self.workshop.directory / str(number)
        shutil.copytree(ROOT / folder, copy)
        try:
            for path, old, new in mutant.edits():
                file = copy / os.path.basename(path)
                text = file.read_text()
                if text.count(old) != 1:
                    return False, f"stale: {path} has its text {text.count(old)} times"
                file.write_text(text.replace(old, new))
            programs = self.workshop.build_mutant(folder, copy, [path for path, _, _ in mutant.edits()])
            return self.judge(programs, only_of(mutant))
        except subprocess.CalledProcessError as error:
            return False, "does not compile: " + error.stderr[-800:]
        finally:
            shutil.rmtree(copy)

    def judge(self, programs, only: list[str]) -> tuple[bool, str]:
        if self.table:
            red = directed_red(programs)
            count = simulated_count(programs[SIM], self.table, only)
            return bool(red) or count != "0", f"{count} | {red or '-'}"
        # What only whole balancers show is to be seen there; of what they do not, a directed test must know.
        if only:
            red = simulated_red(programs[SIM], self.seeds, only) or directed_red(programs)
        else:
            red = directed_red(programs) or simulated_red(programs[SIM], self.seeds, only)
        return bool(red), red or "not noticed"


def main() -> int:
    parser = argparse.ArgumentParser(prog="raft_mutants", usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", type=int, default=0)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.only in mutant.name]
    began, survivors = time.monotonic(), []
    with work_directory(arguments.build.resolve()) as directory:
        workshop = Workshop(arguments.build.resolve(), directory)
        gate = Gate(workshop, arguments.seeds, arguments.table)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            results = pool.map(gate.try_one, [MUTANTS.index(mutant) for mutant in chosen], chosen)
            for mutant, (killed, how) in zip(chosen, results):
                print(f"{mutant.name} | {how}" if arguments.table else
                      f"{'killed' if killed else 'SURVIVES'}: {mutant.name}: {how}", flush=True)
                if not killed:
                    survivors.append(mutant.name)
    print(f"{time.monotonic() - began:.0f} s")
    print(json.dumps({"mutants": len(chosen), "killed": len(chosen) - len(survivors), "survivors": survivors}))
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
