# SPDX-License-Identifier: Apache-2.0
"""What sluice-backend does to its host, and takes back: addresses, ARP, rules, programs; refusals. Needs root."""
import os
import shutil
import signal
import subprocess
import tempfile

import pytest
from host_site import AGENT, BACKEND4, BUILD, VIP4, VIP6, Site, run
from host_traffic import arp_answered


def host_picture(site: Site) -> list[str]:
    return [site.ip("-br", "address", "show"), site.ip("rule"), site.ip("-6", "rule"), site.ip("-o", "link", "show", "eth0"),
            run("ip", "-n", site.backend, "route", "show", "table", "6080", check=False),
            run("ip", "-n", site.backend, "-6", "route", "show", "table", "6080", check=False),
            site.get("ipv4/conf/eth0/arp_ignore"), site.get("ipv4/conf/eth0/arp_announce")]


def test_takes_back_what_it_made(site):
    site.ip("address", "add", f"{VIP4}/32", "dev", "lo")  # the operator's own: stays
    before = host_picture(site)
    agent = site.start_agent()
    during = host_picture(site)
    assert VIP6 in during[0] and "lookup 6080" in during[1] and "xdp" in during[3]
    assert during[6:] == ["1", "2"]
    assert site.stop_agent(agent) == 0
    assert host_picture(site) == before
    assert VIP4 in before[0]


def test_detach_after_a_kill(site):
    before = host_picture(site)
    agent = site.start_agent()
    refused = site.command("--detach", check=False)
    assert refused.returncode == 4 and str(agent.pid) in refused.stderr
    site.stop_agent(agent, signal.SIGKILL)
    assert host_picture(site) != before
    site.command("--detach")
    assert host_picture(site) == before
    assert not os.path.exists(f"{site.directory}/state")
    site.command("--detach")  # nothing to do is no error


def test_a_failed_restart_leaves_what_serves(site):
    agent = site.start_agent()
    during = host_picture(site)
    site.stop_agent(agent, signal.SIGKILL)
    failed = site.command(*site.USUAL, "--interface", "eth7", check=False)
    assert failed.returncode == 3 and "stays as it is" in failed.stderr
    assert host_picture(site) == during


def test_a_new_configuration_replaces_the_old(site):
    agent = site.start_agent()
    site.stop_agent(agent, signal.SIGQUIT)
    agent = site.start_agent("--interface", "eth0", "--vip", "203.0.113.99", "--allow", "10.2.0.0/16", usual=False)
    addresses = site.ip("-br", "address", "show", "dev", "lo")
    assert "203.0.113.99" in addresses and VIP4 not in addresses and VIP6 not in addresses
    assert VIP4 not in site.ip("rule") and "203.0.113.99" in site.ip("rule")
    assert site.ip("-6", "rule").count("6080") == 0
    site.stop_agent(agent)


def test_vips_are_not_answered_by_arp(site):
    site.ip("address", "add", f"{VIP4}/32", "dev", "lo")
    assert arp_answered(site, VIP4), "without the agent the kernel answers for every address: the test can tell"
    agent = site.start_agent()
    assert not arp_answered(site, VIP4)
    assert arp_answered(site, BACKEND4)
    site.stop_agent(agent)
    assert arp_answered(site, VIP4)


def test_l2_only_has_no_program(site):
    agent = site.start_agent("--interface", "eth0", "--vip", VIP4, "--no-tunnels", usual=False)
    assert "xdp" not in site.ip("-o", "link", "show", "eth0")
    assert VIP4 in site.ip("-br", "address", "show", "dev", "lo")
    assert not arp_answered(site, VIP4)
    site.stop_agent(agent)


def test_refusals(site, tmp_path):
    def refusal(*arguments: str, code: int, prefix: tuple[str, ...] = ()) -> str:
        result = site.command(*arguments, check=False, prefix=prefix)
        assert result.returncode == code, result
        return result.stderr

    picture = host_picture(site)
    assert "no interface \"eth7\"" in refusal("--interface", "eth7", "--vip", VIP4, "--allow", "10.2.0.0/16", code=3)
    assert "--allow" in refusal("--interface", "eth0", "--vip", VIP4, code=2)
    assert "--vip" in refusal("--interface", "eth0", "--allow", "10.2.0.0/16", code=2)
    assert "bits beyond /8" in refusal(*site.USUAL, "--allow", "10.2.0.0/8", code=2)
    assert "VIP and a tunnel end" in refusal(*site.USUAL, "--local", VIP4, code=2 + 2)
    assert "not a unicast" in refusal(*site.USUAL, "--vip", "224.0.0.1", code=2)
    assert "--interfaces" in refusal("--interfaces", "eth0", code=2)
    config = tmp_path / "bad.toml"
    config.write_text('interfaces = ["eth0"]\nvip = ["203.0.113.10"]\n')
    assert f'{config}:2:1: unknown key "vip"; did you mean "vips"?' in refusal("--config", str(config), code=2)
    assert "sluice-backend does not run" in refusal("--status", code=3)
    assert host_picture(site) == picture
    # Somebody else's program stays.
    other = f"{site.pins}/other"
    run("bpftool", "prog", "load", f"{BUILD}/bpf/pass.bpf.o", other, "type", "xdp")
    try:
        run("nsenter", f"--net=/run/netns/{site.backend}", "bpftool", "net", "attach", "xdp", "pinned", other, "dev", "eth0")
        text = refusal(*site.USUAL, code=4)
        assert "another XDP program" in text and "sluice_pass" in text
        assert "xdp" in site.ip("-o", "link", "show", "eth0")
    finally:
        os.unlink(other)
    site.ip("link", "set", "dev", "eth0", "xdp", "off")
    assert host_picture(site) == picture


@pytest.fixture
def public_directory():
    """Unlike tmp_path, anybody may write here."""
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o777)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("writable, message", [(True, "CAP_BPF and CAP_NET_ADMIN"), (False, "--state-directory")])
def test_without_privileges(public_directory, writable, message):
    """In a user namespace of one's own: every capability but for the host's BPF."""
    os.chmod(public_directory, 0o777 if writable else 0o755)
    result = subprocess.run(["unshare", "-rn", AGENT, "--interface", "lo", "--vip", VIP4, "--allow", "10.2.0.0/16",
                             "--local", BACKEND4, "--pin-directory", "none", "--state-directory",
                             f"{public_directory}/state"],
                            capture_output=True, text=True, timeout=20, user=65534, cwd="/")
    assert result.returncode == 1
    assert "needs root" in result.stderr and message in result.stderr and result.stderr.count("\n") == 1, result.stderr


def test_config_file(site, tmp_path):
    config = tmp_path / "backend.toml"
    config.write_text(f'interfaces = ["eth0"]\nvips = ["{VIP4}", "{VIP6}"]\nallow = ["10.2.0.0/16", "fd00:2::/32"]\n'
                      'mss = 1300\nmode = "generic"\n')
    site.start_agent("--config", str(config), "--mss", "1250", usual=False)
    assert "eth0 generic" in site.agent_log and "MSS 1250 (IPv4), 1230 (IPv6)" in site.agent_log


def test_strict_reverse_path_is_mentioned(site):
    site.set(site.backend, "ipv4/conf/eth0/rp_filter", "1")
    agent = site.start_agent()
    assert "rp_filter" not in site.agent_log  # the default route leaves by eth0: nothing is dropped
    site.stop_agent(agent)
    site.ip("route", "del", "default")
    site.start_agent()
    assert "warning: eth0: rp_filter is strict" in site.agent_log and "rp_filter=2" in site.agent_log
