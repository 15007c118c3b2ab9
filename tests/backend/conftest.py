# SPDX-License-Identifier: Apache-2.0
"""A site per test, and a look at what might stay behind."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from host_site import Site  # noqa: E402


@pytest.fixture
def site(tmp_path, request):
    site = Site(tmp_path, **getattr(request, "param", {}))
    try:
        site.up()
        yield site
    finally:
        site.down()
    assert not os.path.exists(f"{tmp_path}/state"), "notes stayed behind"
