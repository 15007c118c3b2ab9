# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart after the packages are there: build, lab, traffic, a weight change, what dies and comes back, why, how
many; then a verdict."""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from . import cluster, interrupts, lab, servers, shares, state
from .cli import REPOSITORY
from .errors import FAILED, TIMED_OUT, Interrupted, LabError
from .http_load import BLOCK, Ports
from .plan import CLIENT4, CLIENT6, PLANES, VIP4, VIP6, VIP_PORT, Node, Options
from .screen import Screen
from .state import State

BUILD = os.path.abspath(os.environ.get("SLUICE_BUILD", f"{REPOSITORY}/build"))
OPTIONS = Options(backends=4, weights=(100, 100, 50, 150))
CHANGED_BACKEND, CHANGED_WEIGHT = "b4", 25
WEIGHT_WITHOUT_ONE = 30  # of the same backend, written while a sluiced is dead
REQUESTS = 4000  # per family: a share 5 points off is found out, and it takes a second
LOAD_SECONDS_MAX = 120
FLOWS = 4  # per family, asked about one by one
STANDING = 32  # connections per family that are there before something is killed
GAP_PROMISED_MS = 800
# The verdict is not the clock's to give: a busy machine takes its time. What is this long is no restart, but an outage.
GAP_MS_MAX = 5000
BACK_SECONDS_MAX = 20.0  # for a sluiced to be back in its cluster, its plane with the generation that it missed


@dataclass
class Report:
    """What was seen; the verdict is that every check holds."""
    checks: list[dict] = field(default_factory=list)
    shares: dict = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def check(self, name: str, ok: bool, detail: str = "") -> bool:
        self.checks.append({"name": name, "ok": bool(ok), "detail": detail})
        return bool(ok)

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check["ok"] for check in self.checks)

    def to_json(self) -> dict:
        return {"ok": self.ok, "seconds": round(time.monotonic() - self.began, 1), "checks": self.checks, "shares": self.shares}


def planes_of(options: Options) -> list[str]:
    return ["xdp", "dpdk"] if options.plane == "mixed" else [options.plane]


def build(screen: Screen, planes: list[str]) -> None:
    programs = ["sluice", "sluiced", *(f"sluice-{plane}" for plane in planes), "sluice-backend"]
    targets = [cluster.CLI, cluster.PROGRAM, *(f"dataplane/{name}" for name in programs[2:])]
    with screen.step("build", "configuring") as step:
        if not os.path.exists(f"{BUILD}/build.ninja"):
            _run_build(["meson", "setup", BUILD, REPOSITORY], step)
        fresh = not all(os.path.exists(f"{BUILD}/{path}") for path in targets)
        if fresh and not sys.stdout.isatty():
            screen.detail("compiling; a few minutes the first time")
        # The lab's own small BPF programs are not part of any program, hence named beside them.
        lines = _run_build(["ninja", "-C", BUILD, *targets, "bpf/pass.bpf.o", "bpf/queue.bpf.o"], step)
        what = ", ".join(programs) if len(planes) == 1 else f"{len(programs)} programs"
        step.done(what + (" are up to date" if lines[-1:] == ["ninja: no work to do."] else " compiled"))


def _run_build(command: list[str], step) -> list[str]:
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as run:
        try:
            for line in run.stdout:
                lines.append(line.rstrip())
                step.say(lines[-1])
        except BaseException:
            run.terminate()
            raise
    if run.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed", detail="\n".join(lines[-25:]))
    return lines


def bring_up(screen: Screen, report: Report, options: Options) -> State:
    with screen.step("lab", "making namespaces") as step:
        lab.down(options.name)
        made, _ = lab.up(options, BUILD)
        balancers, backends = (" ".join(node.name for node in nodes) for nodes in (made.plan.balancers, made.plan.backends))
        step.done(f"client - router - {balancers} - {backends}: {len(made.plan.namespaces)} namespaces")
        screen.detail(f"nginx on {VIP4} and {VIP6}")
        nodes: dict[str, list[str]] = {}
        for node in made.plan.balancers:
            nodes.setdefault(_plane_text(made, node), []).append(node.name)
        screen.detail("planes: " + ", ".join(f"{plane} on {' '.join(names)}" for plane, names in nodes.items()))
        screen.detail(_cluster_text(report, made))
    return made


def _plane_text(made: State, node: Node) -> str:
    interfaces = servers.ask_plane(made, node.name, {"op": "status"}).get("interfaces", [])
    mode = next((interface.get("mode") for interface in interfaces if isinstance(interface, dict)), None)
    mode = mode and mode.removeprefix("net_")
    return f"{node.plane.upper()}{f' ({mode})' if mode else ''}"


def _cluster_text(report: Report, made: State) -> str:
    told = cluster.status(made) or {"leader": None, "nodes": [], "generation": 0}
    voters = [node["name"] for node in told["nodes"] if node["role"] == "voter"]
    live = _live(told)
    report.check("a cluster of all balancers, one table in every plane",
                 told["leader"] and len(voters) + 1 == live == len(made.plan.balancers)
                 and len({node["table_hash"] for node in told["nodes"]}) == 1, json.dumps(told))
    return f"cluster: {told['leader']} leads, {' '.join(voters)} vote; generation {told['generation']} on {live}/{len(told['nodes'])} planes"


def _live(told: dict) -> int:
    """How many planes forward by the generation of the cluster, or a later one."""
    return sum(node["live"] and node["plane"] != "" and node["generation"] >= told["generation"] for node in told["nodes"])


def http(made: State, *arguments: str) -> subprocess.Popen:
    return load(made, "http", *arguments)


def load(made: State, name: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, f"{REPOSITORY}/tools/lab", name, "--name", made.options.name, "--json", *arguments]
    # A session of its own: Ctrl-C is for us, and we stop it.
    return interrupts.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finished(run: subprocess.Popen) -> dict:
    try:
        output, complaint = run.communicate(timeout=LOAD_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        run.terminate()
        run.wait()
        raise LabError(f"a load did not end within {LOAD_SECONDS_MAX} s", code=TIMED_OUT,
                       hint="--keep, then sudo tools/lab probe: is anything forwarded?") from None
    except BaseException:
        run.terminate()
        run.wait()
        raise
    try:
        return json.loads(output)
    except json.JSONDecodeError:
        raise LabError("the load ended without a result", detail=complaint.strip()) from None


def both_families(made: State, *arguments: str) -> dict[int, dict]:
    runs = {family: http(made, "--family", str(family), *arguments) for family in (4, 6)}
    return {family: finished(run) for family, run in runs.items()}


def weights_of(made: State) -> dict[str, int]:
    return dict(zip((node.name for node in made.plan.backends), made.options.weights))


def show_shares(screen: Screen, report: Report, name: str, results: dict[int, dict], weights: dict[str, int]) -> None:
    """The table of shares, and the checks that they are plausible draws under the weights."""
    wanted = shares.expected_shares(weights)
    counts = {family: result["by_backend"] for family, result in results.items()}
    fits = {family: shares.fits(counts[family], weights) for family in counts}
    draws = {family: max(1, sum(counts[family].values())) for family in counts}
    widest = max([*wanted.values(), *(counts[f].get(b, 0) / draws[f] for f in counts for b in weights)])
    margin = " " * 14
    screen.line(screen.paint(f"{margin}{'weight':>9} {'wanted':>7}  {'IPv4':<23} IPv6", "dim"))
    for backend, weight in weights.items():
        row = f"{margin}{backend:<4}{weight:5} {wanted[backend]:7.1%}"
        for family in (4, 6):
            share = counts[family].get(backend, 0) / draws[family]
            good = fits[family][backend]
            row += "  " + screen.paint(shares.bar(share / widest, 12), "cyan" if good else "red")
            row += f" {share:6.1%} " + screen.paint("ok" if good else "NO", "green" if good else "red")
        screen.line(row)
    unknown = sorted({backend for family in counts for backend in counts[family]} - set(weights))
    if unknown:
        screen.detail(screen.paint(f"answers from nobody we know: {', '.join(unknown)}", "red"))
    for family in (4, 6):
        report.check(f"shares {name}, IPv{family}", all(fits[family].values()), json.dumps(counts[family]))
    report.shares[name] = {"weights": weights, "ipv4": counts[4], "ipv6": counts[6]}


def traffic(screen: Screen, report: Report, made: State) -> None:
    with screen.step("traffic", f"{REQUESTS} requests over each of IPv4 and IPv6, a connection each") as step:
        results = both_families(made, "--requests", str(REQUESTS))
        report_requests(report, "plain requests", results.values())
        sent, failed, rate = totals(results.values())
        step.done(f"{sent} requests, a connection each: {failed} failed, {rate}/s")
        show_shares(screen, report, "by weight", results, weights_of(made))
        margin = shares.tolerance(REQUESTS, max(shares.expected_shares(weights_of(made)).values()))
        screen.detail(screen.paint(f"ok: within what chance allows {REQUESTS} draws, up to ±{margin:.1%}", "dim"))


def totals(results) -> tuple[int, int, int]:
    results = list(results)
    return (sum(result["sent"] for result in results), sum(result["failed"] for result in results),
            sum(result["requests_per_second"] for result in results))


def report_requests(report: Report, name: str, results) -> bool:
    results = list(results)
    sent, failed, _ = totals(results)
    errors = sum((Counter(result["errors"]) for result in results), Counter())
    reasons = "".join(f", {count} x {reason}" for reason, count in errors.items())
    return report.check(f"{name}: none failed", sent > 0 and failed == 0, f"{sent} sent, {failed} failed{reasons}")


def full_packets(screen: Screen, report: Report, made: State) -> None:
    """Full-size packets both ways: they only fit through the tunnel if the servers advertise a smaller segment."""
    with screen.step("packets", "1 MiB down and 256 KiB up, full-size packets") as step:
        down = both_families(made, "--requests", "20", "--concurrency", "4", "--path", f"/{servers.BIG_FILE}")
        up = both_families(made, "--requests", "20", "--concurrency", "4", "--upload", str(256 * 1024))
        every = [*down.values(), *up.values()]
        report_requests(report, "full-size packets", every)
        _, failed, _ = totals(every)
        step.done(f"full-size ones: 40 x 1 MiB down, 40 x 256 KiB up: {failed} failed")


def _wait_for_traffic(made: State, connections: int, seconds: float) -> None:
    ports = Ports(made.ports_file)
    start, deadline = ports.used(), time.monotonic() + seconds
    while ports.used() < start + connections and time.monotonic() < deadline:
        interrupts.check()
        time.sleep(0.02)


def change_weight(screen: Screen, report: Report, made: State) -> State:
    before = weights_of(made)
    what = f"{CHANGED_BACKEND} {before[CHANGED_BACKEND]} -> {CHANGED_WEIGHT}"
    with screen.step("weight", f"{what} under traffic") as step:
        runs = {family: http(made, "--family", str(family), "--duration", "60") for family in (4, 6)}
        try:
            _wait_for_traffic(made, 8 * BLOCK, 10)
            began = time.monotonic()
            changed, receipt = lab.set_weight(made.options.name, CHANGED_BACKEND, CHANGED_WEIGHT)
            took_ms = (time.monotonic() - began) * 1000
            during = all(run.poll() is None for run in runs.values())
            _wait_for_traffic(made, 8 * BLOCK, 10)
        finally:
            for run in runs.values():
                run.send_signal(signal.SIGINT)
        ongoing = [finished(run) for run in runs.values()]
        report.check("the weight changed while requests ran", during)
        report_requests(report, "requests during the change", ongoing)
        results = both_families(changed, "--requests", str(REQUESTS))
        report_requests(report, "requests after the change", results.values())
        sent, failed, _ = totals([*ongoing, *results.values()])
        step.done(f"{what} in {took_ms:.0f} ms, under traffic: {sent} sent, {failed} failed")
        screen.detail(f"sluice backend weight {cluster.POOL}/{CHANGED_BACKEND} {CHANGED_WEIGHT} --wait")
        live = receipt.get("live") or {"generation": 0, "live": 0, "planes": 0}
        report.check("the change is live on every plane", live["live"] == len(made.plan.balancers), json.dumps(receipt))
        screen.detail(f"generation {live['generation']} live on {live['live']}/{live['planes']} planes")
        show_shares(screen, report, "after the change", results, weights_of(changed))
        # The control: the same test must be able to say no, here to the weights of before.
        refuted = all(not all(shares.fits(result["by_backend"], before).values()) for result in results.values())
        report.check("the old weights no longer fit", refuted)
        screen.detail(screen.paint("and the weights of before " + ("no longer fit, as it should be" if refuted else "STILL fit"), "dim"))
    return changed


def lose_leader(screen: Screen, report: Report, made: State) -> None:
    """The leader's sluiced dies: the others elect another one, and packets need none of them."""
    leader = (cluster.status(made) or {}).get("leader") or made.plan.balancers[0].name
    with screen.step("leader", f"kill -9 the leader's sluiced, on {leader}, under traffic") as step:
        runs = [http(made, "--family", str(family), "--duration", "60") for family in (4, 6)]
        runs.append(http(made, "--duration", "60", "--keep-alive", "--concurrency", str(STANDING)))
        try:
            _wait_for_traffic(made, 5 * BLOCK, 10)
            began = time.monotonic()
            lab.stop_node(made.options.name, leader, signal.SIGKILL, "control")
            remaining = state.load(made.options.name)  # without the process that is dead
            heir = _next_leader(remaining, leader)
            elected_ms = (time.monotonic() - began) * 1000
            receipt = cluster.ask(remaining, "backend", "weight", f"{cluster.POOL}/{CHANGED_BACKEND}", str(WEIGHT_WITHOUT_ONE))
            written_ms = (time.monotonic() - began) * 1000
            _wait_for_traffic(made, 4 * BLOCK, 10)
            lab.start_node(made.options.name, leader, "control")
            live = _wait_live(state.load(made.options.name), receipt["generation"])
        finally:
            for run in runs:
                run.send_signal(signal.SIGINT)
        results = [finished(run) for run in runs]
        report.check("another balancer leads", heir not in (None, leader), str(heir))
        report.check("the cluster writes without it", receipt.get("changed") is True, json.dumps(receipt))
        report.check("back again, it forwards by what it missed", live == len(made.plan.balancers), str(live))
        report_requests(report, "requests while the cluster lost its leader", results[:2])
        kept = report_requests(report, "connections that stand meanwhile", results[2:])
        sent, failed, _ = totals(results)
        step.done(f"kill -9 sluiced on {leader}, the leader: {sent} sent, {failed} failed")
        screen.detail(f"{heir} leads {elected_ms:.0f} ms later; a weight is written at {written_ms:.0f} ms")
        screen.detail(f"{leader} back: generation {receipt['generation']} live on {live}/{len(made.plan.balancers)} planes; "
                      f"{STANDING} connections {'kept' if kept else 'NOT all kept'}")


def _next_leader(remaining: State, before: str) -> str | None:
    deadline = time.monotonic() + BACK_SECONDS_MAX
    while time.monotonic() < deadline:
        interrupts.check()
        leader = (cluster.status(remaining) or {}).get("leader")
        if leader not in (None, before):
            return leader
        time.sleep(0.005)
    return None


def _wait_live(made: State, generation: int) -> int:
    """On how many planes it is live, once it is on all of them or that takes too long."""
    deadline = time.monotonic() + BACK_SECONDS_MAX
    while True:
        interrupts.check()
        told = cluster.status(made) or {"nodes": [], "generation": 0}
        live = _live(told) if told["generation"] >= generation else 0
        if live == len(made.plan.balancers) or time.monotonic() > deadline:
            return live
        time.sleep(0.02)


def survive(screen: Screen, report: Report, made: State, node: Node) -> None:
    """All processes of a balancer die; its XDP programs stay in the kernel and forward on."""
    with screen.step("crash", f"kill -9 sluice-xdp and sluiced on {node.name} under traffic") as step:
        runs = {family: http(made, "--family", str(family), "--duration", "60") for family in (4, 6)}
        try:
            _wait_for_traffic(made, 4 * BLOCK, 10)
            lab.stop_node(made.options.name, node.name, signal.SIGKILL)
            _wait_for_traffic(made, 4 * BLOCK, 10)
            lab.start_node(made.options.name, node.name)
            _wait_for_traffic(made, 4 * BLOCK, 10)
        finally:
            for run in runs.values():
                run.send_signal(signal.SIGINT)
        results = [finished(run) for run in runs.values()]
        report_requests(report, "requests while sluice-xdp was dead", results)
        sent, failed, _ = totals(results)
        step.done(f"kill -9 all of {node.name}, start it again: {sent} sent, {failed} failed")
        screen.detail("its XDP programs forwarded on; then it was back in the cluster")


def restart(screen: Screen, report: Report, made: State, node: Node) -> None:
    """Forwarding ends with sluice-dpdk. A new one forwards on soon, and connections that stand outlive the gap: they are
    where the slot table has them, and TCP repeats what was lost."""
    with screen.step("restart", f"kill -9 sluice-dpdk and sluiced on {node.name}, start them again") as step:
        runs = {family: http(made, "--family", str(family), "--duration", "60", "--keep-alive", "--concurrency", str(STANDING))
                for family in (4, 6)}
        runs["probe"] = load(made, "probe", "--duration", "60")
        try:
            _wait_for_traffic(made, len(runs) * BLOCK, 10)  # each takes its first ports when it has begun
            time.sleep(0.5)
            lab.stop_node(made.options.name, node.name, signal.SIGKILL)
            lab.start_node(made.options.name, node.name)
            time.sleep(0.5)
        finally:
            for run in runs.values():
                run.send_signal(signal.SIGINT)
        probed = finished(runs.pop("probe"))
        kept = report_requests(report, "connections older than the restart", [finished(run) for run in runs.values()])
        after = both_families(made, "--requests", "1000", "--duration", "10")  # it ends even if nothing is forwarded
        report_requests(report, "requests after the restart", after.values())
        gap_ms = probed["longest_ms"]
        over = all(outage["ended"] for outage in probed["outages"])
        report.check("sluice-dpdk forwards again after its restart", over and 0 < gap_ms <= GAP_MS_MAX,
                     json.dumps(probed["outages"]))
        step.done(f"kill -9 all of {node.name}, start it again: {gap_ms} ms without it{'' if over else ', STILL'}")
        screen.detail(f"{2 * STANDING} older connections {'lived on' if kept else 'NOT all alive'}, "
                      f"{probed['lost']} of {probed['sent']} new ones waited")
        if gap_ms > GAP_PROMISED_MS:
            screen.detail(screen.paint(f"longer than the {GAP_PROMISED_MS} ms it should be; is the machine busy?", "yellow"))


def crash(screen: Screen, report: Report, made: State) -> None:
    """What the death of a balancer's processes means, on one balancer of each kind."""
    for plane, step in (("xdp", survive), ("dpdk", restart)):
        node = next((node for node in reversed(made.plan.balancers) if node.plane == plane), None)
        if node:
            step(screen, report, made, node)


def cli(made: State, node: Node, *arguments: str) -> dict:
    """Our own command on a balancer, as `tools/lab exec lb1 -- sluice ...` runs it."""
    command = [sys.executable, f"{REPOSITORY}/tools/lab", "exec", "--name", made.options.name, node.name, "--", "sluice",
               *arguments]
    run = interrupts.captured(command, 30)
    try:
        return json.loads(run.stdout)
    except json.JSONDecodeError:
        raise LabError(f"`sluice {' '.join(arguments)}` failed ({run.returncode})",
                       detail=(run.stderr or run.stdout).strip()) from None


def header(screen: Screen) -> None:
    title = "Sluice: real HTTP through a layer-4 load balancer, all on this machine"
    machine = f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} CPUs"
    screen.line()
    screen.line("  " + screen.paint(title, "bold"))
    screen.line("  " + screen.paint(f"client -> router -> 3 balancers -> server -> client; {machine}", "dim"))
    screen.line()


def explain(screen: Screen, report: Report, made: State) -> None:
    """Where flows will go and why; then they are sent, and the web servers say where they went."""
    with screen.step("explain", "asking where single flows will go") as step:
        asked: dict[str, dict] = {}
        went: dict[str, str] = {}
        agreed = True
        for family, client, vip in ((4, CLIENT4, VIP4), (6, f"[{CLIENT6}]", f"[{VIP6}]")):
            sources = [f"{client}:{port}" for port in Ports(made.ports_file).coming(FLOWS)]
            for source in sources:
                request = {"op": "explain", "source": source, "destination": f"{vip}:{VIP_PORT}", "protocol": "tcp"}
                answers = [servers.ask_plane(made, node.name, request) for node in made.plan.balancers]
                if not asked:  # by the command once, as a person would; the rest is for counting
                    answers.append(cli(made, made.plan.balancers[0], "explain", source, f"{vip}:{VIP_PORT}", "-o", "json"))
                asked[source] = answers[0]
                agreed = agreed and len({answer.get("backend") for answer in answers}) == 1
            result = finished(http(made, "--family", str(family), "--requests", str(FLOWS), "--concurrency", "1", "--flows"))
            went |= {flow["source"]: flow["backend"] for flow in result.get("flows", [])}
        right = sum(went.get(source) == told.get("backend") for source, told in asked.items())
        report.check("flows go where explain says", right == len(asked), f"{right} of {len(asked)}")
        source, told = next(iter(asked.items()))
        step.done(f"flow {source} -> {VIP4}:{VIP_PORT}/tcp")
        screen.detail(f"sluice explain: slot {told.get('slot')} of {made.options.slots} -> {told.get('backend')}; "
                      f"{told.get('reason')}")
        screen.detail(f"then sent: {right} of {len(asked)} flows reached the server that explain named")
        report.check("all balancers choose the same", agreed)
        screen.detail(f"asked on every balancer: {'the same server' if agreed else 'NOT the same server'} each time")


def counters(screen: Screen, report: Report, made: State) -> None:
    """Every packet is accounted for under one name."""
    with screen.step("counters", "adding up") as step:
        stats = [cli(made, node, "stats", "-o", "json") for node in made.plan.balancers]
        received, sent, kernel, dropped = (sum(one[f"{name}_packets"] for one in stats) for name in ("rx", "tx", "kernel", "drop"))
        exact = received == sent + kernel + dropped
        report.check("received = sent + kernel + dropped", received > 0 and exact,
                     f"{received} = {sent} + {kernel} + {dropped}")
        step.done(f"{received} packets {'=' if exact else 'ARE NOT'} {sent} sent + {kernel} kernel + {dropped} dropped")
        reasons: Counter[str] = Counter()
        for node in made.plan.balancers:
            reasons.update({reason["name"]: reason["packets"] for reason in cli(made, node, "drops", "-o", "json")["reasons"]
                            if reason["class"] == "drop" and reason["packets"]})
        named = reasons.total()
        report.check("every drop has a name", named == dropped, f"{named} of {dropped}")
        screen.detail("dropped: " + (", ".join(f"{packets} {name}" for name, packets in reasons.items()) or "none"))


def clean_up(screen: Screen, report: Report, name: str, keep: bool) -> None:
    with screen.step("cleanup", "removing the lab") as step:
        if keep:
            step.done("none: the lab stays up (--keep)")
            weight = f"{cluster.POOL}/{CHANGED_BACKEND} 50% --wait"
            for command in ("exec lb1 -- sluice cluster status", f"exec lb2 -- sluice backend weight {weight}",
                            "exec lb3 -- sluice explain 10.1.0.2:4000 203.0.113.10:80", "http --requests 5000",
                            "stop lb1 --role control --kill", "down"):
                screen.line(f"    sudo SLUICE_LAB_NAME={name} tools/lab {command}")
            return
        lab.down(name)
        left = name in state.names()
        report.check("nothing is left behind", not left)
        step.done("namespaces, processes, mounts and files are gone")


def run(screen: Screen, report: Report, arguments) -> None:
    header(screen)
    with screen.step("packages", "") as step:
        step.done(arguments.packages, seconds=arguments.packages_seconds)
    options = replace(OPTIONS, name=arguments.name, plane=arguments.plane)
    build(screen, planes_of(options))
    try:
        made = bring_up(screen, report, options)
        traffic(screen, report, made)
        full_packets(screen, report, made)
        made = change_weight(screen, report, made)
        lose_leader(screen, report, made)
        crash(screen, report, made)
        explain(screen, report, made)
        counters(screen, report, made)
    except BaseException:
        if not arguments.keep:
            lab.down(arguments.name)
        raise
    clean_up(screen, report, arguments.name, arguments.keep)


def verdict(screen: Screen, report: Report) -> None:
    good = sum(check["ok"] for check in report.checks)
    seconds = time.monotonic() - report.began
    screen.line()
    for check in report.checks:
        if not check["ok"]:
            screen.line("  " + screen.paint(f"failed: {check['name']}", "red") + f"  {check['detail']}")
    word, style = ("It works", "green") if report.ok else ("It does NOT work", "red")
    screen.line("  " + screen.paint(f"{word}: {good} of {len(report.checks)} checks hold", style) + f", in {seconds:.0f} s.")
    if report.ok:
        screen.line("  " + screen.paint("next: --keep leaves the lab up (docs/lab.md); sudo tools/test runs every test", "dim"))
    screen.line()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/quickstart", description="Builds Sluice, runs it in a lab of network "
                                     "namespaces with real web servers, and says whether it works.")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--json", action="store_true", help="only one JSON object on standard output, at the end")
    parser.add_argument("--plane", choices=PLANES, default=Options.plane,
                        help="of the three balancers (default: xdp); mixed: the second one dpdk")
    parser.add_argument("--name", default="quickstart", help="of the lab (default: %(default)s)")
    parser.add_argument("--packages", default="", help=argparse.SUPPRESS)  # from the shell part: what tools/setup said
    parser.add_argument("--packages-seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    interrupts.install()
    report = Report()
    screen = Screen(sys.stderr if arguments.json else sys.stdout)
    code = 0
    try:
        run(screen, report, arguments)
        verdict(screen, report)
        code = 0 if report.ok else FAILED
    except LabError as error:
        report.check("ran to its end", False, error.what)
        for text in (f"quickstart: {error.what}", *(f"  | {line}" for line in error.detail.splitlines()),
                     *([f"  hint: {error.hint}"] if error.hint else [])):
            print(text, file=sys.stderr)
        code = error.code or FAILED
    except Interrupted as interrupted:
        report.check("ran to its end", False, "interrupted")
        print("quickstart: interrupted; the lab is removed", file=sys.stderr)
        code = 128 + interrupted.number
    if arguments.json:
        print(json.dumps(report.to_json()))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
