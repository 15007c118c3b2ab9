# SPDX-License-Identifier: Apache-2.0
"""What tests could leave on the machine: namespaces, interfaces, mounts, pins, loaded programs, processes, what DPDK
keeps in files, huge pages."""
import json
import os
import subprocess
import time

PIN_ROOT = "/sys/fs/bpf"
RUN_ROOT = "/run"
DPDK_RUNTIME = "/run/dpdk"
HUGE_PAGES = "/sys/kernel/mm/hugepages"
OURS = ("sluice", "nginx", "packet_", "dpdk")
# iproute2 and libbpf mount these on first use, for the whole machine and for good.
SYSTEM_MOUNTS = ("/run/netns", PIN_ROOT)
# And these come with every BPF file system (CONFIG_BPF_PRELOAD).
KERNEL_PINS = ("maps.debug", "progs.debug")
# A killed process and the kernel's deferred frees need a moment.
PATIENCE_SECONDS = 10


def _entries(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _processes() -> set[str]:
    found = set()
    for pid in filter(str.isdigit, _entries("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            continue
        if name.startswith(OURS):
            found.add(f"process {pid} ({name})")
    return found


def _mounts() -> set[str]:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = {line.split()[4] for line in file}
    return {f"mount {point}" for point in points if point not in SYSTEM_MOUNTS}


def _pins() -> set[str]:
    return {"pin " + os.path.join(directory, name) for directory, names, files in os.walk(PIN_ROOT)
            for name in names + files if name not in KERNEL_PINS}


def _programs() -> set[str]:
    """Loaded BPF programs with our names; they may outlive every process by a pin or a link elsewhere."""
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=False)
    try:
        programs = json.loads(shown.stdout)
    except json.JSONDecodeError:
        return set()
    if not isinstance(programs, list):
        return set()
    return {f"BPF program {program['id']} ({program['name']})" for program in programs
            if str(program.get("name", "")).startswith("sluice")}


def _huge_pages() -> set[str]:
    """Reserved ones: memory that nobody else gets. Tests take those that are there and reserve none."""
    found = set()
    for size in _entries(HUGE_PAGES):
        with open(f"{HUGE_PAGES}/{size}/nr_hugepages", encoding="ascii") as file:
            found.add(f"reserved {size}: {file.read().strip()}")
    return found


def snapshot() -> set[str]:
    found = {f"network namespace {name}" for name in _entries("/run/netns")}
    found |= {f"interface {name}" for name in _entries("/sys/class/net")}
    found |= {f"{RUN_ROOT}/{name}" for name in _entries(RUN_ROOT) if name.startswith("sluice")}
    found |= {f"{DPDK_RUNTIME}/{name}" for name in _entries(DPDK_RUNTIME)}
    return found | _huge_pages() | _processes() | _mounts() | _pins() | _programs()


def since(before: set[str]) -> list[str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        left = sorted(snapshot() - before)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)
