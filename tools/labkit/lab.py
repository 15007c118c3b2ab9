# SPDX-License-Identifier: Apache-2.0
"""Brings a lab up, changes it, takes it down. The only module that makes or removes anything."""
import os
import secrets
import signal
import time
from dataclasses import asdict, replace

from . import cluster, interrupts, netns, process, servers, state
from .errors import CONFLICT, FAILED, NOT_FOUND, REFUSED, TIMED_OUT, USAGE, LabError
from .plan import (CLIENT4, CLIENT6, VIP4, VIP6, Node, Options, check_weight, gateway_commands, line_commands,
                   namespace_belongs, node_sysctls, router_commands, steering_mask)
from .process import Record
from .state import State

READY_SECONDS = 20.0  # a loaded machine takes its time to load and verify BPF programs


def up(options: Options, build: str) -> tuple[State, bool]:
    """The running lab, and whether it was made now. On any failure everything made so far is removed again."""
    options = options.checked()
    with state.locked(options.name):
        try:
            existing = state.find(options.name)
            if existing and existing.phase == "up" and all_alive(existing):
                different = _differences(existing, options, build)
                if not different:
                    return existing, False
                raise LabError(f"lab {options.name!r} is up with other options: {different}", code=CONFLICT,
                               hint=f"tools/lab down --name {options.name}, or choose another --name")
            _remove_everything(options.name)
            made = State(options, hash_key=secrets.token_hex(16), build=build)
        except LabError:
            state.remove_if_empty(options.name)
            raise
        try:
            _build(made)
        except BaseException:
            _remove_everything(options.name)
            raise
    return made, True


def down(name: str) -> bool:
    """Removes a lab and whatever is left of one; False when there was nothing."""
    if name not in state.names() and not any(namespace_belongs(space, name) for space in netns.names()):
        return False
    with state.locked(name):
        _remove_everything(name)
    return True


def _differences(existing: State, options: Options, build: str) -> str:
    """What a running lab has otherwise. Weights change while it runs; they don't make it another lab."""
    have, want = {**asdict(existing.options), "build": existing.build}, {**asdict(options), "build": build}
    return ", ".join(f"{key} {have[key]} instead of {want[key]}" for key in want
                     if key != "weights" and have[key] != want[key])


def roles_of(lab: State, node: Node) -> list[str]:
    """What runs on a node, in the order of starting: the control plane's own packets may need the plane."""
    planes = ["plane", "control"] if has_cluster(lab) else ["plane"]
    return {"balancer": planes, "backend": ["agent", "web"]}.get(node.kind, [])


def has_cluster(lab: State) -> bool:
    return lab.options.control == "cluster"


def chosen_roles(lab: State, node: Node, role: str | None) -> list[str]:
    roles = roles_of(lab, node)
    if role is None:
        return roles
    if role not in roles:
        raise LabError(f"{node.name} has no role {role!r}", code=USAGE,
                       hint="its roles: " + ", ".join(roles) if roles else "no program of the lab runs there")
    return [role]


def is_alive(lab: State, node: Node, role: str) -> bool:
    record = lab.process(node.name, role)
    return record is not None and process.alive(record)


def all_alive(lab: State) -> bool:
    return all(is_alive(lab, node, role) for node in lab.plan.nodes for role in roles_of(lab, node))


def _build(lab: State) -> None:
    control = [cluster.PROGRAM, cluster.CLI] if has_cluster(lab) else []
    planes = sorted({servers.plane_program(node) for node in lab.plan.balancers})
    for name in (*planes, *control, "dataplane/sluice-backend", "nginx"):
        servers.program(lab, name)  # a missing program is found before anything is made
    os.makedirs(lab.directory, exist_ok=True)
    lab.save()
    _build_network(lab)
    servers.write_site(lab)
    for node in [*lab.plan.backends, *lab.plan.balancers]:
        os.makedirs(lab.node_directory(node.name), exist_ok=True)
    if has_cluster(lab):
        cluster.make_certificates(lab)
    roles = [(node, role) for node in [*lab.plan.backends, *lab.plan.balancers] for role in roles_of(lab, node)]
    # First what needs nobody, then the cluster, whose members talk through what is there by then.
    for stage in (lambda role: role != "control", lambda role: role == "control"):
        _wait_ready(lab, [_start(lab, node, role) for node, role in roles if stage(role)])
    if has_cluster(lab):
        cluster.form(lab)
    interrupts.check()
    lab.phase = "up"
    lab.save()


def _build_network(lab: State) -> None:
    plan = lab.plan
    router = plan.router_namespace
    netns.add(router)
    netns.write_sysctls(router, node_sysctls("router"))
    for node in plan.nodes:
        interrupts.check()
        netns.add(node.namespace)
        netns.write_sysctls(node.namespace, node_sysctls(node.kind))
        netns.ip_batch(node.namespace, line_commands(node, router))
    netns.ip_batch(router, router_commands(plan))
    pass_object = f"{lab.build}/bpf/pass.bpf.o"
    attach = []
    for node in plan.nodes:
        netns.ip_batch(node.namespace, gateway_commands(node))
        # Checksums left to an offload that does not exist are never filled in once XDP has taken the packet.
        for namespace, device in ((node.namespace, "eth0"), (router, node.port)):
            netns.run("nsenter", f"--net={netns.NETNS_DIRECTORY}/{namespace}", "ethtool", "-K", device,
                      "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        if node.plane == "xdp":
            # XDP_TX out of a veth reaches a peer only if that one runs an XDP program too. The price is a queue of
            # 256 packets, where a port without a program has the host's backlog of 1000: hence not on other ports.
            attach.append(f"link set dev {node.port} xdp obj {pass_object} sec xdp")
    netns.ip_batch(router, attach)
    for node in plan.balancers:
        if node.queues > 1:
            queue_by_cpu = ("filter", "add", "dev", node.port, "egress", "bpf", "da", "obj", f"{lab.build}/bpf/queue.bpf.o", "sec", "tc")
            netns.run("tc", "-n", router, "qdisc", "add", "dev", node.port, "clsact")
            netns.run("tc", "-n", router, *queue_by_cpu)
    _steer_flows(lab)


def _steer_flows(lab: State) -> None:
    """Has every flow processed by one CPU, like a NIC that spreads flows over its queues (RSS): the balancer's flow tables
    are per CPU. A veth alone runs a packet on whatever CPU its sender was on, and one connection on all of them. The router
    moves each arriving flow to a CPU by its hash, and the CPU picks the balancer's queue (bpf/queue.bpf.c)."""
    mask = steering_mask(lab.plan.queues)
    # `ip netns exec` for once: it mounts the /sys that shows the namespace's devices.
    netns.run("ip", "netns", "exec", lab.plan.router_namespace, "sh", "-c",
              f'for file in /sys/class/net/*/queues/rx-*/rps_cpus; do echo {mask} >"$file" || exit 1; done')


def _command(lab: State, node: Node, role: str) -> list[str]:
    directory = lab.node_directory(node.name)
    if role == "web":
        if os.path.exists(f"{directory}/nginx.pid"):
            os.remove(f"{directory}/nginx.pid")
        return servers.web_command(lab, node)
    if node.plane != "dpdk":
        _mount_pins(servers.pin_mount(lab, node.name))
    if role == "agent":
        return servers.agent_command(lab, node)
    if role == "control":
        return cluster.control_command(lab, node)
    state.write_atomically(servers.config_path(lab, node.name), servers.config_text(lab, node))
    return servers.plane_command(lab, node)


def _mount_pins(pins: str) -> None:
    os.makedirs(pins, exist_ok=True)
    if not os.path.ismount(pins):
        netns.run("mount", "-t", "bpf", "bpf", pins)


def _start(lab: State, node: Node, role: str) -> Record:
    interrupts.check()
    command = _command(lab, node, role)
    log = f"{lab.node_directory(node.name)}/{role}.log"
    if os.path.exists(log):
        os.replace(log, f"{log}.old")
    made: list[Record] = []

    def record(pid: int, start_time: int) -> None:
        made.append(Record(role, node.name, pid, start_time, netns.inode(node.namespace), log, tuple(command)))
        lab.add_process(made[0])

    process.spawn(command, node.namespace, log, environment(lab, node.name), record)
    return made[0]


def environment(lab: State, node: str) -> dict[str, str]:
    """What a program inside a node sees: our programs on PATH, and where the plane and the API are, so that `sluice` needs
    no flags. What the caller has set of ours for some other place is not passed on."""
    path = f"{lab.build}/tools:{lab.build}/dataplane:" + os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    ours = ("SLUICE_SOCKET", "SLUICE_CONFIG", "SLUICE_API", "SLUICE_API_CERT", "SLUICE_API_KEY", "SLUICE_API_CA")
    result = {name: value for name, value in os.environ.items() if name not in ours}
    result |= {"PATH": path, "SLUICE_LAB": lab.options.name, "SLUICE_LAB_NODE": node}
    if any(balancer.name == node for balancer in lab.plan.balancers):
        result["SLUICE_SOCKET"] = servers.socket_path(lab, node)
        if has_cluster(lab):
            result["SLUICE_API"] = cluster.api_path(lab, node)
        else:
            result["SLUICE_CONFIG"] = servers.config_path(lab, node)
    return result


def _wait_ready(lab: State, records: list[Record]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(records)
    while waiting:
        interrupts.check()
        waiting = [record for record in waiting
                   if not servers.is_ready(record.role, record.log, lab.node_directory(record.node))]
        for record in waiting:
            process.reap()
            if not process.alive(record):
                raise _failure(lab, record, "ended before it was ready", FAILED)
        if waiting and time.monotonic() > deadline:
            raise _failure(lab, waiting[0], f"was not ready within {READY_SECONDS:.0f} s", TIMED_OUT)
        if waiting:
            time.sleep(0.01)


def _failure(lab: State, record: Record, what: str, code: int) -> LabError:
    name = os.path.basename(record.command[0])
    tail = servers.log_tail(record.log)
    if record.role == "web":
        tail = (tail + "\n" + servers.log_tail(f"{lab.node_directory(record.node)}/nginx-error.log")).strip()
    return LabError(f"{name} on {record.node} {what}", code=code,
                    detail=f"the end of its log:\n{tail}" if tail else "its log is empty")


def _remove_everything(name: str) -> None:
    """Takes down by what the state file says and by what is there, whatever state it is in."""
    with interrupts.held_off():
        known = state.find(name)
        if known:
            process.stop(known.processes)
            servers.remove_leftovers(known.processes)
        for mount in state.mounts_below(f"{state.ROOT}/{name}"):
            netns.run("umount", "-l", mount)  # lazily: a shell standing in it must not stop us
        for namespace in netns.names():
            if namespace_belongs(namespace, name):
                netns.remove(namespace)
        state.remove_directory(name)


def guests(lab: State) -> list[tuple[str, int, str]]:
    """(namespace, pid, command) of what others run inside the lab, a shell of `lab exec` for one."""
    known = {pid for record in lab.processes for pid in process.members(record)}
    return [(namespace, pid, command) for namespace in lab.plan.namespaces
            for pid, command in process.strangers(namespace, known)]


def balancers_named(lab: State, names: list[str]) -> list[Node]:
    if not names:
        return lab.plan.balancers
    nodes = [lab.plan.node(name) for name in names]
    for node in nodes:
        if node.kind != "balancer":
            raise LabError(f"{node.name} is a {node.kind}, not a balancer", code=NOT_FOUND)
    return nodes


def reload(lab: State, names: list[str]) -> dict[str, dict]:
    """Asks the planes to read their files again; their answers by name."""
    answers = {}
    for node in balancers_named(lab, names):
        answer = servers.ask_plane(lab, node.name, {"op": "reload"})
        if not answer.get("ok"):
            raise LabError(f"{node.name} refused its new file: {answer.get('error', 'no reason given')}", code=REFUSED,
                           hint="its running generation stays")
        answers[node.name] = answer
    return answers


def set_weight(name: str, backend: str, weight: int) -> tuple[State, dict]:
    """Changes a backend's weight on every balancer: the cluster's receipt, or the answers of the planes by name. If a plane
    refuses its file, all files and generations go back."""
    check_weight(weight)
    with state.locked(name):
        lab = state.load(name)
        names = [node.name for node in lab.plan.backends]
        if backend not in names:
            raise LabError(f"lab {name!r} has no backend {backend!r}", code=NOT_FOUND, hint="backends: " + ", ".join(names))
        weights = list(lab.options.weights)
        weights[names.index(backend)] = weight
        before = lab.options
        try:
            if has_cluster(lab):
                answers = cluster.set_weight(lab, backend, weight)
                lab.options = replace(before, weights=tuple(weights))
            else:
                answers = _apply(lab, replace(before, weights=tuple(weights)))
        except LabError:
            if not has_cluster(lab):
                _apply(lab, before)
            raise
        lab.save()
    return lab, answers


def _apply(lab: State, options: Options) -> dict[str, dict]:
    lab.options = options
    for node in lab.plan.balancers:
        state.write_atomically(servers.config_path(lab, node.name), servers.config_text(lab, node))
    return reload(lab, [])


def stop_node(name: str, node_name: str, number: int, role: str | None = None) -> list[Record]:
    """Stops a node's programs, or the one of a role, by a signal. The XDP programs of a balancer stay and forward on."""
    with state.locked(name):
        lab = state.load(name)
        node = lab.plan.node(node_name)
        roles = chosen_roles(lab, node, role)
        records = [record for record in lab.processes if record.node == node.name and record.role in roles]
        # What hands over on its way out says so to others, by the plane perhaps: the last started goes first.
        for one in reversed(roles) if number == signal.SIGTERM else [None]:
            process.stop([record for record in records if one in (None, record.role)], number)
        servers.remove_leftovers(records)
        lab.processes = [record for record in lab.processes if record not in records]
        lab.save()
    return records


def start_node(name: str, node_name: str, role: str | None = None) -> list[Record]:
    """Starts what is not running on a node, or in a role, and waits until it is ready: of a balancer, in its cluster."""
    with state.locked(name):
        lab = state.load(name)
        node = lab.plan.node(node_name)
        started = []
        for one in chosen_roles(lab, node, role):
            if is_alive(lab, node, one):
                continue
            existing = lab.process(node.name, one)
            if existing:
                lab.processes.remove(existing)
            started.append(_start(lab, node, one))
        _wait_ready(lab, started)
        if started and has_cluster(lab) and all(is_alive(lab, node, one) for one in ("plane", "control")):
            cluster.wait_for_plane(lab, node)
    return started


def weights_of(lab: State) -> dict[str, int]:
    """As they are now: in a cluster, whoever has changed them."""
    if has_cluster(lab):
        return cluster.weights(lab)
    return dict(zip((node.name for node in lab.plan.backends), lab.options.weights))


def describe(lab: State) -> dict:
    """The lab as one JSON object."""
    weights = weights_of(lab)

    def program(node: Node, role: str) -> dict:
        record = lab.process(node.name, role)
        return {"role": role, "alive": is_alive(lab, node, role), "pid": record.pid if record else None,
                "log": f"{lab.node_directory(node.name)}/{role}.log"}

    def one(node: Node) -> dict:
        result = {"name": node.name, "kind": node.kind, "namespace": node.namespace,
                  "ipv4": node.address4, "ipv6": node.address6,
                  "processes": [program(node, role) for role in roles_of(lab, node)]}
        if node.kind == "backend":
            result["weight"] = weights.get(node.name)
        if node.kind == "balancer":
            result["plane"] = node.plane
            result["config"] = servers.config_path(lab, node.name)
            result["socket"] = servers.socket_path(lab, node.name)
            if has_cluster(lab):
                result["api"] = cluster.api_path(lab, node.name)
        return result

    told = cluster.status(lab) if has_cluster(lab) else None
    agreed = not has_cluster(lab) or (told is not None and told["leader"] is not None
                                      and all(one["live"] for one in told["nodes"]))
    return {"name": lab.options.name, "phase": lab.phase, "healthy": lab.phase == "up" and all_alive(lab) and agreed,
            "control": lab.options.control, "cluster": told,
            "plane": lab.options.plane, "encapsulation": lab.options.encapsulation, "underlay": lab.options.underlay,
            "vip": {"ipv4": VIP4, "ipv6": VIP6}, "client": {"ipv4": CLIENT4, "ipv6": CLIENT6},
            "router": lab.plan.router_namespace, "directory": lab.directory,
            "nodes": [one(node) for node in lab.plan.nodes]}
