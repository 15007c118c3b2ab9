# SPDX-License-Identifier: Apache-2.0
"""A forbidden include does not compile: probes are compiled exactly as a file of the folder is, by its own command of
compile_commands.json. Each probe has a twin with an allowed include that must compile, or the refusal proves nothing."""
import json
import os
import shlex
import subprocess

import pytest

BUILD = os.environ["SLUICE_BUILD"]
PROBES = [
    # a file of the folder, forbidden, allowed
    ("dataplane/core/slots/maglev.cc", "sluice_image.h", "error.h"),
    ("dataplane/core/slots/maglev.cc", "map_set.h", "maglev.h"),
    ("dataplane/core/image/image_writer.cc", "map_set.h", "sluice_image.h"),
    ("dataplane/core/image/image_writer.cc", "netlink_socket.h", "slot_table.h"),
    ("dataplane/core/config/config.cc", "image_writer.h", "ip_address.h"),
    ("dataplane/core/base/error.cc", "config.h", "strong_types.h"),
    ("dataplane/host/event_loop.cc", "map_set.h", "image_writer.h"),
    ("dataplane/host/plane.cc", "xdp_forwarding.h", "event_loop.h"),
    ("dataplane/xdp/xdp_forwarding.cc", "backend_agent.h", "event_loop.h"),
    ("dataplane/backend/backend_agent.cc", "xdp_forwarding.h", "event_loop.h"),
    ("controlplane/raft/raft_core.cc", "sluice_image.h", "strong_types.h"),
    ("controlplane/io/store/store.cc", "peers.h", "raft.h"),
    ("controlplane/io/certs/cert_issue.cc", "raft.h", "ip_address.h"),
    ("controlplane/io/peers/peers.cc", "store.h", "cert_issue.h"),
    # Not "error.h": glibc has one too.
    ("tests/tree/abi_alone.cc", "strong_types.h", "sluice_pipeline.h"),
    ("tests/tree/abi_alone.c", "strong_types.h", "sluice_pipeline.h"),
]


def _command(source: str) -> tuple[list[str], str]:
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
            if path.endswith("/" + source):
                words = shlex.split(entry["command"])
                kept = [word for word in words if word.startswith(("-I", "-i", "-D", "-std", "-W"))]
                return [words[0] if words[0] != "ccache" else words[1], *kept], entry["directory"]
    raise AssertionError(f"{source} is compiled nowhere")


def _compiles(source: str, include: str, directory: str) -> tuple[bool, str]:
    # Outside of the folder: the directory of the including file itself would be searched.
    probe = os.path.join(directory, "probe" + os.path.splitext(source)[1])
    with open(probe, "w", encoding="utf-8") as file:
        file.write(f'#include "{include}"\n')
    command, where = _command(source)
    ran = subprocess.run([*command, "-Wno-unused-function", "-fsyntax-only", probe], cwd=where, capture_output=True, text=True,
                         check=False)
    return ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("source, forbidden, allowed", PROBES)
def test_forbidden_include_does_not_compile(source, forbidden, allowed, tmp_path):
    good, errors = _compiles(source, allowed, str(tmp_path))
    assert good, errors
    good, errors = _compiles(source, forbidden, str(tmp_path))
    assert not good, f'"{forbidden}" is within reach of {source}'
    assert forbidden in errors and ("No such file" in errors or "file not found" in errors), errors
