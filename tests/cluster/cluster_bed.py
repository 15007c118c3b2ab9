# SPDX-License-Identifier: Apache-2.0
"""A cluster of real sluiced processes on loopback, without planes: real disks, real TLS, real kills."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

SLUICE = os.environ.get("SLUICE", "build/tools/sluice")
SLUICED = os.environ.get("SLUICED", "build/controlplane/sluiced")
ELECTION_MS = 200  # timeouts are drawn from this to twice this: the default
READY_SECONDS = 20.0  # of a loaded machine; nothing is judged by it

SITE = """
[[pool]]
name = "web"
slots = 16381
backends = [
{backends}
]
[[service]]
name = "web4"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
"""


def site(count: int, weight: int = 100) -> str:
    return SITE.format(backends="\n".join(
        f'  {{ name = "b{i}", address = "10.9.{i // 250}.{i % 250 + 1}", weight = {weight} }},' for i in range(1, count + 1)))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float):
        super().__init__("sluice", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_for(what: str, holds, seconds: float = READY_SECONDS, every: float = 0.02):
    deadline = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)


def sluice(*words, code: int = 0, timeout: float = 60, **environment) -> str:
    """The command line's output; fails unless it exits with `code`."""
    ran = subprocess.run([SLUICE, *map(str, words)], capture_output=True, text=True, timeout=timeout,
                         env={**os.environ, **environment}, check=False)
    assert ran.returncode == code, f"sluice {' '.join(map(str, words))}: exit {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


class Balancer:
    def __init__(self, folder: pathlib.Path, certs: pathlib.Path, name: str, port: int, api_port: int | None = None):
        self.name, self.port, self.api_port = name, port, api_port
        self.folder = folder / name
        self.folder.mkdir()
        self.certs = certs
        self.socket = str(self.folder / "api.sock")
        self.log = self.folder / "log"
        self.config = self.folder / "sluiced.toml"
        self.process: subprocess.Popen | None = None
        self.write_config()

    def write_config(self, plane_socket: str = "") -> None:
        api = f'api_listen = "127.0.0.1:{self.api_port}"\n' if self.api_port else ""
        self.config.write_text(f"""[node]
name = "{self.name}"
data_directory = "{self.folder}/data"
listen = "127.0.0.1:{self.port}"
certificate = "{self.certs}/{self.name}.crt"
key = "{self.certs}/{self.name}.key"
authority = "{self.certs}/ca.crt"
plane_socket = "{plane_socket}"
api_socket = "{self.socket}"
election_ms = {ELECTION_MS}
heartbeat_ms = {ELECTION_MS // 4}
{api}""")

    @property
    def node_id(self) -> str:
        shown = json.loads(sluice("cert", "show", self.certs / f"{self.name}.crt", "-o", "json"))
        return shown[0]["node_id"]

    def start(self, *words: str, wait: bool = True, environment: dict | None = None) -> None:
        assert self.process is None or self.process.poll() is not None, f"{self.name} runs"
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([SLUICED, "--config", str(self.config), *words], stdout=log, stderr=log,
                                            env={**os.environ, **(environment or {})})
        if wait:
            wait_for(f"{self.name} is ready", lambda: self._is_ready(seen))

    def _is_ready(self, seen: int) -> bool:
        text = self.log.read_bytes()[seen:].decode(errors="replace")
        assert self.process.poll() is None, f"{self.name} has ended:\n{text}"
        return "ready:" in text

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(READY_SECONDS)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask(self, method: str, path: str, body=None, timeout: float = 15, headers: dict | None = None) -> tuple[int, dict]:
        connection = _UnixConnection(self.socket, timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def status(self) -> dict:
        return self.ask("GET", "/v1/cluster")[1]

    def sluice(self, *words, code: int = 0, **environment) -> str:
        return sluice(*words, code=code, SLUICE_API=self.socket, **environment)


class Cluster:
    """Formed when the block is entered: every balancer a voter, the site of `backends` applied."""

    def __init__(self, folder: pathlib.Path, count: int = 3, backends: int = 8, with_tls_api: bool = False):
        self.folder, self.backends = folder, backends
        self.certs = folder / "certs"
        self.certs.mkdir()
        sluice("cert", "init", "--dir", self.certs)
        names = [f"lb{i}" for i in range(1, count + 1)]
        ports = free_ports(2 * count)
        self.balancers = []
        for i, name in enumerate(names):
            self.issue(name)
            self.balancers.append(Balancer(folder, self.certs, name, ports[i], ports[count + i] if with_tls_api else None))

    def issue(self, name: str, *words: str) -> None:
        sluice("cert", "issue", name, "--node", "--host", "127.0.0.1", "--dir", self.certs, *words)

    def __enter__(self) -> "Cluster":
        try:
            self._form()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for one in self.balancers:
            if one.is_running:
                one.resume()
                one.kill()

    def _form(self) -> None:
        first = self.balancers[0]
        first.start("--bootstrap", "test")
        wait_for("the first balancer leads", lambda: first.status()["leader"])
        for one in self.balancers[1:]:
            one.start()
            self.join(one)
        path = self.folder / "site.toml"
        path.write_text(site(self.backends))
        first.sluice("config", "apply", path, "--wait")

    def join(self, one: Balancer) -> None:
        asked = next(other for other in self.balancers if other is not one and other.is_running)
        asked.sluice("cluster", "add", one.name, f"127.0.0.1:{one.port}", "--id", one.node_id)
        wait_for(f"{one.name} is a voter", lambda: one.name in self.voters(asked))

    def voters(self, asked: Balancer) -> list[str]:
        return [node["name"] for node in asked.status()["nodes"] if node["role"] != "learner"]

    def named(self, name: str) -> Balancer:
        return next(one for one in self.balancers if one.name == name)

    def running(self) -> list[Balancer]:
        return [one for one in self.balancers if one.is_running]

    def leader(self, but: str = "") -> Balancer:
        """Whom a majority takes for it."""
        def agreed():
            named = [one.status()["leader"] for one in self.running()]
            best = max(set(named), key=named.count) if named else None
            is_majority = best is not None and named.count(best) > len(self.balancers) // 2
            return best if is_majority and best != but and self.named(best).is_running else None
        return self.named(wait_for("there is a leader", agreed, every=0.002))

    def caught_up(self) -> bool:
        states = [one.status() for one in self.running()]
        return all(state["leader"] for state in states) and len(
            {(state["revision"], state["generation"], state["leader"]) for state in states}) == 1

    def table_hashes(self) -> set[str]:
        """Of the web pool's owners, as each balancer has them."""
        shown = [one.ask("GET", "/v1/tables/web?consistency=local&owners=true") for one in self.running()]
        assert all(status == 200 for status, _ in shown), shown
        # The revision counts what moves no packet, too.
        return {json.dumps([body["generation"], body["pools"]]) for _, body in shown}
