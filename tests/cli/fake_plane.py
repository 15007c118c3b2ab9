# SPDX-License-Identifier: Apache-2.0
"""A plane's control socket with canned answers, for tests of the client."""
import json
import os
import socket
import threading


class FakePlane:
    """Listens on a unix socket in a directory; `answer(request)` gives bytes, an object, or None (close at once)."""

    def __init__(self, directory, answer):
        self.path = os.path.join(str(directory), "plane.sock")
        self.requests = []
        self._answer = answer
        self._stop = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except socket.timeout:
                continue
            with connection:
                connection.settimeout(10)
                self._serve_one(connection)

    def _serve_one(self, connection):
        line = connection.makefile("rb").readline()
        self.requests.append(json.loads(line))
        answer = self._answer(self.requests[-1])
        if answer is None:
            return
        if answer == "silence":
            self._stop.wait(10)
            return
        if not isinstance(answer, bytes):
            answer = json.dumps(answer).encode() + b"\n"
        try:
            # In pieces: an answer need not arrive as a whole.
            for start in range(0, len(answer), 1000):
                connection.sendall(answer[start:start + 1000])
        except OSError:
            pass
