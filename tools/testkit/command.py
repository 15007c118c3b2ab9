# SPDX-License-Identifier: Apache-2.0
"""Runs a tool whose output is read afterwards. Interrupted, it is asked to end and waited for: meson ends its tests, and
they take their namespaces down."""
import os
import signal
import subprocess

# Of the slowest clean-up among the tests; afterwards nothing helps.
ENDING_SECONDS = 60


def end_by_exception() -> None:
    """SIGTERM and SIGHUP come as KeyboardInterrupt too."""
    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def run(words: list[str], directory: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and everything it said."""
    # A session of its own: Ctrl-C comes to it once, from here, and not a second time from the terminal.
    with subprocess.Popen(words, cwd=directory, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as process:
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            process.terminate()
            try:
                process.communicate(timeout=ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        return process.returncode, said
