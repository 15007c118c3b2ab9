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
