"""Many open WebSockets at once, in one thread, and an upstream for them in a process of its own."""
import asyncio
import selectors
import socket
import ssl
import subprocess
import sys
import time

import wsock
from stack import wait_for


async def _serve(port_out):
    async def hand(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(wsock.answer(head) + wsock.frame(wsock.TEXT, b"hello"))
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    break
                writer.write(data)
        except OSError:
            pass
        writer.close()
    server = await asyncio.start_server(hand, "127.0.0.1", 0, backlog=1024)
    port_out(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class Upstream:
    """Greets each WebSocket with one frame and echoes."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


class Crowd:
    """count open WebSockets of host with these header lines; dial() opens each with one blocking handshake."""

    def __init__(self, stack, host, headers, count):
        self.socks, self.data, self.ended = [], {}, {}
        for _ in range(count):
            raw = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
            s = stack.tls.wrap_socket(raw, server_hostname=host)
            s.sendall((f"GET /ws HTTP/1.1\r\nHost: {host}:{stack.port}\r\n" + headers + wsock.lines() +
                       "\r\n").encode())
            self.socks.append(s)
            self.data[s] = b""
        for s in self.socks:
            while wsock.frame(wsock.TEXT, b"hello") not in self.data[s]:
                more = s.recv(65536)
                if not more:
                    raise ConnectionError(self.data[s])
                self.data[s] += more
            self.data[s] = b""
            s.setblocking(False)

    def until_ended(self, seconds):
        """Reads until each has ended; notes when the first byte of its end came."""
        with selectors.DefaultSelector() as waits:
            for s in self.socks:
                waits.register(s, selectors.EVENT_READ)
            limit = time.monotonic() + seconds
            while waits.get_map() and time.monotonic() < limit:
                for key, _ in waits.select(1):
                    s = key.fileobj
                    try:
                        more = s.recv(65536)
                    except ssl.SSLWantReadError:
                        continue
                    except OSError:
                        more = b""
                    self.ended.setdefault(s, time.monotonic())
                    self.data[s] += more
                    if not more:
                        waits.unregister(s)
        return [self.data[s] for s in self.socks]

    def close(self):
        for s in self.socks:
            s.close()


def edge_figures(stack):
    """{name: worst of all edges, in ms} of what the edges themselves counted."""
    edges = [p["status"] for p in stack.doctor()["processes"] if p["role"] == "edge"]
    return {name: max(int(e.get(f"revocation_us_{name}", 0)) for e in edges) / 1000
            for name in ("p50", "p99", "p999", "max")}


def revoke_them_all(stack, count, seconds=30):
    """Opens them under one token, revokes it. Returns (frames' ends, edge_figures, seconds until all had ended)."""
    upstream = Upstream()
    try:
        stack.cli("route", "add", "crowd", f"http://127.0.0.1:{upstream.port}")
        token = stack.json("token", "add", "crowd", "--owner", "owner", "--route", "crowd")["token"]
        stack.cli("rule", "add", "crowd", "--token", "crowd", "--zone", "local", "--route", "crowd")
        crowd = Crowd(stack, f"crowd.{stack.host}", f"Postern-Token: {token}\r\n", count)
        begin = time.monotonic()
        stack.cli("token", "revoke", "crowd")
        ends = crowd.until_ended(seconds)
        took = max(crowd.ended.values()) - begin if len(crowd.ended) == count else None
        crowd.close()

        def told():
            figures = edge_figures(stack)
            return figures if figures["max"] > 0 else None
        return ends, wait_for(told, 10, every=0.2), took
    finally:
        upstream.close()


if __name__ == "__main__":
    asyncio.run(_serve(lambda port: print(port, flush=True)))
