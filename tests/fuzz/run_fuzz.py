#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one fuzz target for half a minute from its kept corpus. Fails on a finding, on too few executions, without a corpus.

usage: run_fuzz.py PROGRAM CORPUS EXECUTIONS_A_MINUTE_MIN INPUT_BYTES_MAX

SLUICE_FUZZ_SECONDS (default 30) and SLUICE_SEED may be set. What was found is kept beside the program.
"""
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SECONDS = 30  # eleven targets, two at a time, within the 25 minutes of tools/test
# One input taking longer is a finding of its own (a loop without a bound); the packet path takes microseconds.
INPUT_SECONDS = 10
# clang-16's own symbolizer is in a large package that nothing else needs.
SYMBOLIZERS = ("/usr/bin/llvm-symbolizer-16", "/usr/bin/llvm-symbolizer-14")


def environment() -> dict[str, str]:
    found = next((path for path in SYMBOLIZERS if os.path.exists(path)), None)
    return {"ASAN_SYMBOLIZER_PATH": found, **os.environ} if found else dict(os.environ)


def main(program: str, corpus: str, executions_min: str, bytes_max: str) -> int:
    seconds = int(os.environ.get("SLUICE_FUZZ_SECONDS", SECONDS))
    seed = int(os.environ.get("SLUICE_SEED", random.randrange(1, 2**31)))
    kept = sum(1 for path in pathlib.Path(corpus).glob("*") if path.is_file())
    print(f"SLUICE_SEED={seed}, {kept} files in the corpus, {seconds} s", flush=True)
    if kept == 0:
        print(f"no corpus in {corpus}")
        return 1
    findings = pathlib.Path(program + ".findings")
    findings.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as fresh:
        ran = subprocess.run(
            [program, f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}", f"-max_len={bytes_max}", f"-seed={seed}",
             "-print_final_stats=1", f"-artifact_prefix={findings}/", fresh, corpus],
            env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=seconds + 100, check=False)
    print("\n".join(ran.stdout.splitlines()[-60:]))
    found = re.search(r"^stat::number_of_executed_units:\s*(\d+)", ran.stdout, re.MULTILINE)
    executions = int(found[1]) if found else 0
    if ran.returncode:
        print(f"a finding: exit code {ran.returncode}; the input is in {findings}; repeat with: {program} FILE")
        return 1
    wanted = int(executions_min) * seconds // 60
    if executions < wanted:
        print(f"{executions} executions, fewer than {wanted}")
        return 1
    print(f"{executions} executions, 0 findings")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
