"""A conformance table over a real WebSocket server (python3-websockets), once directly and once through postern.

The table follows the headings of RFC 6455 (framing, control frames, reserved bits and opcodes, fragmentation,
UTF-8, closing, sizes) and RFC 7692 (compression). What is compared is what the client hears: data frames,
control frames and the end. A gateway that changes nothing makes no difference.

Autobahn's own suite needs Python 2, which this system does not have; where there is one, `./dev autobahn` runs it
the same way (autobahn.py).
"""
import hashlib
import itertools
import random
import socket
import struct
import subprocess
import sys
import zlib

import pytest

import edge_alone
import wsock
from wsock import BINARY, CLOSE, PING, PONG, TEXT

SERVER = """
import asyncio, websockets
async def echo(ws):
    try:
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=40 << 20, ping_interval=None, close_timeout=5,
                                subprotocols=["echo"]) as s:
        print(s.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"""
MASK = b"\x37\xfa\x21\x3d"
DEFLATE = "permessage-deflate"


def f(op, payload=b"", fin=True, rsv=0, mask=MASK):
    return wsock.frame(op, payload, fin, mask, rsv)


BYE = f(CLOSE, struct.pack(">H", 1000) + b"done")


def close(code, reason=b""):
    return f(CLOSE, struct.pack(">H", code) + reason)


class Squeeze:
    """Messages compressed by RFC 7692, one context for all of them unless told."""

    def __init__(self, bits=15, keep=True):
        self.bits, self.keep = bits, keep
        self.fresh()

    def fresh(self):
        self.z = zlib.compressobj(6, zlib.DEFLATED, -self.bits)

    def message(self, op, payload, fragments=1):
        if not self.keep:
            self.fresh()
        data = self.z.compress(payload) + self.z.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\0\0\xff\xff")
        data = data[:-4]
        size = -(-len(data) // fragments) or 1
        pieces = [data[i:i + size] for i in range(0, len(data), size)] or [b""]
        return b"".join(f(op if i == 0 else 0, p, fin=i == len(pieces) - 1, rsv=4 if i == 0 else 0)
                        for i, p in enumerate(pieces))


def cases():
    """(name, extension header or None, [(bytes to send, data frames to wait for), …], piece size or 0)."""
    dice = random.Random(20)
    text = "Hällo wörld, ".encode() * 10000

    def one(name, *steps, ext=None, piece=0):
        return name, ext, list(steps), piece
    for op, size in itertools.product((TEXT, BINARY), (0, 1, 125, 126, 127, 128, 65535, 65536, 65537)):
        payload = text[:size] if op == BINARY else b"*" * size
        for piece in (0, 997):
            yield one(f"1 one frame op {op} size {size} in pieces of {piece}", (f(op, payload), 1), (BYE, 0), piece=piece)
    yield one("1 a frame byte by byte", (f(TEXT, b"byte by byte " * 20), 1), (BYE, 0), piece=1)
    yield one("1 two hundred frames at once", (b"".join(f(TEXT, b"%d" % i) for i in range(200)), 200), (BYE, 0))
    for size in (0, 1, 125):
        yield one(f"2 ping of {size}", (f(PING, b"p" * size), 0), (f(TEXT, b"x"), 1), (BYE, 0))
        yield one(f"2 ping of {size} byte by byte", (f(PING, b"\xfe" * size), 0), (f(TEXT, b"x"), 1), (BYE, 0), piece=1)
    yield one("2 ping of 126", (f(PING, b"p" * 126), 0))
    yield one("2 pong that nobody asked for", (f(PONG, b"p"), 0), (f(TEXT, b"x"), 1), (BYE, 0))
    yield one("2 ten pings", (b"".join(f(PING, b"%d" % i) for i in range(10)), 0), (f(TEXT, b"x"), 1), (BYE, 0))
    for rsv in range(1, 8):
        for op in (TEXT, PING, CLOSE):
            yield one(f"3 reserved bits {rsv} on {op}", (f(TEXT, b"first"), 1), (f(op, b"", rsv=rsv), 0))
    for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for payload in (b"", b"data"):
            yield one(f"4 opcode {op} with {len(payload)}", (f(TEXT, b"first"), 1), (f(op, payload), 0))
    part = [b"frag", b"ment", b"ed"]
    for piece in (0, 1):
        yield one(f"5 text in three, pieces of {piece}", (f(TEXT, part[0], False) + f(0, part[1], False) + f(0, part[2]), 1),
                  (BYE, 0), piece=piece)
        yield one(f"5 pings between, pieces of {piece}",
                  (f(TEXT, part[0], False) + f(PING, b"a") + f(0, part[1], False) + f(PING, b"b") + f(0, part[2]), 1),
                  (BYE, 0), piece=piece)
    yield one("5 empty fragments", (f(TEXT, b"", False) + f(0, b"", False) + f(0, b""), 1), (BYE, 0))
    yield one("5 a hundred fragments", (f(BINARY, b"0", False) + b"".join(f(0, b"x" * i, False) for i in range(98)) +
                                       f(0, b"1"), 1), (BYE, 0))
    yield one("5 a fragmented ping", (f(PING, b"a", False) + f(0, b"b"), 0))
    yield one("5 a fragmented pong", (f(PONG, b"a", False) + f(0, b"b"), 0))
    yield one("5 a continuation of nothing", (f(TEXT, b"first"), 1), (f(0, b"x"), 0))
    yield one("5 a continuation of nothing, not final", (f(TEXT, b"first"), 1), (f(0, b"x", False), 0))
    yield one("5 text inside text", (f(TEXT, b"a", False) + f(TEXT, b"b"), 0))
    yield one("5 binary inside text", (f(TEXT, b"a", False) + f(BINARY, b"b", False) + f(0, b"c"), 0))
    good = ["κόσμε", "€", "\U00010000", "\U0010ffff", "\ud7ff\ue000", "﷐", "a\0b"]
    for n, word in enumerate(good):
        data = word.encode("utf-8", "surrogatepass")
        yield one(f"6 UTF-8 {n}", (f(TEXT, data), 1), (BYE, 0))
        cut = len(data) // 2
        yield one(f"6 UTF-8 {n} cut inside", (f(TEXT, data[:cut], False) + f(0, data[cut:]), 1), (BYE, 0))
    bad = [b"\xce\xba\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\x80", b"\xbf", b"\xe2\x82", b"\xf8\x88\x80\x80\x80",
           b"\xfe", b"\xff", b"\xf0\x80\x80\xaf", b"\xc1\xbf"]
    for n, data in enumerate(bad):
        yield one(f"6 no UTF-8 {n}", (f(TEXT, b"first"), 1), (f(TEXT, data), 0))
        yield one(f"6 no UTF-8 {n} in fragments", (f(TEXT, data[:1], False) + f(0, data[1:]), 0))
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4401, 4999):
        yield one(f"7 close {code}", (f(TEXT, b"first"), 1), (close(code, b"why"), 0))
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield one(f"7 close {code} that may not be sent", (f(TEXT, b"first"), 1), (close(code), 0))
    yield one("7 close without code", (f(CLOSE), 0))
    yield one("7 close of one byte", (f(CLOSE, b"\x03"), 0))
    yield one("7 close with the longest reason", (close(1000, b"r" * 123), 0))
    yield one("7 close that is too long", (close(1000, b"r" * 124), 0))
    yield one("7 close with no UTF-8", (close(1000, b"\xce\xba\xff"), 0))
    yield one("7 data behind close", (BYE + f(TEXT, b"late"), 0))
    yield one("7 two closes", (BYE + BYE, 0))
    yield one("7 a ping behind close", (BYE + f(PING, b"late"), 0))
    yield one("7 a client that does not mask", (f(TEXT, b"first"), 1), (f(TEXT, b"bare", mask=None), 0))
    yield one("7 a length in a longer form", (bytes([0x81, 0xfe, 0, 5]) + MASK + wsock.unmask(b"hello", MASK), 1), (BYE, 0))
    yield one("7 the end without close", (f(TEXT, b"first"), 1), (b"", 0))
    for op, power in itertools.product((TEXT, BINARY), (16, 18, 20, 22)):
        payload = (text * 40)[:1 << power] if op == BINARY else b"*" * (1 << power)
        yield one(f"9 op {op} of 2^{power}", (f(op, payload), 1), (BYE, 0))
        step = 1 << power // 2 + 2
        pieces = [payload[i:i + step] for i in range(0, len(payload), step)]
        yield one(f"9 op {op} of 2^{power} in fragments of {step}",
                  (b"".join(f(op if i == 0 else 0, p, i == len(pieces) - 1) for i, p in enumerate(pieces)), 1), (BYE, 0))
    yield one("9 sixteen megabytes", (f(BINARY, dice.randbytes(16 << 20)), 1), (BYE, 0))
    yield one("9 a thousand messages", (b"".join(f(BINARY, bytes(i % 300)) for i in range(1000)), 1000), (BYE, 0))
    yield one("9 more than the server takes", (f(BINARY, bytes((40 << 20) + 1))[:1 << 20], 0))
    for ext in (DEFLATE, DEFLATE + "; client_max_window_bits", DEFLATE + "; server_no_context_takeover",
                DEFLATE + "; client_no_context_takeover; server_max_window_bits=9", "permessage-bzip2, " + DEFLATE,
                DEFLATE + "; unknown=1", "x-webkit-deflate-frame"):
        keep = "client_no" not in ext
        for size in (0, 1, 1000, 100000, 1 << 20):
            s = Squeeze(keep=keep)
            fits = "unknown" not in ext and "x-webkit" not in ext
            body = s.message(BINARY, (text * 10)[:size]) + s.message(TEXT, b"again " * 50, 3) if fits else f(TEXT, b"plain")
            yield one(f"12 {ext} size {size}", (body, 2 if fits else 1), (BYE, 0), ext=ext, piece=0 if size > 1000 else 7)
    s = Squeeze()
    yield one("13 a compressed continuation", (s.message(TEXT, b"a") + f(0, b"x", rsv=4), 1), ext=DEFLATE)
    yield one("13 no deflate stream", (f(TEXT, b"first"), 1), (f(TEXT, b"\xff\xff\xff", rsv=4), 0), ext=DEFLATE)
    yield one("13 a bomb", (Squeeze().message(BINARY, bytes(41 << 20)), 0), ext=DEFLATE)


CASES = list(cases())


class Heard:
    """What the client heard of one case."""

    def __init__(self, sock, head, steps, piece):
        self.sock, self.data, self.over = sock, b"", None
        sock.settimeout(30)
        sock.sendall(head)
        while b"\r\n\r\n" not in self.data:
            self.fill()
            assert self.over is None, self.data
        answer, self.data = self.data.split(b"\r\n\r\n", 1)
        self.extension = [line for line in answer.decode().split("\r\n")
                          if line.lower().startswith(("sec-websocket-ext", "sec-websocket-prot"))]
        self.frames = []
        for data, wait in steps:
            self.say(data, piece)
            while wait > 0 and self.over is None:
                new, self.data = wsock.cut(self.data)
                self.frames += new
                wait -= sum(1 for fin, op, _, _ in new if op < CLOSE and fin)
                if wait > 0:
                    self.fill()
        if steps[-1][0] == b"":
            socket.socket.shutdown(sock, socket.SHUT_WR)
        while self.over is None:
            self.fill()
        new, self.data = wsock.cut(self.data)
        self.frames += new

    def say(self, data, piece):
        """Sends; a peer that has had enough may close meanwhile."""
        self.sock.setblocking(False)
        left = memoryview(data)
        try:
            while left and self.over is None:
                try:
                    left = left[self.sock.send(left[:piece or 65536]):]
                except (BlockingIOError, OSError) as error:
                    if not isinstance(error, BlockingIOError) and "want" not in str(error).lower() and \
                            "did not complete" not in str(error):
                        return
                try:
                    self.fill()
                except (BlockingIOError, OSError) as error:
                    if not isinstance(error, BlockingIOError) and "did not complete" not in str(error):
                        raise
        finally:
            self.sock.settimeout(30)

    def fill(self):
        try:
            more = self.sock.recv(1 << 18)
        except TimeoutError:
            raise
        except (ConnectionError, BrokenPipeError):
            more = b""
        except OSError as error:
            if "EOF" not in str(error).upper():
                raise
            more = b""
        if not more:
            self.over = True
        self.data += more

    def result(self):
        data = [(op, hashlib.sha256(p).hexdigest(), len(p), fin) for fin, op, p, _ in self.frames if op < CLOSE]
        control = [(op, p) for _, op, p, _ in self.frames if op >= CLOSE]
        return {"data": data, "control": control, "extension": sorted(self.extension), "rest": self.data}


@pytest.fixture(scope="module")
def server():
    p = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(p.stdout.readline())
    yield port
    p.kill()
    p.wait()


@pytest.fixture(scope="module")
def edge(server):
    with edge_alone.Edge(server) as e:
        e.keeper.person()
        yield e


def handshake(edge, ext):
    more = {"Sec_WebSocket_Extensions": ext, "Sec_WebSocket_Protocol": "other, echo",
            "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    return edge.head(path="/echo", extra=wsock.lines(f"https://{edge.host}:{edge.port}", **more))


@pytest.mark.parametrize("number", range(0, len(CASES), 10))
def test_a_client_hears_the_same_directly_and_through_postern(edge, server, number):
    for name, ext, steps, piece in CASES[number:number + 10]:
        head = handshake(edge, ext)
        with socket.create_connection(("127.0.0.1", server)) as direct:
            direct.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            expected = Heard(direct, head, steps, piece).result()
        with edge.connect() as through:
            got = Heard(through.sock, head, steps, piece).result()
        assert got == expected, name
        assert expected["rest"] == b"", name


def test_the_table_is_broad_and_its_valid_cases_echo(edge, server):
    assert len(CASES) >= 200 and len({name for name, *_ in CASES}) == len(CASES)
    with socket.create_connection(("127.0.0.1", server)) as direct:
        heard = Heard(direct, handshake(edge, None), [(f(TEXT, b"hello"), 1), (BYE, 0)], 0).result()
    assert heard["data"] == [(TEXT, hashlib.sha256(b"hello").hexdigest(), 5, 1)]
    assert heard["control"] == [(CLOSE, b"\x03\xe8done")]
