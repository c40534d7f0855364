"""An HTTP/2 client that says exactly what a test wants it to say, also what no client may.

Frames are bytes here; only header compression is a library's. It reads what comes, opens windows or
leaves them shut, and remembers what each stream was told.
"""
import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL, SETTINGS_TIMEOUT, STREAM_CLOSED = 0, 1, 2, 3, 4, 5
REFUSED, CANCEL, CALM = 7, 8, 11
MAX_CONCURRENT, INITIAL_WINDOW, MAX_FRAME, MAX_LIST, CONNECT_PROTOCOL, NO_PRIORITIES = 3, 4, 5, 6, 8, 9


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs, ack=False):
    return frame(SETTINGS, ACK if ack else 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


class Stream:
    def __init__(self):
        self.heads, self.body, self.ended, self.reset = [], bytearray(), False, None

    @property
    def head(self):
        return self.heads[-1] if self.heads else {}

    @property
    def status(self):
        return int(self.head.get(":status", 0))

    @property
    def over(self):
        return self.ended or self.reset is not None


class Client:
    """`edge` is an edge_alone.Edge, or anything with a port, a tls context and a host."""

    def __init__(self, edge, host=None, hello=settings(), opens=True, acks=True, timeout=10, alpn=("h2",), port=None):
        self.edge, self.host = edge, host or edge.host
        self.port = port or edge.port
        self.opens, self.acks = opens, acks
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(list(alpn))
        raw = socket.create_connection(("127.0.0.1", self.port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw, server_hostname=self.host)
        self.protocol = self.sock.selected_alpn_protocol()
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.streams, self.settings, self.goaways, self.pings = {}, {}, [], 0
        self.acked = self.closed = False
        self.buffer, self.block = bytearray(), b""
        self.next = 1
        # What we may send, per stream and in all.
        self.window, self.windows = 65535, {}
        self.initial = 65535
        if self.protocol == "h2" and hello is not None:
            self.send(PREFACE + hello)

    # ---- saying ----

    def send(self, data):
        self.sock.sendall(data)

    def fields(self, method="GET", path="/", extra=(), token="A" * 43, authority=None, scheme="https"):
        own = [("cookie", f"__Host-postern-{self.port}={token}")] if token else []
        return [(":method", method), (":scheme", scheme), (":authority", authority or f"{self.host}:{self.port}"),
                (":path", path), ("sec-fetch-site", "same-origin"), *own, *extra]

    def open(self, fields=None, end=True, flags=None, **more):
        """Sends a HEADERS frame; returns the stream's number."""
        number, self.next = self.next, self.next + 2
        block = self.encoder.encode(self.fields(**more) if fields is None else fields)
        self.send(frame(HEADERS, (END_STREAM if end else 0) | END_HEADERS if flags is None else flags, number, block))
        return number

    def data(self, stream, body=b"", end=False):
        """Sends at once whatever the windows allow; waits for windows in between."""
        while True:
            own = self.windows.setdefault(stream, self.initial)
            part = body[:min(16384, own, self.window)]
            if not part and body:
                self.pump(lambda: self.streams.get(stream, Stream()).over or
                          (self.windows[stream] > 0 and self.window > 0))
                if self.stream(stream).over:
                    return
                continue
            body = body[len(part):]
            self.windows[stream] -= len(part)
            self.window -= len(part)
            self.send(frame(DATA, END_STREAM if end and not body else 0, stream, part))
            if not body:
                return

    def reset(self, stream, code=CANCEL):
        self.send(frame(RST, 0, stream, struct.pack(">I", code)))

    # ---- hearing ----

    def stream(self, number):
        return self.streams.setdefault(number, Stream())

    def pump(self, until, timeout=15):
        """Takes frames until the condition holds. ConnectionError when the connection ends first."""
        end = time.monotonic() + timeout
        while not until():
            if self._take():
                continue
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{ {k: vars(v) for k, v in self.streams.items()} } {self.goaways}")
            if self.closed:
                raise ConnectionError(f"closed; goaways {self.goaways}")
            self.sock.settimeout(left)
            try:
                more = self.sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                more = b""
            self.closed = not more
            self.buffer += more

    def wait_closed(self, timeout=15):
        try:
            self.pump(lambda: False, timeout)
        except ConnectionError:
            return

    def ask(self, body=None, timeout=15, **more):
        """One request to its end."""
        number = self.open(end=body is None, **more)
        if body is not None:
            self.data(number, body, end=True)
        return self.finish(number, timeout)

    def finish(self, number, timeout=15):
        self.pump(lambda: self.stream(number).over, timeout)
        return self.stream(number)

    def _take(self):
        if len(self.buffer) < 9:
            return False
        size = int.from_bytes(self.buffer[:3], "big")
        if len(self.buffer) < 9 + size:
            return False
        kind, flags = self.buffer[3], self.buffer[4]
        number = int.from_bytes(self.buffer[5:9], "big") & 0x7fffffff
        payload = bytes(self.buffer[9:9 + size])
        del self.buffer[:9 + size]
        self._handle(kind, flags, number, payload)
        return True

    def _handle(self, kind, flags, number, payload):
        if kind in (HEADERS, CONTINUATION):
            self.block += payload
            if flags & END_HEADERS:
                head, self.block = dict(self.decoder.decode(self.block)), b""
                self.stream(number).heads.append(head)
            self.stream(number).ended |= kind == HEADERS and bool(flags & END_STREAM)
        elif kind == DATA:
            s = self.stream(number)
            s.body += payload
            s.ended |= bool(flags & END_STREAM)
            if self.opens and payload:
                more = struct.pack(">I", len(payload))
                try:
                    self.send(frame(WINDOW, 0, 0, more) + (frame(WINDOW, 0, number, more) if not s.ended else b""))
                except OSError:
                    pass
        elif kind == RST:
            self.stream(number).reset = struct.unpack(">I", payload)[0]
        elif kind == SETTINGS and flags & ACK:
            self.acked = True
        elif kind == SETTINGS:
            self.settings.update(struct.iter_unpack(">HI", payload))
            change = self.settings.get(INITIAL_WINDOW, 65535) - self.initial
            self.initial += change
            self.windows = {k: v + change for k, v in self.windows.items()}
            if self.acks:
                self.send(settings(ack=True))
        elif kind == PING and flags & ACK:
            self.pings += 1
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaways.append((last & 0x7fffffff, code))
        elif kind == WINDOW:
            more = struct.unpack(">I", payload)[0]
            if number == 0:
                self.window += more
            else:
                self.windows[number] = self.windows.get(number, self.initial) + more

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
