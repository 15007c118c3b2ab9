#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs slot_script and reference.py on the same scripts and expects the same text.

usage: reference_test.py SLOT_SCRIPT random [HISTORIES]   random histories; SLUICE_SEED repeats one run
       reference_test.py SLOT_SCRIPT check FILE...        scripts with their expected output
       reference_test.py SLOT_SCRIPT rewrite FILE...      put the present output into the files, for review by diff
"""
import os
import pathlib
import random
import subprocess
import sys

import reference

PRIMES = [2, 3, 5, 13, 31, 101, 251, 509]


def run_program(program, script):
    done = subprocess.run([program], input=script, capture_output=True, text=True, timeout=50, check=True)
    return done.stdout.splitlines()


def random_weight(source):
    return source.choice([0, 1, 2, 65535, 2**32 - 1, source.randint(1, 1000), source.randint(1, 1000), 100, 100])


def random_history(source):
    lines = [f"pool slots={source.choice(PRIMES)} owners={source.randint(2, 4)}"]
    names = [f"{source.choice('abcxyz')}{number}" for number in range(source.randint(1, 12))] + ["backend-ä"]
    members = {}
    for _ in range(source.randint(1, 15)):
        for _ in range(source.randint(1, 3)):
            name = source.choice(names)
            if source.random() < 0.3:
                members.pop(name, None)
            else:
                members[name] = random_weight(source)
        if source.random() < 0.1:
            members = {name: 0 for name in members}
        shuffled = source.sample(sorted(members), len(members))
        text = " ".join(f"{name}={members[name]}" for name in shuffled)
        lines.append(f"{'fill' if source.random() < 0.2 else 'step'} {text}")
        if source.random() < 0.1:
            lines.append(f"forget {source.choice(names)}")
        lines += ["table", "unstable", "ids", "hash"]
    return "\n".join(lines) + "\n"


def compare_random(program, histories):
    seed = int(os.environ.get("SLUICE_SEED") or random.SystemRandom().getrandbits(32))
    print(f"SLUICE_SEED={seed}")
    source = random.Random(seed)
    scripts = [random_history(source) for _ in range(histories)]
    # Every script starts with its own pool: one process runs them all.
    whole = "".join(scripts)
    for line, (got, wanted) in enumerate(zip(run_program(program, whole), reference.run(whole), strict=True)):
        if got != wanted:
            sys.exit(f"output line {line}: program '{got}', reference '{wanted}'")
    print(f"{histories} histories, {whole.count('step ')} steps: equal")


def commands_of(text):
    return [line for line in text.splitlines() if line.startswith(("#", "> ")) or not line.strip()]


def render(text, output):
    """The file again: comments and blank lines as they were, every command followed by what it printed."""
    blocks = []
    for line in output:
        if line.startswith("> "):
            blocks.append([])
        blocks[-1].append(line)
    blocks = iter(blocks)
    return "\n".join("\n".join(next(blocks)) if line.startswith("> ") else line for line in commands_of(text)) + "\n"


def check_file(program, path, rewrite):
    text = path.read_text()
    script = "\n".join(line[2:] for line in commands_of(text) if line.startswith("> ")) + "\n"
    got = render(text, run_program(program, script))
    if rewrite:
        path.write_text(got)
        return True
    if got != text:
        print(f"{path.name}: output differs; run with `rewrite` and look at the diff")
    agrees = render(text, reference.run(script)) == text
    if not agrees:
        print(f"{path.name}: the reference prints something else")
    return got == text and agrees


def main():
    program, mode, *rest = sys.argv[1:]
    if mode == "random":
        compare_random(program, int(rest[0]) if rest else 300)
        return
    results = [check_file(program, pathlib.Path(path), mode == "rewrite") for path in rest]
    if not all(results):
        sys.exit(1)
    print(f"{len(results)} scripts as expected")


if __name__ == "__main__":
    main()
