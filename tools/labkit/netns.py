# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: make, enter, remove. All commands into a namespace go through here.

`ip netns exec` is not used: it gives the program a mount namespace of its own, in which pins under a bpffs are hidden."""
import ctypes
import os
import re
import subprocess

from . import interrupts
from .errors import LabError

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
NETNS_DIRECTORY = "/run/netns"


def run(*arguments: str, stdin: str | None = None) -> str:
    """Runs a program of the system; its standard output, or a LabError that shows what it said."""
    try:
        with interrupts.deferred():
            result = subprocess.run(arguments, input=stdin, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise LabError(f"the program {arguments[0]!r} is missing", hint="sudo tools/setup installs it") from None
    if result.returncode != 0:
        raise LabError(f"`{' '.join(arguments)}` failed ({result.returncode})",
                       detail=(result.stderr or result.stdout).strip())
    return result.stdout


def ip_batch(namespace: str, commands: list[str]) -> None:
    try:
        run("ip", "-n", namespace, "-batch", "-", stdin="\n".join(commands) + "\n")
    except LabError as error:
        match = re.search(r"Command failed -:(\d+)", error.detail)
        if match:
            error.what = f"in {namespace}: `ip {commands[int(match[1]) - 1]}` failed"
        raise


def exists(namespace: str) -> bool:
    return os.path.exists(f"{NETNS_DIRECTORY}/{namespace}")


def names() -> list[str]:
    try:
        return sorted(os.listdir(NETNS_DIRECTORY))
    except FileNotFoundError:
        return []


def add(namespace: str) -> None:
    run("ip", "netns", "add", namespace)


def remove(namespace: str) -> None:
    if exists(namespace):
        run("ip", "netns", "del", namespace)


def enter(namespace: str) -> None:
    """Moves the calling process (its one thread) into the namespace, for good."""
    try:
        handle = os.open(f"{NETNS_DIRECTORY}/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LabError(f"there is no namespace {namespace}", code=3) from None
    try:
        if _libc.setns(handle, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise LabError(f"cannot enter namespace {namespace}: {os.strerror(number)}", hint="this needs root")
    finally:
        os.close(handle)


def inode(namespace: str) -> int:
    return os.stat(f"{NETNS_DIRECTORY}/{namespace}").st_ino


def write_sysctls(namespace: str, settings: dict[str, str]) -> None:
    """Files below /proc/sys/net show the namespace of whoever opens them, hence the child."""
    reader, writer = os.pipe()
    child = interrupts.fork()
    if child == 0:
        try:
            enter(namespace)
            for name, value in settings.items():
                if os.path.exists(f"/proc/sys/{name}"):  # a kernel without the feature has no file
                    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
                        file.write(value)
        except (OSError, LabError) as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        complaint = file.read().decode()
    os.waitpid(child, 0)
    if complaint:
        raise LabError(f"cannot set the kernel parameters of {namespace}", detail=complaint)
