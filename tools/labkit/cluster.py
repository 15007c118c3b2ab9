# SPDX-License-Identifier: Apache-2.0
"""The cluster of a lab: certificates, what each sluiced is told, how it comes together, and what is asked of it."""
import json
import os
import subprocess
import time

from . import interrupts, process, servers
from .errors import FAILED, TIMED_OUT, UNREACHABLE, LabError
from .plan import Node
from .state import State, write_atomically

PROGRAM = "controlplane/sluiced"
CLI = "tools/sluice"
PEER_PORT = 7471
POOL = "web"  # as in servers.site_text
# Whatever is waited for here takes well under a second on an idle machine, and several on a busy one.
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02
ELECTION_SECONDS = 3.0  # in which a cluster that has a majority has a leader again; some 0.4 s on an idle machine


def api_path(state: State, node: str) -> str:
    return f"{state.node_directory(node)}/api.sock"


def config_path(state: State, node: str) -> str:
    return f"{state.node_directory(node)}/sluiced.toml"


def site_path(state: State) -> str:
    return f"{state.directory}/site.toml"


def certificates_path(state: State) -> str:
    return f"{state.directory}/certs"


def peer_address(state: State, node: Node) -> str:
    """Where the other balancers reach it: over the router, by the family that the tunnels use too."""
    return f"{node.address4}:{PEER_PORT}" if state.options.underlay == 4 else f"[{node.address6}]:{PEER_PORT}"


def make_certificates(state: State) -> None:
    """As an operator would: an authority of this lab's own, and a certificate for each balancer."""
    directory = certificates_path(state)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    _sluice(state, "cert", "init", "--dir", directory)
    for node in state.plan.balancers:
        _sluice(state, "cert", "issue", node.name, "--node", "--dir", directory)


def control_command(state: State, node: Node) -> list[str]:
    directory, certificates = state.node_directory(node.name), certificates_path(state)
    write_atomically(config_path(state, node.name), f"""\
# Written by tools/lab for {node.name} of lab {state.options.name}.
[node]
name = "{node.name}"
data_directory = "{directory}/data"
listen = "{peer_address(state, node)}"
certificate = "{certificates}/{node.name}.crt"
key = "{certificates}/{node.name}.key"
authority = "{certificates}/ca.crt"
plane_socket = "{servers.socket_path(state, node.name)}"
api_socket = "{api_path(state, node.name)}"
""")
    os.makedirs(f"{directory}/data", mode=0o700, exist_ok=True)
    command = [servers.program(state, PROGRAM), "--config", config_path(state, node.name)]
    # With a state it is passed over, so a start is the same command each time.
    return command + (["--bootstrap", state.options.name] if node == state.plan.balancers[0] else [])


def form(state: State) -> None:
    """Makes one cluster of the waiting sluiced, and has every plane forward the lab's site."""
    first, *others = state.plan.balancers
    _wait(f"{first.name} leads its cluster", lambda: (status(state) or {}).get("leader") is not None)
    for node in others:
        identity = json.loads(_sluice(state, "cert", "show", f"{certificates_path(state)}/{node.name}.crt", "-o", "json"))
        ask(state, "cluster", "add", node.name, peer_address(state, node), "--id", identity[0]["node_id"])
    _wait("all balancers are voters, each with its plane", lambda: _is_formed(state))
    apply_site(state)


def _is_formed(state: State) -> bool:
    nodes = (status(state) or {}).get("nodes", [])
    return (len(nodes) == len(state.plan.balancers)
            and all(node["role"] in ("leader", "voter") and node["plane"] and node["live"] for node in nodes))


def apply_site(state: State) -> dict:
    write_atomically(site_path(state), servers.site_text(state))
    return ask(state, "config", "apply", site_path(state), "--wait", "--wait-timeout", f"{WAIT_SECONDS:.0f}s", "-m", "tools/lab")


def wait_for_plane(state: State, node: Node) -> None:
    """Until a balancer that was started again knows its leader and has its lease; at once where most of the cluster is not
    running."""
    balancers = state.plan.balancers
    if 2 * len([one for one in balancers if _runs(state, one)]) <= len(balancers):
        return

    def is_back() -> bool:
        told = _status_by(state, node) or {}
        return told.get("leader") is not None and any(
            one["name"] == node.name and one["live"] and one["plane"] for one in told["nodes"])

    _wait(f"{node.name} is back in its cluster", is_back)


def _wait(what: str, condition) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        interrupts.check()
        if time.monotonic() > deadline:
            raise LabError(f"gave up waiting until {what}", code=TIMED_OUT, hint="the logs: control.log of each balancer")
        time.sleep(POLL_SECONDS)


def _runs(state: State, node: Node) -> bool:
    record = state.process(node.name, "control")
    return record is not None and process.alive(record)


def _sluice(state: State, *arguments: str, node: str = "", timeout_seconds: float = WAIT_SECONDS + 10) -> str:
    """What `sluice` prints; its complaint and exit code as a LabError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    if node:
        environment["SLUICE_API"] = api_path(state, node)
    try:
        ran = interrupts.captured([servers.program(state, CLI), *arguments], timeout_seconds, env=environment)
    except subprocess.TimeoutExpired:
        raise LabError(f"`sluice {' '.join(arguments)}` did not end in {timeout_seconds:.0f} s", code=TIMED_OUT) from None
    # 8: degraded; it says what it has to say all the same.
    if ran.returncode not in (0, 8):
        raise LabError(f"`sluice {' '.join(arguments)}` failed ({ran.returncode})" + (f" on {node}" if node else ""),
                       detail=ran.stderr.strip(), code=ran.returncode if ran.returncode > 0 else FAILED)
    return ran.stdout


def ask(state: State, *arguments: str) -> dict:
    """One command of `sluice` by a living balancer of the lab, and its JSON answer. One that does not answer, or has no
    leader just now, is passed over, and asked again for as long as an election may take; a refusal is a refusal."""
    deadline = time.monotonic() + ELECTION_SECONDS
    while True:
        complaint = LabError("no balancer runs its sluiced", code=UNREACHABLE, hint="sudo tools/lab start lb1")
        for node in state.plan.balancers:
            if not _runs(state, node):
                continue
            try:
                return json.loads(_sluice(state, *arguments, "-o", "json", node=node.name))
            except LabError as error:
                complaint = error
                if error.code != UNREACHABLE:
                    raise
        interrupts.check()
        if not any(_runs(state, node) for node in state.plan.balancers) or time.monotonic() > deadline:
            raise complaint
        time.sleep(POLL_SECONDS)


def status(state: State) -> dict | None:
    """`sluice cluster status` by a balancer that knows a leader; else by any that answers; None if none does."""
    seen = None
    for node in state.plan.balancers:
        told = _status_by(state, node)
        if told and told["leader"]:
            return told
        seen = seen or told
    return seen


def _status_by(state: State, node: Node) -> dict | None:
    if not _runs(state, node):
        return None
    try:
        return json.loads(_sluice(state, "cluster", "status", "--timeout", "2", "-o", "json", node=node.name))
    except (LabError, json.JSONDecodeError):
        return None


def weights(state: State) -> dict[str, int]:
    """Of the lab's backends, as the cluster has them now; without an answer as the lab set them last."""
    known = dict(zip((node.name for node in state.plan.backends), state.options.weights))
    try:
        rows = ask(state, "backend", "list", POOL, "--local", "--timeout", "2")["backends"]  # needs no leader
    except LabError:
        return known
    return {row["name"]: row["weight"] for row in rows} or known


def set_weight(state: State, backend: str, weight: int) -> dict:
    """The receipt of the write, once every plane forwards by it."""
    return ask(state, "backend", "weight", f"{POOL}/{backend}", str(weight), "--wait")
