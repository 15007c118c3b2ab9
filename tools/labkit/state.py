# SPDX-License-Identifier: Apache-2.0
"""What a lab remembers on disk: /run/sluice-lab/NAME/state.json, written before and after each thing that is made, so
that `down` cleans up even after a killed `up`."""
import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from . import netns
from .errors import NOT_FOUND, LabError
from .plan import Options, Plan
from .process import Record

ROOT = "/run/sluice-lab"


def write_atomically(path: str, text: str) -> None:
    """A reader sees the old text or the new one, whole."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


@dataclass
class State:
    options: Options
    phase: str = "starting"  # starting | up
    hash_key: str = ""
    build: str = ""
    processes: list[Record] = field(default_factory=list)

    @property
    def directory(self) -> str:
        return f"{ROOT}/{self.options.name}"

    @property
    def plan(self) -> Plan:
        return Plan(self.options)

    def node_directory(self, node: str) -> str:
        return f"{self.directory}/{node}"

    @property
    def ports_file(self) -> str:
        return f"{self.directory}/ports"

    def save(self) -> None:
        write_atomically(f"{self.directory}/state.json", json.dumps(asdict(self), indent=1) + "\n")

    def add_process(self, record: Record) -> None:
        self.processes.append(record)
        self.save()

    def process(self, node: str, role: str) -> Record | None:
        for record in self.processes:
            if record.node == node and record.role == role:
                return record
        return None


def names() -> list[str]:
    """Every lab there is a trace of: a directory, or namespaces only."""
    found = set()
    if os.path.isdir(ROOT):
        found.update(entry.name for entry in os.scandir(ROOT) if entry.is_dir())
    for namespace in netns.names():
        if namespace.startswith("sluice-") and namespace.endswith("-router"):
            found.add(namespace[len("sluice-"):-len("-router")])
    return sorted(found)


def find(name: str) -> State | None:
    try:
        with open(f"{ROOT}/{name}/state.json", encoding="utf-8") as file:
            raw = json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    options = Options(**{**raw["options"], "weights": tuple(raw["options"]["weights"])})
    processes = [Record(**{**record, "command": tuple(record["command"])}) for record in raw["processes"]]
    return State(options, raw["phase"], raw["hash_key"], raw["build"], processes)


def load(name: str) -> State:
    state = find(name)
    if state is None:
        others = names()
        raise LabError(f"there is no lab {name!r}", code=NOT_FOUND,
                       hint="labs: " + ", ".join(others) if others else "sudo tools/lab up makes one")
    return state


@contextmanager
def locked(name: str):
    """One command at a time changes a lab. The lock is on the lab's directory itself, so it leaves no file behind."""
    path = f"{ROOT}/{name}"
    while True:
        os.makedirs(path, mode=0o755, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            if os.stat(path).st_ino == os.fstat(handle).st_ino:
                break  # else `down` removed it while we waited
        except FileNotFoundError:
            pass
        os.close(handle)
    try:
        yield
    finally:
        os.close(handle)


def mounts_below(directory: str) -> list[str]:
    """Mount points below a directory, deepest first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1].replace("\\040", " ") for line in file]
    return sorted((point for point in points if point.startswith(directory + "/")), key=len, reverse=True)


def remove_directory(name: str) -> None:
    """The lab's directory, and the root of all labs when it was the last one."""
    shutil.rmtree(f"{ROOT}/{name}", ignore_errors=True)
    try:
        os.rmdir(ROOT)
    except OSError:
        pass  # other labs live in it


def remove_if_empty(name: str) -> None:
    """Undoes what `locked` has made for a lab that did not come to be."""
    for path in (f"{ROOT}/{name}", ROOT):
        try:
            os.rmdir(path)
        except OSError:
            return
