"""Clients of every kind at once (bench/storm.c) on a running stack, and the console behind it.

    weather = Storm(stack, admin)
    weather.begin(seconds=10, rate=50)
    ... reload, upgrade ...
    tally = weather.end()
"""
import asyncio
import base64
import hashlib
import json
import re
import subprocess
import threading

from stack import BUILD

# To the one key that every client of a storm uses (RFC 6455 section 4.2.2).
ACCEPT = base64.b64encode(hashlib.sha1(b"AQIDBAUGBwgJCgsMDQ4PEA==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


class Console:
    """Answers small requests and slow uploads, and echoes what comes after an upgrade."""

    def __init__(self):
        self.port = None
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /socket"):
                    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                 b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n")
                    while data := await reader.read(4096):
                        writer.write(data)
                    return
                length = re.search(rb"(?im)^content-length: *(\d+)", head)
                if length:
                    await reader.readexactly(int(length[1]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _end(self):
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)


class Storm:
    def __init__(self, stack, admin, console="storm"):
        self.stack, self.name = stack, f"{console}.{stack.host}"
        self.headers = ("Cookie: " + "; ".join(f"{k}={v}" for k, v in admin.jar[self.name].items()) +
                        "\r\nSec-Fetch-Site: same-origin\r\n")

    def begin(self, seconds, rate=50, keep=10, posts=10, sockets=50, every=100):
        self.process = subprocess.Popen(
            [str(BUILD / "bench/storm"), "--port", str(self.stack.port), "--name", self.name, "--ca",
             str(self.stack.state / "tls/ca.crt"), "--seconds", str(seconds), "--rate", str(rate), "--keep", str(keep),
             "--posts", str(posts), "--sockets", str(sockets),
             "--every", str(every)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.process.stdin.write(self.headers)
        self.process.stdin.close()
        self.process.stdin = None
        return self

    def end(self):
        out, self.errors = self.process.communicate(timeout=300)
        return json.loads(out)


def complaints(tally):
    """What any client noticed; empty when nobody did."""
    return {kind: bad for kind, t in tally.items()
            if (bad := {k: t[k] for k in ("refused", "reset", "server", "other", "late") if t[k]})}


def cloudless(stack, edges=2):
    """Starts what a storm needs: the owner, a console, a session on it."""
    console = Console()
    stack.start()
    admin = stack.owner()
    stack.cli("route", "add", "storm", console.url, "--allow", "group:owners@local")
    answer, _ = admin.open(stack.console_url("storm", "/"))
    assert answer.status == 200, answer
    return console, admin
