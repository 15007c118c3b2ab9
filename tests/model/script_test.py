#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs model_script on scripts with their expected output.

usage: script_test.py MODEL_SCRIPT check FILE...      each line after "> " is a command, what follows its output
       script_test.py MODEL_SCRIPT rewrite FILE...    put the present output into the files, for review by diff
"""
import difflib
import pathlib
import subprocess
import sys


def run(program, text):
    """The script with the present output in place of the expected one."""
    lines, commands = [], 0
    for line in text.splitlines():
        if line.startswith("> "):
            commands += 1
        elif line and not line.startswith("#"):
            continue
        lines.append(line)
    # One process sees all commands; a mark after each tells the outputs apart.
    script = "".join(f"{line[2:]}\n" for line in lines if line.startswith("> "))
    outputs = split(subprocess.run([program], input=script, capture_output=True, text=True, timeout=50,
                                   check=True).stdout, commands)
    result = []
    for line in lines:
        result.append(line)
        if line.startswith("> "):
            result += outputs.pop(0)
    return "\n".join(result) + "\n"


def split(text, commands):
    outputs, current = [], []
    for line in text.splitlines():
        if line == "--":
            outputs.append(current)
            current = []
        else:
            current.append(line)
    if len(outputs) != commands:
        sys.exit(f"{len(outputs)} outputs of {commands} commands")
    return outputs


def main():
    program, action, *names = sys.argv[1:]
    failed = False
    for name in names:
        path = pathlib.Path(name)
        expected = path.read_text()
        got = run(program, expected)
        if action == "rewrite":
            path.write_text(got)
        elif got != expected:
            failed = True
            sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), got.splitlines(True), name, "now"))
    sys.exit(1 if failed else 0)


main()
