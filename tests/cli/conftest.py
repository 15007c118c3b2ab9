# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE", os.path.join(ROOT, "build", "tools", "sluice"))
EXAMPLES = os.path.join(ROOT, "examples")
BAD = os.path.join(ROOT, "tests", "config", "bad")


class Ran:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def json(self):
        return json.loads(self.out)


def run(*words, **options):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    environment.update(options.pop("environment", {}))
    return Ran(subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=30, env=environment,
                              **({} if "input" in options else {"stdin": options.pop("stdin", subprocess.DEVNULL)}), **options))


@pytest.fixture
def sluice():
    return run


@pytest.fixture
def site():
    return os.path.join(EXAMPLES, "site.toml")


@pytest.fixture
def changed_site(tmp_path, site):
    """site.toml with one weight halved, as a path."""
    with open(site, encoding="utf-8") as file:
        text = file.read()
    assert 'address = "10.0.1.12", weight = 100' in text
    path = tmp_path / "changed.toml"
    path.write_text(text.replace('address = "10.0.1.12", weight = 100', 'address = "10.0.1.12", weight = 50'))
    return str(path)
