# SPDX-License-Identifier: Apache-2.0
"""The programs that run in a lab: their configuration, their command lines, and how one sees that they are ready."""
import json
import os
import shutil
import socket

from . import process
from .errors import NOT_FOUND, UNREACHABLE, LabError
from .plan import BALANCERS4, BALANCERS6, VIP4, VIP6, VIP_PORT, Node
from .process import Record
from .state import State, write_atomically

BIG_FILE = "1m.bin"
BIG_FILE_BYTES = 1 << 20
DPDK_RUNTIME = "/var/run/dpdk"

_nginx = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  server_tokens off;
  default_type application/octet-stream;
  keepalive_requests 1000000;
  client_body_temp_path {directory}/tmp-body;
  proxy_temp_path {directory}/tmp-proxy;
  fastcgi_temp_path {directory}/tmp-fastcgi;
  uwsgi_temp_path {directory}/tmp-uwsgi;
  scgi_temp_path {directory}/tmp-scgi;
  server {{
    listen {vip4}:{port} backlog=4096;
    listen [{vip6}]:{port} backlog=4096;
    listen {own4}:{port};
    listen [{own6}]:{port};
    add_header X-Backend {name} always;
    client_max_body_size 64m;
    root {www};
    location = / {{ default_type text/plain; return 200 "{name}\\n"; }}
    location = /upload {{ default_type text/plain; return 200 "{name}\\n"; }}
    location = /accepts {{ stub_status; }}
  }}
}}
"""


def program(state: State, name: str) -> str:
    """Our own programs come from the build directory, the system's from PATH."""
    path = f"{state.build}/{name}" if "/" in name else shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not path or not os.access(path, os.X_OK):
        raise LabError(f"{path or name} is missing", code=NOT_FOUND,
                       hint=f"ninja -C {state.build} {name}" if "/" in name else "sudo tools/setup installs it")
    return path


def write_site(state: State) -> None:
    """What all web servers serve: one larger file, for transfers of many packets."""
    www = f"{state.directory}/www"
    os.makedirs(www, exist_ok=True)
    line = b"sluice " * 9 + b"\n"
    with open(f"{www}/{BIG_FILE}", "wb") as file:
        file.write(line * (BIG_FILE_BYTES // len(line)))


def web_command(state: State, node: Node) -> list[str]:
    directory = state.node_directory(node.name)
    write_atomically(f"{directory}/nginx.conf", _nginx.format(
        directory=directory, www=f"{state.directory}/www", name=node.name, port=VIP_PORT,
        vip4=VIP4, vip6=VIP6, own4=node.address4, own6=node.address6))
    return [program(state, "nginx"), "-p", directory, "-e", f"{directory}/nginx-error.log", "-c", f"{directory}/nginx.conf"]


def agent_command(state: State, node: Node) -> list[str]:
    return [program(state, "dataplane/sluice-backend"), "--interface", "eth0", "--vip", VIP4, "--vip", VIP6,
            "--allow", BALANCERS4, "--allow", BALANCERS6, "--pin-directory", f"{pin_mount(state, node.name)}/sluice-backend",
            "--state-directory", f"{state.node_directory(node.name)}/agent"]


def plane_command(state: State, node: Node) -> list[str]:
    return [program(state, plane_program(node)), "--config", config_path(state, node.name)]


def plane_program(node: Node) -> str:
    return f"dataplane/sluice-{node.plane}"


def config_path(state: State, node: str) -> str:
    return f"{state.node_directory(node)}/sluice.toml"


def socket_path(state: State, node: str) -> str:
    return f"{state.node_directory(node)}/plane.sock"


def pin_mount(state: State, node: str) -> str:
    """Where the node's own bpffs is mounted: its pins go when it is unmounted."""
    return f"{state.node_directory(node)}/bpf"


def worker_cpu(state: State, node: Node) -> int:
    """Balancers take turns from the last CPU down: each worker wants one for itself, and there are only so many."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[-1 - state.plan.balancers.index(node) % len(cpus)]


def _plane_text(state: State, node: Node) -> str:
    """What the file says of the plane in particular."""
    if node.plane == "xdp":
        return f"""\
interfaces = ["eth0"]
pin_directory = "{pin_mount(state, node.name)}/sluice\""""
    kernel = f', kernel_interface = "{node.interface}"' if node.interface != "eth0" else ""
    return f"""
[plane.dpdk]
ports = [ {{ device = "net_{state.options.port}0,iface=eth0"{kernel}, mtu = {state.options.mtu} }} ]
cpus = [{worker_cpu(state, node)}]
idle = "adaptive"
memory = "ordinary\""""


def config_text(state: State, node: Node) -> str:
    """The TOML file of one balancer's plane: all there is, or the host's part of it where a cluster says the rest."""
    in_cluster = state.options.control == "cluster"
    told = f'control = "cluster"\nstate_file = "{state.node_directory(node.name)}/plane-state"\n' if in_cluster else ""
    rest = "" if in_cluster else "\n" + site_text(state)
    key = "" if in_cluster else f'hash_key = "{state.hash_key}"\n'
    by_whom = "sluiced says the rest" if in_cluster else "`tools/lab weight` rewrites it"
    return f"""\
# Written by tools/lab for {node.name} of lab {state.options.name}; {by_whom}.
{key}
[plane]
{told}source_ipv4 = "{node.address4}"
source_ipv6 = "{node.address6}"
control_socket = "{socket_path(state, node.name)}"
{_plane_text(state, node)}
{rest}"""


def site_text(state: State) -> str:
    """The pool and the services, as a file or a cluster takes them."""
    options = state.options
    backends = "\n".join(
        f'  {{ name = "{backend.name}", address = "{backend.address4 if options.underlay == 4 else backend.address6}",'
        f" weight = {weight} }},"
        for backend, weight in zip(state.plan.backends, options.weights))
    services = "\n".join(f"""
[[service]]
name = "{name}"
address = "{vip}"
port = {VIP_PORT}
protocol = "tcp"
pool = "web"
track = {"true" if options.track else "false"}""" for name, vip in (("web4", VIP4), ("web6", VIP6)))
    return f"""\
[[pool]]
name = "web"
encapsulation = "{options.encapsulation}"
slots = {options.slots}
mtu = {options.mtu}
backends = [
{backends}
]
{services}
"""


def remove_leftovers(records: list[Record]) -> None:
    """A sluice-dpdk that was killed leaves DPDK's directory until the next one starts. The parent goes if it was the last."""
    for record in records:
        if record.role != "plane" or process.alive(record):
            continue
        shutil.rmtree(f"{DPDK_RUNTIME}/sluice-dpdk-{record.pid}", ignore_errors=True)
    try:
        os.rmdir(DPDK_RUNTIME)
    except OSError:
        pass  # it is somebody else's too, or is not there


def ask_plane(state: State, node: str, request: dict, timeout_seconds: float = 10.0) -> dict:
    """One request to a balancer's control socket: a JSON object per line each way."""
    path = socket_path(state, node)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
        return json.loads(line)
    except (OSError, ValueError) as error:
        raise LabError(f"the plane of {node} does not answer on {path}: {error}", code=UNREACHABLE,
                       hint=f"sudo tools/lab status --name {state.options.name}") from None


def log_tail(path: str, lines: int = 12) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def is_ready(role: str, log: str, directory: str) -> bool:
    """nginx writes its pid once it listens; our own programs print a line `ready: ...`."""
    if role == "web":
        return os.path.exists(f"{directory}/nginx.pid")
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return any(line.startswith("ready:") for line in file)
    except FileNotFoundError:
        return False
