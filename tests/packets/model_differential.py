#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random frames: the packet path's headers in user space against the model.

usage: model_differential.py PACKET_DIFFERENTIAL FRAMES      SLUICE_SEED repeats a run
"""
import collections
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import model  # noqa: E402

CONFIGS = HERE / "configs"
SHARES = {"main": 40, "tracked": 25, "limited": 10, "chain": 25}  # per cent of the frames
SHOWN = 5
REASONS_SHARE_MIN = 0.9


class Group:
    def __init__(self, name):
        self.name = name
        self.balancer = None
        self.tick = 0
        self.frames = self.wrong = 0
        self.reasons = collections.Counter()

    def take(self, line):
        verb, *words = line.split(" ")
        if verb == "tick":
            self.tick = int(words[0])
        elif verb == "publish":
            text = (CONFIGS / f"{words[0]}.toml").read_text()
            if self.balancer is None:
                self.balancer = model.Balancer(text)
            else:
                self.balancer.publish(text)
        else:
            self.frame(*words)

    def frame(self, frame, reason, interface, output):
        frame = bytes.fromhex(frame)
        verdict = self.balancer.verdict(frame, self.tick)
        self.frames += 1
        self.reasons[verdict.reason] += 1
        sent = None if output == "-" else bytes.fromhex(output)
        if (reason, int(interface), sent) == (verdict.reason, verdict.interface, verdict.output):
            return
        self.wrong += 1
        if self.wrong <= SHOWN:
            theirs = "-" if verdict.output is None else verdict.output.hex()
            print(f"{self.name}, frame {self.frames}, tick {self.tick}: {frame.hex()}\n"
                  f"  planes {reason} {interface} {output}\n  model  {verdict.reason} {verdict.interface} {theirs}")


def main(program, frames):
    seed = os.environ.get("SLUICE_SEED") or str(time.time_ns())
    print(f"seed {seed}", flush=True)
    total, wrong, reasons, start = 0, 0, collections.Counter(), time.monotonic()
    for name, share in SHARES.items():
        group = Group(name)
        command = [program, "trace", str(CONFIGS), name, str(-(-int(frames) * share // 100))]
        environment = os.environ | {"SLUICE_SEED": seed}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
            for line in run.stdout:
                group.take(line.rstrip("\n"))
        if run.returncode != 0:
            return 1
        counters = group.balancer.counters
        assert counters.rx == sum(counters.reasons.values()) == group.frames
        assert sum(service.packets for service in counters.services.values()) == sum(
            counters.reasons[reason] for reason in model.FORWARDED)
        total, wrong = total + group.frames, wrong + group.wrong
        reasons += group.reasons
    unseen = [reason for reason in model.PLANE_REASONS if not reasons[reason]]
    print(f"{total} frames on replay and the model in {time.monotonic() - start:.1f} s: {wrong} differ; "
          f"reasons not met: {', '.join(unseen) or 'none'}")
    enough = len(unseen) <= (1 - REASONS_SHARE_MIN) * len(model.PLANE_REASONS)
    return 0 if total >= int(frames) and wrong == 0 and enough else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
