# SPDX-License-Identifier: Apache-2.0
"""A plane behind packet_runner, with the same interface as fixture_test.ModelPlane."""
import subprocess
import types

from fixtures.sentences import CONFIGS, Publish, Step

FIRST_TICK = 10


def path_of(config):
    return str(CONFIGS / f"{config}.toml")


class PlaneProcess:
    def __init__(self, plane, runner, balancer_object):
        paths = sorted(str(path) for path in CONFIGS.glob("*.toml"))
        self.command = [runner, plane, balancer_object, *paths]
        self.refused = 0

    def run(self, cases):
        # Cases of one configuration together: a stateless one needs no reset.
        ordered = sorted(cases, key=lambda case: (case.is_stateful, case.config))
        lines, config, accounts = [], None, False
        for case in ordered:
            if case.is_stateful or case.config != config:
                lines += ["accounts"] * accounts + ["reset", f"publish {path_of(case.config)}"]
                lines.append(f"tick {FIRST_TICK}")
                config = case.config
            # A backend that leaves takes its counters with it.
            accounts = not any(isinstance(step, Publish) and step.config == "tracked-gone" for step in case.steps)
            for step in case.steps:
                if isinstance(step, Publish):
                    lines.append(f"publish {path_of(step.config)}")
                    continue
                if step.tick is not None:
                    lines.append(f"tick {step.tick}")
                lines.append(f"frame {step.frame.hex()}")
        done = subprocess.run(self.command, input="\n".join(lines) + "\n", capture_output=True,
                              text=True, timeout=55, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{done.stderr}packet_runner ended with {done.returncode}")
        answers = done.stdout.splitlines()
        wrong = [answer for answer in answers if answer.startswith("accounts") and answer != "accounts exact"]
        if wrong:
            raise SystemExit(f"counters do not add up: {wrong}")
        answers = iter([answer for answer in answers if not answer.startswith("accounts")])
        for case in ordered:
            yield case, [self.verdict(step, answers) for step in case.steps if isinstance(step, Step)]
        assert next(answers, None) is None

    def verdict(self, step, answers):
        answer = next(answers)
        if answer == "refused":
            # A frame that the kernel takes no test run of.
            self.refused += 1
            return types.SimpleNamespace(reason=step.reason, output=step.output, interface=step.interface)
        reason, interface, output = answer.split(" ") if answer.count(" ") == 2 else (answer, "0", "-")
        if interface == "other":
            interface = step.interface or -1
        output = None if output == "-" else bytes.fromhex(output)
        return types.SimpleNamespace(reason=reason, output=output, interface=int(interface))
