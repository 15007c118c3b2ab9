# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REPLAY = os.environ.get("SLUICE_REPLAY", os.path.join(ROOT, "build", "dataplane", "sluice-replay"))

CONFIG = """
hash_key = "000102030405060708090a0b0c0d0e0f"
[plane]
source_ipv4 = "10.0.0.2"
source_ipv6 = "fd00::2"
flows_per_cpu = 1024
icmp_per_second = 3

[[pool]]
name = "web"
slots = 16381
backends = [
  { name = "web1", address = "10.0.1.11" },
  { name = "web2", address = "10.0.1.12" },
  { name = "web3", address = "10.0.1.13" },
]
[[pool]]
name = "six"
slots = 16381
encapsulation = "gue"
backends = [ { name = "six1", address = "fd00:1::11" } ]
[[pool]]
name = "near"
slots = 16381
encapsulation = "l2"
backends = [ { name = "near1", address = "10.0.0.21" }, { name = "near2", address = "10.0.0.22" } ]
[[pool]]
name = "empty"
backends = []

[[service]]
name = "http"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
track = false
[[service]]
name = "http6"
address = "2001:db8:10::10"
port = 80
protocol = "tcp"
pool = "six"
track = false
[[service]]
name = "game"
address = "203.0.113.20"
port = 0
protocol = "udp"
pool = "near"
[[service]]
name = "down"
address = "203.0.113.30"
port = 80
protocol = "tcp"
pool = "empty"
"""


class Ran:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        # The site has an empty pool, of which the configuration's reader warns.
        lines = process.stderr.splitlines(keepends=True)
        self.warnings = [line for line in lines if ": warning: " in line]
        self.err = "".join(line for line in lines if line not in self.warnings)

    def json(self):
        return json.loads(self.out)


class Replay:
    """sluice-replay in a directory of its own, with capture files by name."""

    def __init__(self, directory):
        self.directory = directory
        self.write("site.toml", CONFIG)

    def path(self, name):
        return str(self.directory / name)

    def write(self, name, content):
        (self.directory / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name):
        return (self.directory / name).read_bytes()

    def run(self, *words, config="site.toml", **options):
        return Ran(subprocess.run([REPLAY, "--config", config, *words], cwd=self.directory, capture_output=True, text=True,
                                  timeout=30, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                                  **({"stdin": subprocess.DEVNULL} | options)))


@pytest.fixture
def replay(tmp_path):
    return Replay(tmp_path)
