# SPDX-License-Identifier: Apache-2.0
"""What sluice-dpdk says no to: one line each, and nothing left behind."""
from bed import run
from dpdk_bed import DpdkBed


def test_no_port_configured(bed):
    bed.write_config(bed.config.text())
    for arguments in ((), ("--check",)):
        ended = bed.run_plane(*arguments)
        assert ended.returncode == 2 and "[plane.dpdk] is missing" in ended.stderr, ended


def test_check_only(bed):
    bed.write_config()
    done = bed.run_plane("--check")
    assert done.returncode == 0 and done.stdout.endswith(": ok\n"), done


def test_huge_pages_that_are_not_there(bed):
    bed.dpdk_more = 'memory = "huge"\npacket_buffers = 8388608'
    line = bed.refusal()
    assert "too few huge pages" in line and "nr_hugepages" in line and 'memory = "ordinary"' in line


def test_interface_that_is_not_there(bed):
    bed.ports = [f'{{ device = "net_{bed.kind}0,iface=nosuch" }}']
    line = bed.refusal()
    assert f"port net_{bed.kind}0: the device cannot be made" in line and "is there an interface nosuch" in line


def test_driver_that_does_not_exist(bed):
    bed.ports = ['{ device = "net_nonsense0" }']
    assert "port net_nonsense0: there is no driver of this name" in bed.refusal()


def test_pci_device_that_is_not_there(bed):
    bed.ports = ['{ device = "0000:00:1f.7" }']
    line = bed.refusal()
    assert "no DPDK driver has taken this PCI device" in line and "vfio-pci" in line


def test_too_few_queues(bed):
    bed.workers = 2
    line = bed.refusal()
    assert "too few queues" in line and ("qpairs=N" if bed.kind == "af_packet" else "queue_count=N") in line


def test_mtu_that_the_port_cannot_have(bed):
    bed.ports = [f'{{ device = "net_{bed.kind}0,iface=eth0", mtu = 9000 }}']
    line = bed.refusal()
    assert "does not take an MTU of 9000" in line, line


def test_pool_larger_than_the_ports_mtu(bed):
    bed.config.pool_more = "mtu = 1600"
    line = bed.refusal()
    assert 'pool "web" sends packets of up to 1600 bytes' in line and "raise mtu of the port" in line


def test_too_few_buffers(bed):
    bed.dpdk_more = "packet_buffers = 1024"
    line = bed.refusal()
    assert "packet_buffers = 1024 is too few" in line and "write packet_buffers = " in line


def test_cpu_that_it_may_not_have(bed):
    bed.dpdk_more = "cpus = [1000]"
    assert "this process may not run on CPU 1000; it may on " in bed.refusal()


def test_more_workers_than_cpus(bed):
    bed.workers = 64
    assert "workers = 64, but this process may run on" in bed.refusal()


def test_kernel_interface_that_is_something_else(bed):
    run("ip", "-n", bed.balancer, "link", "add", "taken", "type", "veth", "peer", "name", "taken2")
    bed.ports = [f'{{ device = "net_{bed.kind}0,iface=eth0", kernel_interface = "taken" }}']
    line = bed.refusal()
    assert "kernel interface taken: the name belongs to another interface" in line
    assert bed.has_link("taken")


def test_new_kernel_interface_goes_again_if_the_start_fails():
    with DpdkBed("af_packet", lines=2) as bed:
        bed.ports = ['{ device = "net_af_packet0,iface=eth0", kernel_interface = "new0" }',
                     '{ device = "net_af_packet1,iface=eth1", kernel_interface = "eth1" }']
        bed.refusal()
        assert not bed.has_link("new0")


def test_second_process(bed):
    bed.write_config()
    bed.start()
    ended = bed.run_plane()
    assert ended.returncode == 1 and "another sluice-dpdk runs with the control socket" in ended.stderr, ended
    assert bed.ask("status")["ok"]
