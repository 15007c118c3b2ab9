# SPDX-License-Identifier: Apache-2.0
"""What sluice-xdp says when it cannot do what it is asked to, and that it leaves nothing behind then."""
import os
import socket
import time

import pytest

import bed as bed_module
from bed import Bed, assert_nothing_lost, run


def refused(bed: Bed, *words: str, code: int = 1) -> str:
    """One line that contains all the words; nothing attached, nothing pinned, no socket."""
    result = bed.run_plane()
    assert result.returncode == code, result
    assert result.stderr.count("\n") == 1 and result.stdout == "", result
    for word in words:
        assert word in result.stderr, result.stderr
    return result.stderr


def assert_clean(bed: Bed) -> None:
    assert bed.pins() == [] and not os.path.exists(bed.config.socket)
    assert all(bed.xdp_of(interface) == "" for interface in bed.interfaces)


def test_interface_missing(bed):
    bed.config.interfaces = ["eth0", "eth7"]
    bed.write_config()
    refused(bed, '"eth7"', "ip -br link")
    assert_clean(bed)


def test_bad_configuration(bed):
    bed.write_config(bed.config.text().replace("weight = 100", "weight = 70000"))
    result = bed.run_plane()
    assert result.returncode == 2 and "weight" in result.stderr and bed.config_file + ":" in result.stderr
    bed.config.interfaces = []
    bed.write_config()
    refused(bed, "interfaces", code=2)
    os.unlink(bed.config_file)
    refused(bed, "cannot read the file", code=2)
    assert_clean(bed)
    assert run(*bed.plane_command()[:3], check=False).returncode == 2


def test_check_only(bed):
    bed.write_config()
    result = bed.run_plane("--check")
    assert result.returncode == 0 and result.stdout.strip().endswith(": ok")
    assert_clean(bed)


def test_mtu_too_large():
    with Bed(mtu=9000) as jumbo:
        jumbo.config.mode = "native"
        jumbo.write_config()
        refused(jumbo, "MTU", "9000", "mtu", "generic")
        assert_clean(jumbo)
        jumbo.config.mode = "auto"
        jumbo.write_config()
        jumbo.start()
        interface = jumbo.ask("status")["interfaces"][0]
        assert interface["mode"] == "generic" and "MTU" in interface["note"], interface


def test_another_program_is_attached(bed):
    run("ip", "-n", bed.balancer, "link", "set", "dev", "eth0", "xdp", "obj", bed_module.PASS, "sec", "xdp")
    bed.write_config()
    refused(bed, "another XDP program", "xdp off")
    assert bed.pins() == []
    run("ip", "-n", bed.balancer, "link", "set", "dev", "eth0", "xdp", "off")
    assert_clean(bed)


def test_second_interface_refused_leaves_the_first_free():
    with Bed(lines=2) as two:
        run("ip", "-n", two.balancer, "link", "set", "dev", "eth1", "xdp", "obj", bed_module.PASS, "sec", "xdp")
        two.write_config()
        refused(two, "eth1", "another XDP program")
        assert two.xdp_of("eth0") == "" and two.pins() == []


def test_no_privileges(bed):
    bed.write_config()
    os.chmod(bed.directory, 0o755)
    os.chmod(f"{bed.directory}/bpf", 0o1777)
    result = run("timeout", "30", *bed.enter(bed.balancer), "setpriv", "--inh-caps=-all", "--bounding-set=-all", bed_module.PLANE,
                 "--config", bed.config_file, check=False)
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result
    assert "CAP_BPF" in result.stderr and "CAP_NET_ADMIN" in result.stderr, result.stderr
    assert_clean(bed)


def test_three_capabilities_are_enough_and_two_are_not(bed):
    """On a pin directory of one's own; the files are root's here, so nothing but capabilities is given up."""
    bed.write_config()
    for kept, code in (("net_admin,bpf", 1), ("net_admin,bpf,perfmon", 124)):
        only = "-all," + ",".join("+" + name for name in kept.split(","))
        result = run("timeout", "-s", "INT", "-k", "20", "--preserve-status" if code == 1 else "--foreground", "10",
                     *bed.enter(bed.balancer), "setpriv", f"--inh-caps={only}", f"--bounding-set={only}", bed_module.PLANE, "--config",
                     bed.config_file, check=False)
        assert result.returncode == code, result
        assert ("ready: " in result.stdout) == (code == 124), result
        if code == 1:
            assert "CAP_PERFMON" in result.stderr and result.stderr.count("\n") == 1, result.stderr
            assert_clean(bed)


def test_pin_directory_elsewhere(bed):
    bed.config.pins = f"{bed.directory}/plain/sluice"
    bed.write_config()
    refused(bed, "BPF file system", "mount -t bpf")
    assert not os.path.exists(f"{bed.directory}/plain")


def test_ip_netns_exec_would_lose_the_pins(bed):
    bed.config.pins = f"/sys/fs/bpf/{bed.name}"
    bed.write_config()
    result = run("timeout", "30", "ip", "netns", "exec", bed.balancer, bed_module.PLANE, "--config", bed.config_file, check=False)
    assert result.returncode == 1 and "nsenter" in result.stderr, result


def test_second_process_on_the_same_pins(bed):
    bed.write_config()
    plane = bed.start()
    refused(bed, "another sluice-xdp", "pin_directory")
    assert plane.poll() is None and bed.ask("status")["ok"]


def test_control_socket_taken(bed):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(bed.config.socket)
        other.listen(1)
        bed.write_config()
        refused(bed, "in use")
        assert bed.pins() == [] and bed.xdp_of() == ""
    # Left by somebody who is gone: replaced.
    bed.start()


@pytest.mark.parametrize("damage", ["hash_key", "pool = ", "truncated"])
def test_a_bad_file_keeps_the_running_generation(bed, damage):
    bed.write_config()
    bed.start()
    good = bed.config.text()
    text = good[: len(good) // 2] if damage == "truncated" else good.replace(damage, "x" + damage)
    with bed.traffic() as counts:
        bed.write_config(text)
        answer = bed.ask("reload")
        assert answer["ok"] is False and answer["exit_code"] == 2 and len(answer["errors"]) >= 1, answer
        assert bed.config_file + ":" in answer["error"]
        assert bed.ask("status")["generation"] == 1
        time.sleep(0.1)
    assert_nothing_lost(counts, 10)
    assert "generation 1 stays" in bed.log()


def test_what_a_reload_cannot_change(bed):
    bed.write_config()
    bed.start()
    for key, value in (("mode", "generic"), ("pins", f"{bed.directory}/bpf/other"), ("socket", f"{bed.directory}/other")):
        before = getattr(bed.config, key)
        setattr(bed.config, key, value)
        bed.write_config()
        setattr(bed.config, key, before)
        answer = bed.ask("reload")
        assert answer["exit_code"] == 4 and "restart" in answer["error"], answer
    bed.config.interfaces = ["eth0", "eth9"]
    bed.write_config()
    answer = bed.ask("reload")
    assert answer["ok"] is False and "eth9" in answer["error"]
    assert bed.ask("status")["generation"] == 1 and bed.xdp_of() == "sluice_balancer"


def test_requests_from_anybody(bed):
    bed.write_config()
    bed.start()
    for line in (b"", b"{}", b"null", b"[" * 5000, b'{"op":"status"', b"\x00\xff", b'{"op":"explain","source":1}'):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(bed.config.socket)
            client.sendall(line + b"\n" + b'{"op":"version"}\n')
            answers = client.makefile("rb")
            first = answers.readline()
            assert b'"ok":false' in first or (line == b"" and b'"ok":true' in first), first
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(bed.config.socket)
        try:
            client.sendall(b"x" * 200000)
        except OSError:
            pass  # it may close before we are done
        assert b"longer than" in client.makefile("rb").readline()
    assert bed.ask("version")["plane"] == "xdp"
