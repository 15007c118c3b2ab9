#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every BPF source by every supported clang: it compiles, the kernel loads it, and the balancer passes its fixtures.

usage: bpf_compilers_test.py RUNNER DIFFERENTIAL BPF_DIRECTORY CLANG_ARGUMENT...

Code that is right by luck with one compiler shows here. A compiler that is not installed is named and left out;
tools/setup installs all three.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fixture_test  # noqa: E402

COMPILERS = ["clang-14", "clang-16", "clang-19"]
# Object -> (source, further arguments, plane of packet_runner or None).
BALANCERS = {
    "balancer": ("balancer", [], "xdp"),
    "balancer_lookup": ("balancer", ["-DSLUICE_TABLES_BY_LOOKUP"], "xdp-lookup"),
}
RANDOM_FRAMES = "50000"


def run(command, what):
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        print(f"{what}: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def loads(binary, what):
    """Loaded and pinned in a BPF file system that goes with the process."""
    script = 'mount -t bpf bpf /sys/fs/bpf && bpftool prog loadall "$1" /sys/fs/bpf/test'
    return run(["unshare", "--mount", "sh", "-c", script, "sh", str(binary)], f"{what} does not load")


def behaves(binary, plane, what, cases, runner, differential):
    command = [differential, "compare", plane, str(binary), str(HERE / "configs"), RANDOM_FRAMES]
    return fixture_test.agrees(cases, fixture_test.PlaneProcess(plane, runner, str(binary)), what) and run(command, what)


def check(compiler, cases, programs, sources, arguments, directory):
    names = [source.name.removesuffix(".bpf.c") for source in sources]
    objects = {name: (name, [], None) for name in names} | BALANCERS
    good = 0
    for name, (source, more, plane) in objects.items():
        binary = directory / f"{name}-{compiler}.bpf.o"
        command = [compiler, *arguments, *more, "-c", str(sources[0].parent / f"{source}.bpf.c"), "-o", str(binary)]
        if not run(command, f"{compiler} {name}"):
            continue
        what = f"{name} by {compiler}"
        good += loads(binary, what) if plane is None else behaves(binary, plane, what, cases, *programs)
    print(f"{compiler}: {good} of {len(objects)} objects good: {', '.join(objects)}")
    return good == len(objects)


def main(runner, differential, bpf_directory, *arguments):
    sources = sorted(pathlib.Path(bpf_directory).glob("*.bpf.c"))
    installed = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    for compiler in COMPILERS:
        if compiler not in installed:
            print(f"{compiler} is not installed: left out")
    if not installed or not sources:
        return 1
    with tempfile.TemporaryDirectory() as directory:
        cases = fixture_test.load_cases()
        results = [check(compiler, cases, (runner, differential), sources, arguments, pathlib.Path(directory))
                   for compiler in installed]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
