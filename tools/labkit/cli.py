# SPDX-License-Identifier: Apache-2.0
"""The command line of tools/lab."""
import argparse
import json
import os
import signal
import sys
import time

from . import interrupts, lab, netns, servers, state
from .errors import NOT_FOUND, REFUSED, USAGE, Interrupted, LabError
from .plan import CLIENT4, CLIENT6, CONTROLS, PLANES, PORT_DRIVERS, VIP4, VIP6, VIP_PORT, Options
from .shares import bar, expected_shares

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_examples = """examples:
  sudo tools/lab up --balancers 3 --backends 4 --weights 100,100,50,150
  sudo tools/lab http --requests 5000 --family 6
  sudo tools/lab weight b2 25
  sudo tools/lab exec lb1 -- sluice cluster status
  sudo tools/lab stop lb1 --role control --kill
  sudo tools/lab down --all
"""


def _bounded(low: int, high: int):
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not in {low} to {high}")
        return value
    parse.__name__ = "number"
    return parse


def _weights(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("SLUICE_LAB_NAME", Options.name),
                        help="which lab; several can live side by side (default: %(default)s)")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")

    parser = argparse.ArgumentParser(
        prog="tools/lab", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_examples,
        description="A network of namespaces: a client, a router, balancers, and backends with real web servers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, handler, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=[common], help=text, description=text)
        sub.set_defaults(handler=handler)
        return sub

    _add_up(add("up", _up, "build a lab and start everything in it"))
    sub = add("down", _down, "stop a lab and remove every trace of it")
    sub.add_argument("--all", action="store_true", help="all labs of this machine")
    add("status", _status, "show the nodes, their addresses and processes")
    sub = add("exec", _exec, "run a command in a node's namespace, where `sluice` needs no flags")
    sub.add_argument("node", help="client, router, lb1, b1, ...")
    sub.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    _add_http(add("http", _http, "send real HTTP requests from the client and count answers per backend"))
    sub = add("probe", _probe, "open a connection every 5 ms and say for how long none came through; start it, then restart a balancer")
    sub.add_argument("--duration", type=float, default=5.0, metavar="SECONDS", help="up to 3600 (default: 5); Ctrl-C ends it early")
    sub.add_argument("--family", type=int, choices=[4, 6], default=4)
    sub = add("weight", _weight, "change a backend's weight on every balancer, under traffic if there is some")
    sub.add_argument("backend")
    sub.add_argument("weight", type=int)
    sub = add("reload", _reload, "have balancers read their configuration files again")
    sub.add_argument("node", nargs="*", help="balancers (default: all)")
    sub = add("stop", _stop, "stop a node's programs; an XDP balancer forwards on without its processes, a DPDK balancer does not")
    sub.add_argument("node")
    _add_role(sub)
    sub.add_argument("--kill", action="store_true", help="by SIGKILL instead of SIGTERM")
    sub = add("start", _start, "start again what is not running on a node")
    sub.add_argument("node")
    _add_role(sub)
    return parser


def _add_role(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--role", choices=["plane", "control", "agent", "web"],
                     help="one program only: plane or control (sluiced) of a balancer, agent or web of a backend")


def _add_up(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--balancers", type=int, default=Options.balancers, metavar="N", help="default: %(default)s")
    sub.add_argument("--backends", type=int, default=Options.backends, metavar="N")
    sub.add_argument("--weights", type=_weights, default=(), metavar="W,W,...", help="one for all, or one for each (100)")
    sub.add_argument("--plane", choices=PLANES, default=Options.plane,
                     help="of the balancers (default: xdp); mixed: odd ones xdp, even ones dpdk")
    sub.add_argument("--control", choices=CONTROLS, default=Options.control,
                     help="what tells the balancers: a cluster of their own (default), or a file for each")
    sub.add_argument("--port", choices=PORT_DRIVERS, default=Options.port,
                     help="how sluice-dpdk has its port: af_xdp (default) takes it from the kernel, af_packet shares it")
    sub.add_argument("--encapsulation", choices=["ipip", "gue"], default=Options.encapsulation)
    sub.add_argument("--underlay", type=int, choices=[4, 6], default=Options.underlay,
                     help="address family of the tunnels to the backends (default: 4); both VIPs use it")
    sub.add_argument("--mtu", type=int, default=Options.mtu, help="of the lines of balancers and backends (default: 1500)")
    sub.add_argument("--slots", type=int, choices=[16381, 65537, 655373], default=Options.slots)
    sub.add_argument("--no-track", dest="track", action="store_false", help="services without a flow table")
    sub.add_argument("--build", default=os.environ.get("SLUICE_BUILD", f"{REPOSITORY}/build"), metavar="DIR",
                     help="where our programs are built (default: build/)")


def _add_http(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--requests", type=_bounded(1, 10_000_000), metavar="N", help="default: 1000, or as many as fit --duration")
    sub.add_argument("--duration", type=float, metavar="SECONDS", help="stop sending after so long, up to 3600")
    sub.add_argument("--concurrency", type=_bounded(1, 1000), default=16, metavar="C")
    sub.add_argument("--family", type=int, choices=[4, 6], default=4)
    sub.add_argument("--host", metavar="ADDRESS", help="another address than the VIP of --family")
    sub.add_argument("--path", default="/", help=f"/ answers with the backend's name, /{servers.BIG_FILE} with 1 MiB")
    sub.add_argument("--upload", type=_bounded(1, 64 << 20), default=0, metavar="BYTES", help="POST so much to /upload instead")
    sub.add_argument("--keep-alive", action="store_true", help="one connection per worker instead of one per request")
    sub.add_argument("--flows", action="store_true", help="list each request's source and backend (with --json; at most 1000)")
    sub.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="of one request (default: 5)")


def _print(arguments, value: dict, text: str) -> None:
    print(json.dumps(value) if arguments.json else text)


def _up(arguments) -> int:
    options = Options(**{field: getattr(arguments, field) for field in
                         ("name", "balancers", "backends", "weights", "plane", "control", "port", "encapsulation", "underlay", "mtu",
                          "slots", "track")})
    began = time.monotonic()
    made, is_new = lab.up(options, os.path.abspath(arguments.build))
    seconds = time.monotonic() - began
    verb = f"up in {seconds:.1f} s" if is_new else "already up"
    hint = "" if options.name == Options.name else f" --name {options.name}"
    described = lab.describe(made)
    _print(arguments, {**described, "created": is_new, "seconds": round(seconds, 3)},
           f"lab {options.name} {verb}: {len(made.plan.balancers)} balancer(s), {len(made.plan.backends)} backends, "
           f"VIPs {VIP4} and {VIP6}\n{_cluster_text(described['cluster'])}try: sudo tools/lab http{hint}")
    return 0


def _cluster_text(told: dict | None) -> str:
    """A line, or two."""
    if told is None:
        return ""
    nodes = told["nodes"]
    live = [node for node in nodes if node["plane"] and node["live"]]
    leader = f"{told['leader']} leads" if told["leader"] else f"NO leader ({told.get('reason') or 'an election is on'})"
    line = (f"cluster: {leader}, term {told['term']}; generation {told['generation']} "
            f"live on {sum(node['generation'] == told['generation'] for node in live)}/{len(nodes)} planes\n")
    voters = told["voters"]
    return line + (f"note: {voters} voters survive no more failures than {voters - 1}\n" if voters % 2 == 0 else "")


def _down(arguments) -> int:
    names = state.names() if arguments.all else [arguments.name]
    removed, left = [], []
    for name in names:
        known = state.find(name)
        left += lab.guests(known) if known else []
        if lab.down(name):
            removed.append(name)
    guests = [{"namespace": namespace, "pid": pid, "command": command} for namespace, pid, command in left]
    lines = [f"lab {name} is gone" for name in removed] or ["nothing to take down"]
    lines += [f"note: {guest['command']} (pid {guest['pid']}) was not started by the lab and still runs in "
              f"{guest['namespace']}" for guest in guests]
    _print(arguments, {"removed": removed, "guests": guests}, "\n".join(lines))
    return 0


def _status(arguments) -> int:
    described = lab.describe(state.load(arguments.name))
    lines = [f"lab {described['name']}: {'healthy' if described['healthy'] else 'NOT healthy'}, plane {described['plane']}, "
             f"{described['encapsulation']} over IPv{described['underlay']}, VIPs {VIP4} and {VIP6}"]
    lines += _cluster_text(described["cluster"]).splitlines()
    if described["control"] == "cluster" and described["cluster"] is None:
        lines.append("cluster: no balancer's sluiced answers; planes forward by the last generation")
    for node in described["nodes"]:
        processes = " ".join(f"{one['role']}:{one['pid'] if one['alive'] else 'down'}" for one in node["processes"])
        weight = f"weight {node['weight']:5}" if "weight" in node else f"{node.get('plane', ''):12}"
        lines.append(f"  {node['name']:8} {node['ipv4']:12} {node['ipv6']:14} {weight}  {processes}")
    lines.append(f"logs and files: {described['directory']}")
    _print(arguments, described, "\n".join(lines))
    return 0 if described["healthy"] else 1


def _exec(arguments) -> int:
    command = arguments.arguments
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise LabError("exec needs a command", hint="tools/lab exec lb1 -- sluice stats", code=USAGE)
    known = state.load(arguments.name)
    namespace = known.plan.router_namespace if arguments.node == "router" else known.plan.node(arguments.node).namespace
    environment = lab.environment(known, arguments.node)
    netns.enter(namespace)
    interrupts.restore_defaults()
    sys.stdout.flush()
    os.environ["PATH"] = environment["PATH"]  # where execvpe looks
    try:
        os.execvpe(command[0], command, environment)
    except FileNotFoundError:
        raise LabError(f"no program {command[0]!r} on PATH", code=NOT_FOUND) from None


def _check_duration(seconds: float) -> None:
    if not 0 < seconds <= 3600:
        raise LabError(f"--duration {seconds} is out of range", hint="over 0 up to 3600 seconds", code=USAGE)


def _http(arguments) -> int:
    if arguments.duration is not None:
        _check_duration(arguments.duration)
    known = state.load(arguments.name)
    requests = arguments.requests
    if requests is None and arguments.duration is None:
        requests = 1000
    if arguments.flows and (requests is None or requests > 1000):
        raise LabError("--flows lists every request", hint="give --requests, up to 1000", code=USAGE)
    from . import http_load  # asyncio takes a while to load, and only this command needs it

    host = arguments.host or (VIP4 if arguments.family == 4 else VIP6)
    load = http_load.Load(
        host=host, source=CLIENT6 if ":" in host else CLIENT4, port=VIP_PORT,
        path="/upload" if arguments.upload else arguments.path, requests=requests, seconds=arguments.duration,
        concurrency=arguments.concurrency, keep_alive=arguments.keep_alive, upload_bytes=arguments.upload,
        timeout_seconds=arguments.timeout, keep_flows=arguments.flows)
    netns.enter(known.plan.client.namespace)
    result = http_load.run(load, known.ports_file).to_json()
    _print(arguments, result, _http_text(result, known, host))
    return 1 if result["failed"] or not result["sent"] else 0


def _http_text(result: dict, known: state.State, host: str) -> str:
    lines = [f"{result['ok']} of {result['sent']} requests to {host} answered, {result['failed']} failed, "
             f"{result['requests_per_second']}/s, p99 {result['latency_ms']['p99']} ms"]
    lines += [f"  failed: {count} x {reason}" for reason, count in result["errors"].items()]
    weights = lab.weights_of(known)
    wanted = expected_shares(weights)
    for name, weight in weights.items():
        count = result["by_backend"].get(name, 0)
        share = count / result["ok"] if result["ok"] else 0.0
        lines.append(f"  {name:6} weight {weight:5}  {bar(share, 24)} {share:6.1%}  of {wanted[name]:6.1%} wanted")
    return "\n".join(lines)


def _probe(arguments) -> int:
    _check_duration(arguments.duration)
    known = state.load(arguments.name)
    from . import probe

    host, source = (VIP4, CLIENT4) if arguments.family == 4 else (VIP6, CLIENT6)
    netns.enter(known.plan.client.namespace)
    result = probe.run(host, source, VIP_PORT, arguments.duration, known.ports_file)
    lines = [f"{result['sent']} connections to {host}, {result['lost']} lost their first packet; "
             f"longest without forwarding: {result['longest_ms']} ms"]
    lines += [f"  at {one['at_seconds']:.3f} s: {one['ms']} ms, {one['lost']} lost{'' if one['ended'] else ', and it lasts'}"
              for one in result["outages"]]
    _print(arguments, result, "\n".join(lines))
    return 1 if result["lost"] == result["sent"] else 0


def _weight(arguments) -> int:
    known, answers = lab.set_weight(arguments.name, arguments.backend, arguments.weight)
    weights = lab.weights_of(known)
    if lab.has_cluster(known):
        _print(arguments, {"weights": weights, "cluster": answers},
               f"{arguments.backend} has weight {arguments.weight}: {live_text(answers)}")
        return 0
    live = ", ".join(_generation(name, answer) for name, answer in answers.items())
    _print(arguments, {"weights": weights, "balancers": answers}, f"{arguments.backend} has weight {arguments.weight}: {live}")
    return 0


def live_text(receipt: dict) -> str:
    """Of a write that was waited for."""
    live = receipt.get("live")
    if not live:  # nothing to switch to: it was like that already
        return f"revision {receipt['revision']}, no packet moves"
    return f"generation {live['generation']} live on {live['live']}/{live['planes']} planes"


def _generation(name: str, answer: dict) -> str:
    return f"{name} generation {answer['generation']}" if "generation" in answer else f"{name} reloaded"


def _reload(arguments) -> int:
    answers = lab.reload(state.load(arguments.name), arguments.node)
    _print(arguments, {"balancers": answers}, ", ".join(_generation(name, answer) for name, answer in answers.items()))
    return 0


def _stop(arguments) -> int:
    records = lab.stop_node(arguments.name, arguments.node, signal.SIGKILL if arguments.kill else signal.SIGTERM, arguments.role)
    roles = [record.role for record in records]
    plane = state.load(arguments.name).plan.node(arguments.node).plane
    note = {"xdp": "; its programs in the kernel forward on",
            "dpdk": "; it forwards nothing until it is started again"}.get(plane, "")
    if roles == ["control"]:
        note = "; its plane forwards on"
    _print(arguments, {"node": arguments.node, "stopped": roles},
           f"{arguments.node}: stopped {', '.join(roles) or 'nothing'}{note}")
    return 0


def _start(arguments) -> int:
    records = lab.start_node(arguments.name, arguments.node, arguments.role)
    roles = [record.role for record in records]
    _print(arguments, {"node": arguments.node, "started": roles}, f"{arguments.node}: started {', '.join(roles) or 'nothing'}")
    return 0


def _complain(error: LabError) -> None:
    print(f"lab: {error.what}", file=sys.stderr)
    for line in error.detail.splitlines():
        print(f"  | {line}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)


def main(argv: list[str]) -> int:
    arguments = _parser().parse_args(argv)
    interrupts.install()
    try:
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces, which needs root", hint="sudo tools/lab ...", code=REFUSED)
        return arguments.handler(arguments)
    except LabError as error:
        _complain(error)
        return error.code
    except Interrupted as interrupted:
        print(f"lab: interrupted; {'everything made so far is removed' if arguments.command == 'up' else 'stopped'}",
              file=sys.stderr)
        return 128 + interrupted.number
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  the reader of our output has gone
        return 1
