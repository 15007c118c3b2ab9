# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (docs/architecture.md, "Layers"), by the #include lines. That a forbidden include does not
compile either is forbidden_include_test.py's to show."""
import collections
import os
import re

import tree

CORE = {"dataplane/core/base", "dataplane/core/slots", "dataplane/core/config", "dataplane/core/image",
        "dataplane/core/packet", "dataplane/core/plan"}
ABI = "dataplane/abi"
# Folder -> the other folders whose headers it may include.
LAYERS = {
    "dataplane/abi": set(),
    "dataplane/core/base": set(),
    "dataplane/core/slots": {"dataplane/core/base"},
    "dataplane/core/config": {"dataplane/core/base"},
    "dataplane/core/image": CORE | {ABI},
    "dataplane/core/packet": {ABI},
    "dataplane/core/plan": CORE | {ABI},
    "dataplane/host": CORE | {ABI},
    "dataplane/xdp": CORE | {ABI, "dataplane/host"},
    "dataplane/dpdk": CORE | {ABI, "dataplane/host"},
    "dataplane/backend": CORE | {ABI, "dataplane/host"},
    "dataplane/replay": CORE | {ABI, "dataplane/host"},
    "controlplane/raft": {"dataplane/core/base"},
    "controlplane/model": CORE | {ABI},
    "controlplane/node": CORE | {ABI, "controlplane/raft", "controlplane/model"},
    "controlplane/api": CORE | {ABI, "controlplane/raft", "controlplane/model", "controlplane/node"},
    "controlplane/io/api": CORE | {ABI, "controlplane/raft", "controlplane/model", "controlplane/node", "controlplane/api",
                                   "controlplane/io/certs"},
    "controlplane/io/certs": {"dataplane/core/base"},
    "controlplane/io/peers": {"dataplane/core/base", "controlplane/raft", "controlplane/io/certs"},
    "controlplane/io/plane": CORE | {ABI},
    "controlplane/io/runtime": CORE | {ABI, "controlplane/raft", "controlplane/model", "controlplane/node",
                                       "controlplane/io/store", "controlplane/io/peers", "controlplane/io/plane"},
    "controlplane/io/daemon": CORE | {ABI, "controlplane/raft", "controlplane/model", "controlplane/node",
                                      "controlplane/api", "controlplane/io/api", "controlplane/io/certs",
                                      "controlplane/io/store", "controlplane/io/peers", "controlplane/io/runtime",
                                      "controlplane/io/plane"},
    "controlplane/io/store": {"dataplane/core/base", "controlplane/raft"},
    "bpf": {ABI},
    # Certificates are made, and states restored, where no node runs and no API could be asked.
    "tools/cli": CORE | {ABI, "dataplane/replay", "controlplane/raft", "controlplane/model", "controlplane/io/certs",
                         "controlplane/io/store", "controlplane/io/daemon"},
    # Benchmarks measure what they are about: the planes' own pieces.
    "tools/bench": CORE | {ABI, "dataplane/host", "dataplane/xdp", "dataplane/dpdk"},
}
# These measure and test everything, and nothing includes them.
FREE = ("perf", "tests")

# System headers that a folder must not see: no clock, thread, file or kernel interface in what is pure.
PURE = re.compile(r"(bpf|libmnl|linux|sys|asm|net|openssl|pcap|boost/asio|boost/beast)/|boost/asio|rte_|sqlite3"
                  r"|(chrono|ctime|time\.h|thread|stop_token|mutex|shared_mutex|condition_variable|future|semaphore|latch"
                  r"|barrier|fstream|iostream|filesystem|random|unistd\.h|fcntl\.h|poll\.h|signal\.h|csignal|netdb\.h)$")
# Durations and points in time are values; a clock is what turns them into the present, and no pure function reads one.
PURE_BUT_DURATIONS = re.compile(PURE.pattern.replace("chrono|ctime", "ctime"))
FORBIDDEN_SYSTEM = {
    "dataplane/abi": re.compile(r"(?!(stddef|stdint|string)\.h$)"),
    "dataplane/core": PURE,
    "controlplane/raft": PURE,
    "controlplane/model": PURE,
    "controlplane/node": PURE_BUT_DURATIONS,
    "controlplane/api": PURE_BUT_DURATIONS,
    "bpf": re.compile(r"(?!linux/|bpf/)"),
}
# Asio and what comes with it only here.
IO_ONLY = re.compile(r"boost/(asio|beast)|openssl/|sqlite3\.h")
IO_FOLDER = "controlplane/io"
# The command line speaks HTTP over TLS to the API; a second client by hand would be a second set of faults.
IO_CLIENT = ("tools/cli/api_client.cc", "tools/cli/server_certificate.cc", "tools/cli/server_certificate.h")


def _allowed(folder: str) -> set[str] | None:
    """None: everything but perf and tests."""
    if folder.split("/")[0] in FREE:
        return None
    return LAYERS.get(folder, set()) | {folder}


def _headers() -> dict[str, list[str]]:
    found = collections.defaultdict(list)
    for path in tree.c_files():
        if path.endswith(".h"):
            found[os.path.basename(path)].append(os.path.dirname(path))
    return found


def wrong_includes(path: str, text: str, headers: dict[str, list[str]]) -> list[str]:
    folder, wrong = os.path.dirname(path), []
    allowed = _allowed(folder)
    for kind, name in tree.includes_of(text):
        if kind == '"':
            if name.endswith("_object.cc"):
                continue
            if name not in headers:
                wrong.append(f'{path}: "{name}" is no header of ours by its bare name')
                continue
            place = headers[name][0]
            into_free = place.split("/")[0] in FREE and folder.split("/")[0] != place.split("/")[0]
            if into_free or (allowed is not None and place not in allowed):
                wrong.append(f'{path}: "{name}" of {place} is not below {folder}')
            continue
        is_io = folder.startswith(IO_FOLDER) or path in IO_CLIENT or folder.split("/")[0] in FREE
        if IO_ONLY.match(name) and not is_io:
            wrong.append(f"{path}: <{name}> belongs to {IO_FOLDER}")
        for prefix, forbidden in FORBIDDEN_SYSTEM.items():
            if (folder + "/").startswith(prefix + "/") and forbidden.match(name):
                wrong.append(f"{path}: <{name}> is not for {prefix}")
    return wrong


def test_header_names_are_unique():
    assert {name: places for name, places in _headers().items() if len(places) > 1} == {}


def test_every_folder_has_a_layer():
    folders = {os.path.dirname(path) for path in tree.c_files()}
    assert {folder for folder in folders if folder.split("/")[0] not in FREE} <= set(LAYERS)


def test_includes_point_down():
    headers = _headers()
    wrong = [line for path in tree.c_files() for line in wrong_includes(path, tree.text_of(path), headers)]
    assert not wrong, "\n".join(wrong)


def test_the_check_sees_what_it_should():
    headers = _headers()

    def refused(path, include):
        return wrong_includes(path, f"#include {include}\n", headers)

    assert refused("dataplane/core/image/x.cc", '"map_set.h"')
    assert refused("dataplane/abi/x.h", '"error.h"')
    assert refused("dataplane/xdp/x.cc", '"backend_agent.h"')
    assert refused("dataplane/core/slots/x.cc", '"test_seed.h"')
    assert refused("dataplane/core/slots/x.cc", '"../slots/maglev.h"')
    for name in ("bpf/libbpf.h", "chrono", "thread", "fstream", "sys/mman.h", "libmnl/libmnl.h", "unistd.h", "random"):
        assert refused("dataplane/core/slots/x.cc", f"<{name}>"), name
    assert refused("dataplane/abi/x.h", "<vector>")
    assert refused("bpf/x.c", "<stdint.h>")
    assert refused("dataplane/host/x.cc", "<boost/asio.hpp>")
    assert not refused("dataplane/core/image/x.cc", '"sluice_image.h"')
    assert not refused("dataplane/core/image/x.cc", "<algorithm>")
    assert not refused("bpf/x.c", "<linux/bpf.h>")
