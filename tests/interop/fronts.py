"""Gateways in front of one recording upstream: postern's edge, and real nginx and HAProxy to compare with."""
import collections
import concurrent.futures
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

import h11
import hpack
import hyperframe.frame

from stack import Connection, Server, free_port, wait_for


class Witness(Server):
    """An upstream that reads with h11, another reader than any of the gateways', and says what it saw."""

    def __init__(self):
        # By the number in the target: requests, and bytes that were none.
        self.seen, self.bad = collections.defaultdict(list), collections.defaultdict(list)
        super().__init__()

    def _serve(self, sock):
        sock.settimeout(20)
        reader, raw = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), bytearray()
        try:
            with sock:
                while self._one(sock, reader, raw):
                    reader.start_next_cycle()
        except OSError:
            pass
        except h11.RemoteProtocolError as error:
            numbers = re.findall(rb"/(?:c|smuggled)/(\d+)", raw)
            with self.lock:
                self.bad[int(numbers[-1]) if numbers else -1].append(str(error))

    def _one(self, sock, reader, raw):
        body, request = b"", None
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                more = sock.recv(65536)
                raw += more
                reader.receive_data(more)
            elif isinstance(event, h11.Request):
                request = event
                if reader.they_are_waiting_for_100_continue:
                    sock.sendall(reader.send(h11.InformationalResponse(status_code=100, headers=[])))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        number = re.search(rb"/(?:c|smuggled)/(\d+)", request.target)
        case = dict(request.headers).get(b"x-case", b"-1")
        with self.lock:
            self.seen[int(number[1] if number else case)].append((request.target, request.headers.raw_items(), body))
        sock.sendall(reader.send(h11.Response(status_code=200, headers=[("Content-Length", "2")])))
        sock.sendall(reader.send(h11.Data(data=b"ok")) + reader.send(h11.EndOfMessage()))
        return reader.our_state is h11.DONE and reader.their_state is h11.DONE


class H2:
    """Frames of HTTP/2 as the test wants them, without a library that would object. One request for a connection."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hyperframe.frame.SettingsFrame(0).serialize())

    def ask(self, fields, data=(), trailers=()):
        """The status of the answer; 0: the stream or the connection ended without one."""
        frames = [self.headers(fields, not data and not trailers)]
        frames += [hyperframe.frame.DataFrame(1, chunk, flags=["END_STREAM"] if not trailers and i == len(data) - 1 else []) for i, chunk in enumerate(data)]
        if trailers:
            frames.append(self.headers(trailers, True))
        try:
            self.sock.sendall(b"".join(f.serialize() for f in frames))
            while True:
                frame = self.frame()
                if isinstance(frame, hyperframe.frame.HeadersFrame):
                    status = int(dict(self.decoder.decode(frame.data, raw=True))[b":status"])
                    if status >= 200:
                        return status
                elif isinstance(frame, (hyperframe.frame.RstStreamFrame, hyperframe.frame.GoAwayFrame)):
                    return 0
        except (ConnectionError, ssl.SSLError):
            return 0

    def headers(self, fields, end):
        block = self.encoder.encode([(hpack.NeverIndexedHeaderTuple(*f)) for f in fields], huffman=False)
        return hyperframe.frame.HeadersFrame(1, block, flags=["END_HEADERS"] + (["END_STREAM"] if end else []))

    def frame(self):
        head = self.take(9)
        frame, length = hyperframe.frame.Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(self.take(length)))
        return frame

    def take(self, size):
        while len(self.buffer) < size:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


class Plain:
    """A connection without TLS, with what the tests use of stack.Connection."""
    fill, read, close, __enter__, __exit__ = (Connection.fill, Connection.read, Connection.close, Connection.__enter__, Connection.__exit__)

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)


class Peer:
    """A real gateway of another make, from the distribution, with its default strictness."""
    host = "app.postern.localhost"
    own = b"X-Case: {n}"

    def __init__(self, witness):
        self.witness = witness
        self.port, self.h2_port = free_port(), free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-peer-"))
        self.directory.chmod(0o755)
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
        wait_for(self.up, 10)

    def up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def connect(self):
        return Plain(self.port)

    def connect_h2(self):
        return H2(socket.create_connection(("127.0.0.1", self.h2_port), timeout=10))

    def own_h2(self, number):
        return [(b"x-case", b"%d" % number)]

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Nginx(Peer):
    name = "nginx"

    def command(self):
        config = self.directory / "nginx.conf"
        config.write_text(f"""daemon off; master_process off; pid {self.directory}/pid; error_log {self.directory}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy; fastcgi_temp_path {self.directory}/f;
  uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
  client_header_timeout 3s; client_body_timeout 3s;
  server {{ listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.h2_port} http2;
    location / {{ proxy_pass http://127.0.0.1:{self.witness.port}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
                  proxy_set_header Host $http_host; proxy_connect_timeout 3s; proxy_read_timeout 3s; }} }}
}}
""")
        return ["nginx", "-c", str(config), "-p", str(self.directory)]


class HAProxy(Peer):
    name = "HAProxy"

    def command(self):
        config = self.directory / "haproxy.cfg"
        config.write_text(f"""global
  maxconn 512
defaults
  mode http
  timeout connect 3s
  timeout client 3s
  timeout server 3s
  timeout http-request 3s
frontend f
  bind 127.0.0.1:{self.port}
  bind 127.0.0.1:{self.h2_port} proto h2
  default_backend b
backend b
  server s 127.0.0.1:{self.witness.port}
""")
        return ["haproxy", "-f", str(config)]


class Postern:
    """One real edge with a real signer, told by the test that the request's cookie is good."""
    name = "postern"

    def __init__(self, witness):
        import edge_alone
        self.witness = witness
        self.edge = edge_alone.Edge(witness.port, limits="header_timeout: 5s, connections_per_source: 1000")
        self.edge.keeper.person()
        self.own = self.edge.cookie().strip().encode() + b"\r\nSec-Fetch-Site: same-origin\r\nX-Case: {n}"

    @property
    def authority(self):
        return f"{self.edge.host}:{self.edge.port}"

    def connect(self):
        return self.edge.connect()

    def connect_h2(self):
        context = ssl.create_default_context(cafile=str(self.edge.dir / "tls/ca.crt"))
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("127.0.0.1", self.edge.port), timeout=10)
        sock = context.wrap_socket(raw, server_hostname=self.edge.host)
        assert sock.selected_alpn_protocol() == "h2"
        return H2(sock)

    def own_h2(self, number):
        cookie = self.edge.cookie().strip().split(": ", 1)[1].encode()
        return [(b"cookie", cookie), (b"sec-fetch-site", b"same-origin"), (b"x-case", b"%d" % number)]

    def close(self):
        self.edge.close()


def survey(cases, send):
    """send(front, number, case) for every case at every gateway: its name → (authority, answers, witness)."""
    table = {}
    for make in (Postern, Nginx, HAProxy):
        witness = Witness()
        front = make(witness)
        try:
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(lambda row, front=front: send(front, *row), enumerate(cases)))
            # What would come late has this long.
            time.sleep(0.5)
            table[make.name] = front.authority, answers, witness
            assert not witness.seen[-1], f"{make.name} passed on a request that nobody sent: {witness.seen[-1]}"
        finally:
            front.close()
            witness.close()
    return table
