#!/usr/bin/env python3
"""Autobahn's fuzzing client against one echo server, directly and through postern; the verdicts must be equal.

    ./dev autobahn [CASES…]          such as 1.* 7.*; all of them when nothing is named

autobahntestsuite is Python 2. It is fetched by name with the pip of the interpreter that POSTERN_PYTHON2 (or
python2.7) names, into a directory outside the tree, and used again from there. The client cannot send a token,
so a local relay adds one and speaks TLS to postern; all else crosses as it is.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import edge_alone
import stack as harness
import test_websocket_suite as suite

KEYS = ("behavior", "behaviorClose", "remoteCloseCode")
ROUNDS = 5
PACKAGE = "autobahntestsuite==25.10.1"
PLACE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "postern/autobahn"


def fetch(python):
    """Installs it once. Returns the environment for running it."""
    done = PLACE / "complete"
    if not done.exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        PLACE.mkdir(parents=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--target", str(PLACE), PACKAGE], check=True)
        # A namespace package that only a site directory would make one.
        (PLACE / "zope/__init__.py").touch()
        done.touch()
    return {**os.environ, "PYTHONPATH": str(PLACE)}


class Relay(harness.Server):
    """Plain on this side, TLS to the edge on the other, with a session's cookie and the right names in the head."""

    def __init__(self, edge):
        self.edge = edge
        super().__init__()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        edge = self.edge
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return
            data += more
        head, rest = data.split(b"\r\n\r\n", 1)
        first, *lines = head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith((b"host:", b"origin:", b"cookie:"))]
        with edge.connect(timeout=None) as c:
            own = f"Host: {edge.host}:{edge.port}\r\nOrigin: https://{edge.host}:{edge.port}\r\n{edge.cookie()}".encode()
            c.send(first + b"\r\n" + own + b"\r\n".join(kept) + b"\r\n\r\n" + rest)
            self.pump(sock, c.sock)
        sock.close()

    @staticmethod
    def pump(plain, tls):
        """One thread: a TLS object bears no second one."""
        import select
        import ssl
        tls.setblocking(False)
        plain.setblocking(False)
        up, down, up_open, down_open = b"", b"", True, True
        while down_open or down:
            reads = ([plain] if up_open and not up else []) + ([tls] if down_open and not down else [])
            writes = ([tls] if up else []) + ([plain] if down else [])
            wait = 0 if tls.pending() and down_open and not down else 60
            select.select(reads, writes, [], wait)
            try:
                if up_open and not up:
                    up = plain.recv(1 << 16)
                    up_open = bool(up)
                    if not up_open:
                        socket.socket.shutdown(tls, socket.SHUT_WR)
            except BlockingIOError:
                pass
            except OSError:
                return
            try:
                if up:
                    up = up[tls.send(up):]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                up = b""
            try:
                if down_open and not down:
                    down = tls.recv(1 << 16)
                    if not down:
                        down_open = False
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                down_open = False
            try:
                if down:
                    down = down[plain.send(down):]
            except BlockingIOError:
                pass
            except OSError:
                return


def verdicts(python, env, servers, cases, where):
    spec = {"outdir": str(where), "servers": [{"agent": n, "url": f"ws://127.0.0.1:{p}"} for n, p in servers.items()],
            "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    (where / "spec.json").write_text(json.dumps(spec))
    subprocess.run([python, str(PLACE / "bin/wstest"), "-m", "fuzzingclient", "-s", str(where / "spec.json")], env=env,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=where)
    return json.loads((where / "index.json").read_text())


def heard(found, way, case):
    verdict = found[way].get(case)
    return set() if verdict is None else {tuple(str(verdict[k]) for k in KEYS)}


def main():
    python = os.environ.get("POSTERN_PYTHON2") or shutil.which("python2.7")
    if not python:
        sys.exit("autobahntestsuite needs Python 2.7; POSTERN_PYTHON2 names its interpreter")
    env = fetch(python)
    server = subprocess.Popen([sys.executable, "-c", suite.SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True)
    try:
        port = int(server.stdout.readline())
        with edge_alone.Edge(port) as edge, tempfile.TemporaryDirectory() as where:
            edge.keeper.person()
            servers, where = {"direct": port, "postern": Relay(edge).port}, pathlib.Path(where)
            found = verdicts(python, env, servers, sys.argv[1:] or ["*"], where)
            other = sorted(c for c in found["direct"] if not heard(found, "direct", c) & heard(found, "postern", c))
            again = other
            # In some cases the server races with itself, directly too: what it had still to echo when it found the
            # fault comes or does not. Such a case is equal when either way shows a verdict that the other way has shown.
            both = {c: (heard(found, "direct", c), heard(found, "postern", c)) for c in other}
            for _ in range(ROUNDS if other else 0):
                more = verdicts(python, env, servers, again, where)
                for c in again:
                    both[c] = (both[c][0] | heard(more, "direct", c), both[c][1] | heard(more, "postern", c))
                again = [c for c in again if not both[c][0] & both[c][1]]
                if not again:
                    break
    finally:
        server.kill()
        server.wait()
    count = {}
    for verdict in found["direct"].values():
        count[verdict["behavior"]] = count.get(verdict["behavior"], 0) + 1
    print(f"{len(found['direct'])} cases; directly: " + ", ".join(f"{n} {k}" for k, n in sorted(count.items())))
    for case in other:
        print(f"  {case}: directly {sorted(both[case][0])}, through postern {sorted(both[case][1])}")
    print("equal" if not again else f"{len(again)} differ")
    sys.exit(1 if again or not found["direct"] else 0)


if __name__ == "__main__":
    main()
