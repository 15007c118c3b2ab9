# SPDX-License-Identifier: Apache-2.0
"""The one exception of the lab: what went wrong, what to do next, and the exit code of the command."""

FAILED = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
REFUSED = 5
UNREACHABLE = 6
TIMED_OUT = 7


class LabError(Exception):
    def __init__(self, what: str, *, hint: str = "", detail: str = "", code: int = FAILED):
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.detail = detail
        self.code = code


class Interrupted(Exception):
    """A signal asked us to stop; carries its number so that the exit code can be 128 + number."""

    def __init__(self, number: int):
        super().__init__(f"signal {number}")
        self.number = number
