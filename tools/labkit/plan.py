# SPDX-License-Identifier: Apache-2.0
"""What a lab looks like, computed and not yet built: names, addresses, routes. Pure: touches nothing.

    client --- router ---+--- lb1 ... lbN     each balancer on a stick: in and out by its only interface
                         +--- b1 ... bN       answers leave for the client by the router (direct server return)

Every line is a veth pair with a subnet of its own, so every hop is routed and nothing shares a broadcast domain.
"""
import os
import re
from dataclasses import asdict, dataclass, replace

from .errors import USAGE, LabError

VIP4 = "203.0.113.10"
VIP6 = "2001:db8:203::10"
VIP_PORT = 80
CLIENT4 = "10.1.0.2"
CLIENT6 = "fd00:1::2"
BALANCERS4 = "10.2.0.0/16"
BALANCERS6 = "fd00:2::/32"
QUEUES_MAX = 16  # of a balancer's interface
PLANES = ("xdp", "dpdk", "mixed")
PORT_DRIVERS = ("af_xdp", "af_packet")  # what sluice-dpdk has its port by
KERNEL_INTERFACE = "up0"  # the host's own way through a port that sluice-dpdk has for itself
CONTROLS = ("cluster", "file")
BALANCERS = 3  # by default: the fewest of which one may fail, in a cluster
MEMBERS_MAX = 7  # voters of a cluster
NODES_MAX = 200  # one /24 each, and the index is the third byte

_name = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Options:
    name: str = "demo"
    balancers: int = BALANCERS
    backends: int = 4
    weights: tuple[int, ...] = ()
    plane: str = "xdp"
    control: str = "cluster"  # what tells the planes: sluiced on each balancer, or a file
    port: str = "af_xdp"
    encapsulation: str = "ipip"
    underlay: int = 4
    mtu: int = 1500
    slots: int = 65537
    track: bool = True

    def checked(self) -> "Options":
        """The same options with what was left open filled in; raises on anything that can't be built."""
        if not _name.fullmatch(self.name):
            raise LabError(f"--name {self.name!r} is not usable", code=USAGE,
                           hint="1 to 20 of a-z, 0-9 and '-', neither first nor last a '-'")
        fewest = 2 if self.plane == "mixed" else 1
        most = MEMBERS_MAX if self.control == "cluster" else NODES_MAX
        for what, count, low, high in (("--balancers", self.balancers, fewest, most),
                                       ("--backends", self.backends, 1, NODES_MAX)):
            if not low <= count <= high:
                more = f"; --control file takes up to {NODES_MAX}" if high == MEMBERS_MAX and count > high else ""
                raise LabError(f"{what} {count} is out of range", hint=f"{low} to {high}{more}", code=USAGE)
        if not 1280 <= self.mtu <= 3400:
            raise LabError(f"--mtu {self.mtu} is out of range", code=USAGE,
                           hint="1280 (the least of IPv6) to 3400 (XDP on veth needs the packet in one page)")
        if self.plane != "xdp" and self.port == "af_packet" and self.mtu > 1500:
            raise LabError(f"--mtu {self.mtu} is more than a port by af_packet takes", code=USAGE, hint="up to 1500, or --port af_xdp")
        weights = self.weights or (100,)
        if len(weights) == 1:
            weights = weights * self.backends
        if len(weights) != self.backends:
            raise LabError(f"--weights has {len(weights)} numbers for {self.backends} backends", code=USAGE,
                           hint="one number for all, or one for each")
        for weight in weights:
            check_weight(weight)
        return Options(**{**asdict(self), "weights": tuple(weights)})

    def plane_of(self, index: int) -> str:
        """The plane of balancer number `index`, from 1: mixed are odd ones xdp, even ones dpdk."""
        return self.plane if self.plane != "mixed" else ("dpdk", "xdp")[index % 2]


def check_weight(weight: int) -> None:
    if not 0 <= weight <= 65535:
        raise LabError(f"weight {weight} is out of range", hint="0 to 65535; 0 gets no new flows", code=USAGE)


@dataclass(frozen=True)
class Node:
    """One namespace with one line, eth0; `port` is the router's end of it."""
    name: str
    kind: str  # client | balancer | backend
    namespace: str
    port: str
    address4: str
    gateway4: str
    address6: str
    gateway6: str
    mtu: int
    queues: int = 1  # receive queues, as those of a NIC
    plane: str = ""  # of a balancer: xdp | dpdk
    interface: str = "eth0"  # which has the node's addresses


def mac(address4: str) -> str:
    """A locally administered MAC that shows its address: easy to read in a capture."""
    return "02:00:" + ":".join(f"{int(byte):02x}" for byte in address4.split("."))


class Plan:
    def __init__(self, options: Options):
        self.options = options
        self.queues = min(os.cpu_count() or 1, QUEUES_MAX)
        self.router_namespace = self._namespace("router")
        self.client = Node("client", "client", self._namespace("client"), "client",
                           CLIENT4, "10.1.0.1", CLIENT6, "fd00:1::1", 1500)
        self.balancers = [self._balancer(i) for i in range(1, options.balancers + 1)]
        self.backends = [self._node("backend", "b", 3, i) for i in range(1, options.backends + 1)]

    def _namespace(self, node: str) -> str:
        return f"sluice-{self.options.name}-{node}"

    def _node(self, kind: str, prefix: str, net: int, index: int) -> Node:
        name = f"{prefix}{index}"
        return Node(name, kind, self._namespace(name), name, f"10.{net}.{index}.2", f"10.{net}.{index}.1",
                    f"fd00:{net}:{index}::2", f"fd00:{net}:{index}::1", self.options.mtu)

    def _balancer(self, index: int) -> Node:
        node = self._node("balancer", "lb", 2, index)
        if self.options.plane_of(index) == "xdp":
            return replace(node, plane="xdp", queues=self.queues)
        # One worker, which polls one queue. By AF_PACKET the kernel sees every frame as well, and needs no other way.
        return replace(node, plane="dpdk", interface=KERNEL_INTERFACE if self.options.port == "af_xdp" else "eth0")

    @property
    def nodes(self) -> list[Node]:
        return [self.client, *self.balancers, *self.backends]

    @property
    def namespaces(self) -> list[str]:
        return [self.router_namespace, *(node.namespace for node in self.nodes)]

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"lab {self.options.name!r} has no node {name!r}", code=3,
                       hint="nodes: " + ", ".join(["router", *(node.name for node in self.nodes)]))


def namespace_belongs(namespace: str, lab: str) -> bool:
    """Whether a namespace is one of this lab's; a lab 'a' must not claim what a lab 'a-b' made."""
    return re.fullmatch(rf"sluice-{re.escape(lab)}-(client|router|lb\d+|b\d+)", namespace) is not None


def node_sysctls(kind: str) -> dict[str, str]:
    """What a namespace needs before its devices exist. rp_filter is inherited from the host, which may filter."""
    settings = {
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/default/rp_filter": "0",
        "net/ipv6/conf/default/accept_dad": "0",
        "net/ipv6/conf/default/accept_ra": "0",
        "net/ipv6/conf/default/disable_ipv6": "0",
        "net/ipv6/conf/lo/disable_ipv6": "0",
    }
    if kind == "router":
        settings |= {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1",
                     "net/ipv4/fib_multipath_hash_policy": "1", "net/ipv6/fib_multipath_hash_policy": "1"}
    if kind == "client":
        # A retransmission must not change the hash that picks the balancer's queue: a NIC hashes addresses and ports.
        settings["net/core/txrehash"] = "0"
    if kind == "backend":
        # The VIP is on lo: answer ARP only for the interface's own address, and never ask with the VIP as source.
        settings |= {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2",
                     # nginx may start before the agent has put the VIP on lo, and survives its restart.
                     "net/ipv4/ip_nonlocal_bind": "1", "net/ipv6/ip_nonlocal_bind": "1"}
    return settings


def line_commands(node: Node, router_namespace: str) -> list[str]:
    """`ip -batch` lines, run in the node's namespace: its interface, whose far end is born in the router's."""
    queues = f"numrxqueues {node.queues} numtxqueues {node.queues}"
    commands = ["link set lo up",
                f"link add eth0 address {mac(node.address4)} mtu {node.mtu} {queues} type veth"
                f" peer name {node.port} address {mac(node.gateway4)} mtu {node.mtu} {queues} netns {router_namespace}"]
    if node.interface != "eth0":
        # Like a port that a NIC's driver has given away: no address, not even a link-local one.
        commands += ["link set eth0 addrgenmode none", "link set eth0 up",
                     f"tuntap add dev {node.interface} mode tap multi_queue",
                     f"link set {node.interface} address {mac(node.address4)} mtu {node.mtu}"]
    return [*commands,
            f"addr add {node.address4}/24 dev {node.interface}",
            f"addr add {node.address6}/64 dev {node.interface} nodad",
            f"link set {node.interface} up"]


def gateway_commands(node: Node) -> list[str]:
    return [f"route add default via {node.gateway4} dev {node.interface}",
            f"route add default via {node.gateway6} dev {node.interface}"]


def steering_mask(queues: int) -> str:
    """The CPUs 0 to queues - 1, as /sys/class/net/.../rps_cpus wants them."""
    return f"{(1 << queues) - 1:x}"


def router_commands(plan: Plan) -> list[str]:
    """`ip -batch` lines of the router: its ends of the lines, and the VIPs by way of the balancers.

    Several balancers are a group of next-hop objects: a plain multipath route sends all flows whose source is one
    hop's own address to that hop, and an object can be withdrawn alone. Their neighbour entries are permanent: the
    kernel steers around a hop that is not resolved at the moment, which would move flows for no reason of ours."""
    commands = ["link set lo up"]
    for node in plan.nodes:
        commands += [f"addr add {node.gateway4}/24 dev {node.port}",
                     f"addr add {node.gateway6}/64 dev {node.port} nodad",
                     f"link set {node.port} up"]
    for vip, prefix, base in ((VIP4, 32, 4000), (VIP6, 128, 6000)):
        ids = []
        for index, node in enumerate(plan.balancers, start=1):
            gateway = node.address6 if vip == VIP6 else node.address4
            ids.append(base + index)
            commands.append(f"neigh replace {gateway} lladdr {mac(node.address4)} dev {node.port} nud permanent")
            commands.append(f"nexthop add id {base + index} via {gateway} dev {node.port}")
        target = ids[0]
        if len(ids) > 1:
            target = base
            commands.append(f"nexthop add id {base} group " + "/".join(str(number) for number in ids))
        commands.append(f"route add {vip}/{prefix} nhid {target}")
    return commands
