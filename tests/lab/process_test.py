# SPDX-License-Identifier: Apache-2.0
"""When a process of the lab has ended, and when it only looks like it."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from labkit import process  # noqa: E402

# Its first thread ends (SYS_exit of x86-64, not SYS_exit_group), another goes on.
ZOMBIE_WITH_A_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall(60, 0)
"""


def _state(pid: int) -> str:
    fields = process.stat_fields(pid)
    return fields[0] if fields else "gone"


def test_a_process_lives_as_long_as_one_of_its_threads():
    run = subprocess.Popen([sys.executable, "-B", "-c", ZOMBIE_WITH_A_THREAD], start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while _state(run.pid) != "Z" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _state(run.pid) == "Z"
        inode = os.stat("/proc/self/ns/net").st_ino
        record = process.Record("plane", "lb1", run.pid, process.start_time(run.pid), inode, "", ())
        assert process.alive(record) and process.members(record) == [run.pid]
        run.send_signal(signal.SIGKILL)
        while process.members(record) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not process.alive(record) and process.members(record) == []
        assert _state(run.pid) == "Z"  # all of it now, until it is waited for
    finally:
        run.kill()
        run.wait()


def test_a_signal_while_a_child_is_started_leaves_none_behind():
    """In a process of its own, for its handlers; hit at another moment each time, before, within and after the start."""
    program = f"""
import os, signal, sys, time
sys.path.insert(0, {str(Path(__file__).resolve().parents[2] / "tools")!r})
from labkit import interrupts
from labkit.errors import Interrupted
for turn in range(100):
    interrupts._received, parent, child = 0, os.getpid(), None
    interrupts.install()
    try:
        if os.fork() == 0:
            time.sleep(turn % 50 * 0.00012)
            os.kill(parent, signal.SIGINT)
            os._exit(0)
        child = interrupts.start(["sleep", "71717.5"])
        time.sleep(10)
    except Interrupted:
        pass
    if child:
        child.kill()
        child.wait()
    os.wait()
"""
    subprocess.run(["/usr/bin/python3", "-B", "-c", program], check=True, timeout=60)
    left = subprocess.run(["pgrep", "-f", "sleep 71717.5"], capture_output=True, text=True).stdout.split()
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    assert not left
