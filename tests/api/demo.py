# SPDX-License-Identifier: Apache-2.0
"""The real API server over the fake cluster (api_demo_server), and certificates for it."""
import http.client
import json
import os
import socket
import ssl
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = os.environ.get("API_DEMO_SERVER", os.path.join(ROOT, "build", "tests", "api", "api_demo_server"))
CLUSTER = "c0ffee"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


class Authority:
    """Certificates by the openssl program: another hand than ours."""

    def __init__(self, directory, name="ca"):
        self.directory = str(directory)
        self.certificate = self.path(name + ".pem")
        self._key = self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=" + name, "-keyout", self._key, "-out", self.certificate)

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, uri):
        """(certificate, key) with this URI as its subject's other name."""
        certificate, key, request, extra = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                "-keyout", key, "-out", request)
        with open(extra, "w", encoding="utf-8") as file:
            file.write("subjectAltName=URI:" + uri + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                "-days", "2", "-extfile", extra, "-out", certificate)
        return certificate, key


class Demo:
    """A running server; `with` ends it and looks that it ended well."""

    def __init__(self, directory, tls=()):
        self.socket = os.path.join(str(directory), "api.sock")
        self._process = subprocess.Popen([SERVER, self.socket, *tls], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _, errors = self._process.communicate(timeout=30)
        assert (self._process.returncode, errors) == (0, "")
        assert not os.path.exists(self.socket)

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def memory_kib(self):
        with open(f"/proc/{self._process.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(20)
        client.connect(self.socket)
        return client

    def ask(self, method, target, body=None, headers=None):
        """(status, headers, body as JSON or bytes) over the unix socket."""
        connection = http.client.HTTPConnection("sluice", timeout=20)
        connection.sock = self.connect()
        return exchange(connection, method, target, body, headers)

    def ask_tls(self, context, method, target, body=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
        return exchange(connection, method, target, body, None)


def exchange(connection, method, target, body, headers):
    try:
        connection.request(method, target, body if body is None or isinstance(body, bytes) else json.dumps(body),
                           headers or {})
        response = connection.getresponse()
        content = response.read()
        if response.getheader("Content-Type") == "application/json" and content:
            content = json.loads(content)
        return response.status, dict(response.getheaders()), content
    finally:
        connection.close()


def client_context(authority, certificate=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(authority)
    if certificate:
        context.load_cert_chain(*certificate)
    return context
