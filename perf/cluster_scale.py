#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How a cluster does with more and more to agree on: three sluiced and three sluice-xdp in a namespace of their own.

    perf/cluster_scale.py [--build DIR] [--balancers 3] [--changes 20] [--svg FILE] [-o json] [SERVICES/POOLS/BACKENDS ...]

For each size: the file applied and live on every plane; then one weight changed at a time, from the request over the API to
the answer that every plane has switched, and as many by the command line, its start and end included; as many large ones by
the command line; a file with 500 changed weights, twice (the first gives tables their first histories); memory (VmHWM) of
sluiced and of the plane; and a sluiced killed and started again, until it answers, with its state from snapshot and log. Needs
root."""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "cluster"))

SIZES = ["2/1/10", "100/10/1000", "1000/50/10000", "10000/500/100000"]
INSIDE = "SLUICE_SCALE_INSIDE"


def site(services: int, pools: int, backends: int, weight_of=lambda number: 100) -> str:
    lines = []
    for pool in range(pools):
        members = ",".join(f'{{name="b{n}",address="10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",weight={weight_of(n)}}}'
                           for n in range(pool + 1, backends + 1, pools))
        lines.append(f'[[pool]]\nname="p{pool}"\nbackends=[{members}]\n')
    for number in range(services):
        lines.append(f'[[service]]\nname="s{number}"\naddress="203.{number >> 8 & 255}.{number & 255}.1"\nport=80\n'
                     f'protocol="tcp"\npool="p{number % pools}"\n')
    return "\n".join(lines)


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def memory_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def start_plane(build: str, folder: pathlib.Path, number: int) -> subprocess.Popen:
    device = f"eth{number}"
    run("ip", "link", "add", device, "type", "veth", "peer", "name", f"far{number}")
    run("ip", "link", "set", f"far{number}", "up")
    run("ip", "link", "set", device, "up")
    run("ip", "addr", "add", f"172.16.{number}.2/24", "dev", device)
    if number == 1:
        run("ip", "route", "add", "default", "via", "172.16.1.1")
    run("ip", "neigh", "replace", f"172.16.{number}.1", "dev", device, "lladdr", "02:00:00:00:00:01", "nud", "permanent")
    pins = folder / f"pins{number}"
    pins.mkdir()
    run("mount", "-t", "bpf", "bpf", str(pins))
    (folder / f"plane{number}.toml").write_text(f"""[plane]
interfaces = ["{device}"]
source_ipv4 = "172.16.{number}.2"
control_socket = "{folder}/plane{number}.sock"
pin_directory = "{pins}/sluice"
flows_per_cpu = 16384
control = "cluster"
state_file = "{folder}/plane{number}.state"
""")
    log = (folder / f"plane{number}.log").open("w")
    plane = subprocess.Popen([f"{build}/dataplane/sluice-xdp", "--config", str(folder / f"plane{number}.toml")], stdout=log, stderr=log)
    deadline = time.monotonic() + 30
    while "ready:" not in (folder / f"plane{number}.log").read_text():
        if plane.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"sluice-xdp does not start:\n{(folder / f'plane{number}.log').read_text()}")
        time.sleep(0.02)
    return plane


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# Every one of them must be a change. Weights that grow by one, from above those of the file, move few slots each.
def growing(first: int):
    return lambda number: first + number


def large(backends: int):
    """Round after round of all backends, a fifth of the file's weight and nearly twice the file's by turns: a tenth of the slots of
    ten backends moves each time, until every slot has previous owners."""
    return lambda number: 180 if number // backends % 2 else 20


def measure_changes(cluster, count: int, pools: int, backends: int, planes: int, weight_of) -> list[float]:
    took = []
    for number in range(count):
        backend = 1 + number * 7919 % backends
        path = f"/v1/pools/p{(backend - 1) % pools}/backends/b{backend}/weight?wait=generation&timeout=60s"
        began = time.monotonic()
        status, answer = cluster.balancers[number % len(cluster.balancers)].ask("PUT", path, {"weight": weight_of(number)}, timeout=90)
        took.append((time.monotonic() - began) * 1000)
        assert status == 200 and answer["changed"] and answer["live"]["live"] == planes, (status, answer)
    return took


def measure_commands(cluster, count: int, pools: int, backends: int, planes: int, weight_of) -> list[float]:
    took = []
    for number in range(count):
        backend = 1 + number * 7919 % backends
        began = time.monotonic()
        said = cluster.balancers[number % len(cluster.balancers)].sluice(
            "backend", "weight", f"p{(backend - 1) % pools}/b{backend}", str(weight_of(number)), "--wait", "-o", "json")
        took.append((time.monotonic() - began) * 1000)
        assert json.loads(said)["live"]["live"] == planes, said
    return took


def apply(cluster, folder: pathlib.Path, text: str) -> tuple[float, int]:
    """Seconds until live on every plane, and how many generations that took."""
    path = folder / "site.toml"
    path.write_text(text)
    leader = cluster.leader()
    before = leader.status()["generation"]
    began = time.monotonic()
    leader.sluice("config", "apply", path, "--wait", "--wait-timeout", "120s", "--force", "--timeout", "120")
    return time.monotonic() - began, leader.status()["generation"] - before


def measure(build: str, size: str, options: argparse.Namespace) -> dict:
    from cluster_bed import Cluster, wait_for
    services, pools, backends = map(int, size.split("/"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-scale-"))
    planes = []
    cluster = Cluster(folder, options.balancers)
    try:
        for number in range(1, options.balancers + 1):
            planes.append(start_plane(build, folder, number))
            cluster.balancers[number - 1].write_config(f"{folder}/plane{number}.sock")
        cluster.__enter__()
        apply_seconds, _ = apply(cluster, folder, site(services, pools, backends))
        scale = (pools, backends, options.balancers)
        changes = measure_changes(cluster, options.changes, *scale, growing(101))
        commands = measure_commands(cluster, options.changes, *scale, growing(101 + options.changes))
        many_slots = measure_commands(cluster, options.changes, *scale, large(backends))
        many, generations = zip(*(apply(cluster, folder, site(services, pools, backends,
                                                              lambda n: weight if n <= min(500, backends) else 100))
                                  for weight in (60, 50)))
        victim = next((one for one in cluster.balancers if one is not cluster.leader()), cluster.balancers[0])
        wait_for("all caught up", cluster.caught_up)
        result = {
            "services": services, "pools": pools, "backends": backends, "apply_seconds": round(apply_seconds, 2),
            "change_ms_p50": round(statistics.median(changes), 1), "change_ms_p99": round(percentile(changes, 0.99), 1),
            "command_ms_p50": round(statistics.median(commands), 1), "command_ms_p99": round(percentile(commands, 0.99), 1),
            "large_ms_p50": round(statistics.median(many_slots), 1), "large_ms_p99": round(percentile(many_slots, 0.99), 1),
            "changes_500_seconds": [round(one, 2) for one in many], "changes_500_generations": max(generations),
            "sluiced_mib": round(memory_mib(cluster.leader().process.pid)), "plane_mib": round(memory_mib(planes[0].pid)),
        }
        # With a snapshot of everything, as after a day's work: 10,000 entries make one.
        victim.kill()
        began = time.monotonic()
        victim.start()
        wait_for("all caught up", cluster.caught_up, seconds=60)
        result["restart_seconds"] = round(time.monotonic() - began, 2)
        return result
    finally:
        cluster.__exit__()
        for plane in planes:
            plane.terminate()
            plane.wait()
        for number in range(1, len(planes) + 1):
            subprocess.run(["umount", str(folder / f"pins{number}")], check=False)
            subprocess.run(["ip", "link", "del", f"eth{number}"], check=False)
        if not options.keep:
            shutil.rmtree(folder)


def plot(results: list[dict]) -> str:
    """Memory against backends, both axes logarithmic, as an SVG page of its own."""
    series = (("sluiced", "sluiced_mib", "#1f6feb"), ("sluice-xdp", "plane_mib", "#b35900"))
    left, right, top, bottom = 70, 520, 30, 300
    xs = [math.log10(one["backends"]) for one in results]
    tops = [math.log10(max(1, one[key])) for one in results for _, key, _ in series]
    x_low, x_high, y_high = min(xs), max(max(xs), min(xs) + 1), math.ceil(max(tops))

    def x_of(value: float) -> float:
        return left + (value - x_low) / (x_high - x_low) * (right - left)

    def y_of(value: float) -> float:
        return bottom - value / y_high * (bottom - top)

    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="12">',
             '<rect width="640" height="360" fill="white"/>',
             f'<text x="{left}" y="18">peak memory in MiB against backends, each pool with 65,537 slots</text>']
    for power in range(y_high + 1):
        parts += [f'<line x1="{left}" x2="{right}" y1="{y_of(power)}" y2="{y_of(power)}" stroke="#ddd"/>',
                  f'<text x="{left - 8}" y="{y_of(power) + 4}" text-anchor="end">{10 ** power:,}</text>']
    for one, x in zip(results, xs):
        parts += [f'<text x="{x_of(x)}" y="{bottom + 18}" text-anchor="middle">{one["backends"]:,}</text>',
                  f'<text x="{x_of(x)}" y="{bottom + 34}" text-anchor="middle" fill="#666">{one["pools"]} pool{"s" * (one["pools"] > 1)}</text>']
    for place, (name, key, colour) in enumerate(series):
        points = [(x_of(x), y_of(math.log10(max(1, one[key])))) for one, x in zip(results, xs)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), one in zip(points, results):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{one[key]} MiB</title></circle>')
        parts.append(f'<text x="{left + 10}" y="{top + 16 + 16 * place}" fill="{colour}">{name}</text>')
    return "\n".join(parts + ["</svg>"]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", metavar="SERVICES/POOLS/BACKENDS", help=f"default: {' '.join(SIZES)}")
    parser.add_argument("--build", default=str(HERE.parent / "build"))
    parser.add_argument("--balancers", type=int, default=3)
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--svg", metavar="FILE", help="plot memory against size")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and states")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    if os.environ.get(INSIDE) != "1":
        return subprocess.run(["unshare", "--net", "--mount", sys.executable, "-B", __file__, *sys.argv[1:]],
                              env={**os.environ, INSIDE: "1"}, check=False).returncode
    os.environ["SLUICE"] = f"{options.build}/tools/sluice"
    os.environ["SLUICED"] = f"{options.build}/controlplane/sluiced"
    run("ip", "link", "set", "lo", "up")
    results = []
    for size in options.sizes or SIZES:
        results.append(measure(options.build, size, options))
        if options.output == "table":
            print("  ".join(f"{key} {value:,}" if isinstance(value, (int, float)) else f"{key} {value}"
                            for key, value in results[-1].items()), flush=True)
    if options.svg:
        pathlib.Path(options.svg).write_text(plot(results))
    if options.output == "json":
        print(json.dumps({"results": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
