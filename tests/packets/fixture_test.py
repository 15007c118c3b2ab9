#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the packets-as-sentences against the model and against a plane.

usage: fixture_test.py model
       fixture_test.py PLANE RUNNER OBJECT     see packet_runner.cc
       fixture_test.py list
"""
import collections
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fixtures  # noqa: E402
import model  # noqa: E402
from fixtures.sentences import CONFIGS, Publish, Step  # noqa: E402
from plane_process import FIRST_TICK, PlaneProcess  # noqa: E402

CASES_MIN = 250


def config_text(name):
    return (CONFIGS / f"{name}.toml").read_text()


class ModelPlane:
    """One balancer per configuration; a stateful case gets a fresh one."""

    def __init__(self):
        self.balancers = {}

    def run(self, cases):
        """Per case the verdicts of its steps."""
        for case in cases:
            balancer = None if case.is_stateful else self.balancers.get(case.config)
            balancer = balancer or model.Balancer(config_text(case.config))
            self.balancers[case.config] = balancer
            verdicts, tick = [], FIRST_TICK
            for step in case.steps:
                if isinstance(step, Publish):
                    balancer.publish(config_text(step.config))
                    continue
                tick = step.tick if step.tick is not None else tick
                verdicts.append(balancer.verdict(step.frame, tick))
            yield case, verdicts


def show(what, reason, output, interface):
    hexed = "nothing" if output is None else output.hex() or "an empty frame"
    return f"  {what}: {reason} interface {interface}: {hexed}"


def check(case, verdicts, name):
    """Number of differing steps."""
    wrong = 0
    steps = [step for step in case.steps if isinstance(step, Step)]
    for number, (step, verdict) in enumerate(zip(steps, verdicts, strict=True)):
        want = (step.reason, step.output, step.interface)
        have = (verdict.reason, verdict.output, verdict.interface)
        if want != have:
            wrong += 1
            print(f"{case.theme}: {case.sentence}, step {number + 1}, on {name}\n  in: {step.frame.hex()}")
            print(show("expected", *want) + "\n" + show("got", *have))
    return wrong


def load_cases():
    cases = fixtures.load_cases()
    sentences = [(case.theme, case.sentence) for case in cases]
    assert len(set(sentences)) == len(sentences), [s for s in sentences if sentences.count(s) > 1]
    return cases


def agrees(cases, plane, name):
    """Do all cases come out of the plane as written, and have all reasons been seen?"""
    wrong = done = frames = 0
    reasons = collections.Counter()
    for case, verdicts in plane.run(cases):
        done += 1
        frames += len(verdicts)
        reasons.update(verdict.reason for verdict in verdicts)
        wrong += check(case, verdicts, name) > 0
    unseen = [reason for reason in model.PLANE_REASONS if not reasons[reason]]
    print(f"{done} of {len(cases)} fixtures, {frames} frames on {name}: {wrong} differ")
    if unseen:
        print(f"never seen: {', '.join(unseen)}")
    return not wrong and not unseen and done == len(cases) >= CASES_MIN


def main(arguments):
    if arguments == ["list"]:
        for case in load_cases():
            print(f"{case.theme}: {case.sentence}")
        return 0
    plane = ModelPlane() if arguments == ["model"] else PlaneProcess(*arguments)
    return 0 if agrees(load_cases(), plane, arguments[0]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
