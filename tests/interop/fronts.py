"""Gateways in front of one recording upstream: postern's edge, and real nginx and HAProxy to compare with."""
import collections
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import h11

from stack import Connection, free_port, wait_for


class Witness:
    """An upstream that reads with h11, another reader than any of the gateways', and says what it saw."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        # By the number in the target: requests, and bytes that were none.
        self.seen, self.bad = collections.defaultdict(list), collections.defaultdict(list)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

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

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


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
        self.port = free_port()
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
  server {{ listen 127.0.0.1:{self.port};
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

    def close(self):
        self.edge.close()
