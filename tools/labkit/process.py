# SPDX-License-Identifier: Apache-2.0
"""Long-lived programs of a lab: start them inside a namespace, know them again later, stop them.

A process is known by its pid *and* its start time, so that a recycled pid is never signalled. Each one leads a session
of its own; the session id stays reserved while a member lives, so workers of a dead leader can still be told apart."""
import os
import signal
import time
from dataclasses import dataclass

from . import interrupts, netns


@dataclass(frozen=True)
class Record:
    """What the state file keeps of a process."""
    role: str  # plane | control | agent | web
    node: str
    pid: int
    start_time: int  # field 22 of /proc/PID/stat, in clock ticks since boot
    namespace_inode: int
    log: str
    command: tuple[str, ...]


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name (so index 0 is the state), or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_time(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def _ended(pid: int, fields: list[str]) -> bool:
    """Whole: the first thread of a killed process is a zombie already while others, in the middle of a system call, still
    hold its files, sockets and locks."""
    if fields[0] not in "ZX":
        return False
    try:
        return len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def alive(record: Record) -> bool:
    fields = stat_fields(record.pid)
    return fields is not None and int(fields[19]) == record.start_time and not _ended(record.pid, fields)


def _in_namespace(pid: int, inode: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino == inode
    except OSError:
        return False


def members(record: Record) -> list[int]:
    """Living pids of the record's session that are still in its namespace; empty when the pid now means another."""
    leader = stat_fields(record.pid)
    if leader is not None and int(leader[19]) != record.start_time:
        return []
    found = [record.pid] if leader is not None and not _ended(record.pid, leader) else []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == record.pid:
            continue
        fields = stat_fields(int(entry))
        if (fields and fields[0] not in "ZX" and int(fields[3]) == record.pid
                and _in_namespace(int(entry), record.namespace_inode)):
            found.append(int(entry))
    return found


def spawn(command: list[str], namespace: str, log: str, environment: dict[str, str], on_record) -> int:
    """Starts a command in a namespace. `on_record(pid, start_time)` is called before the command runs at all: the child
    waits for it, and exits by itself if we die first, so that no process ever runs unrecorded."""
    go_read, go_write = os.pipe()
    child = interrupts.fork()
    if child == 0:
        try:
            os.close(go_write)
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open("/dev/null", os.O_RDONLY)
            if os.read(go_read, 1) != b"g":
                os._exit(0)
            netns.enter(namespace)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.closerange(3, 1024)
            os.chdir("/")
            os.execve(command[0], command, environment)
        except BaseException as error:  # noqa: BLE001  nothing may unwind into the parent's stack
            os.write(2, f"cannot start {command[0]}: {error}\n".encode())
        finally:
            os._exit(127)
    os.close(go_read)
    try:
        on_record(child, start_time(child))
        os.write(go_write, b"g")
    finally:
        os.close(go_write)
    return child


def reap() -> None:
    """Collects our own dead children, if they are ours: `up` may stop what it has started itself."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def stop(records: list[Record], number: int = signal.SIGTERM, grace_seconds: float = 5.0) -> list[Record]:
    """Signals the leaders, waits, then kills what is left of their sessions. Returns those that had to be killed."""
    for record in records:
        if alive(record):
            _signal(record.pid, number)
    deadline = time.monotonic() + grace_seconds
    waiting = list(records)
    while waiting and time.monotonic() < deadline:
        reap()
        waiting = [record for record in waiting if members(record)]
        if waiting:
            time.sleep(0.02)
    for record in waiting:
        for pid in members(record):
            _signal(pid, signal.SIGKILL)
    deadline = time.monotonic() + 2.0
    while any(members(record) for record in waiting) and time.monotonic() < deadline:
        reap()
        time.sleep(0.02)
    return waiting


def strangers(namespace: str, known: set[int]) -> list[tuple[int, str]]:
    """Processes in the namespace that the lab did not start (a shell of `lab exec`): reported, never killed."""
    try:
        inode = netns.inode(namespace)
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in known and _in_namespace(int(entry), inode):
            try:
                with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                    found.append((int(entry), file.read().strip()))
            except OSError:
                pass
    return found
