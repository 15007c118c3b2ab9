# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "xdp")]


@pytest.fixture(params=["af_packet", "af_xdp"])
def bed(request):
    from dpdk_bed import DpdkBed
    with DpdkBed(request.param) as made:
        yield made


@pytest.fixture
def xdp_bed():
    from dpdk_bed import DpdkBed
    with DpdkBed("af_xdp") as made:
        yield made
