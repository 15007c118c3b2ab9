#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the packet fixtures as inputs of fuzz_frame: where its corpus comes from. After new fixtures:

  tests/fuzz/seed_frames.py /tmp/seeds
  build-asan/tests/fuzz/fuzz_frame -merge=1 tests/fuzz/corpus/frame /tmp/seeds
"""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "packets"))

import fixtures  # noqa: E402
from fixtures.sentences import Step  # noqa: E402

SITES = ("main", "chain", "tracked", "limited")  # in fuzz_frame's order
FIRST_TICK = 10
TICKS_MAX = 63


def record(step: Step, ticks: int) -> bytes:
    return bytes([min(ticks, TICKS_MAX) << 2]) + len(step.frame).to_bytes(2, "big") + step.frame


def main(directory: str) -> None:
    target = pathlib.Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    for case in fixtures.load_cases():
        if case.config not in SITES:
            continue
        data, now = bytes([SITES.index(case.config)]), FIRST_TICK
        for step in case.steps:
            if isinstance(step, Step):
                tick = step.tick if step.tick is not None else now
                data += record(step, max(0, tick - now))
                now = tick
        (target / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
