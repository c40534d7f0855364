"""The whole of postern for a test: real processes, real TLS, its own state in a temporary directory.

Everything goes through what a person has: the command line and port 9443's replacement. Names under
postern.localhost are connected to loopback by hand, so that no resolver matters.
"""
import atexit
import base64
import contextlib
import hashlib
import hmac
import html
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))
PASSWORD = "correct horse battery staple"


def _executables():
    """Where the service account can reach them: it may not be able to look into the checkout."""
    if os.geteuid() != 0:
        return BUILD / "libexec"
    if subprocess.run(["id", "postern"], capture_output=True).returncode != 0:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group",
                        "postern"], check=True)
    where = pathlib.Path(tempfile.mkdtemp(prefix="postern-libexec-"))
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    os.chmod(where, 0o755)
    for name in (BUILD / "libexec").iterdir():
        shutil.copy(name.resolve(), where / name.name)
    return where


LIBEXEC = _executables()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, seconds=15, every=0.02):
    """Polls until what() is true; an event that never comes is a failure, not a hang."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"never became true: {what}")
        time.sleep(every)


def cpu_seconds(pids):
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def totp(secret, at=None, step=30):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    count = int((time.time() if at is None else at) // step)
    mac = hmac.new(key, struct.pack(">Q", count), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06d}"


class Answer:
    def __init__(self, status, headers, body, complete=True):
        self.status, self.headers, self.body, self.complete = status, headers, body, complete

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def cookies(self):
        jar = {}
        for line in self.all("set-cookie"):
            pair = line.split(";", 1)[0]
            name, _, value = pair.partition("=")
            jar[name.strip()] = value.strip()
        return jar

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Connection:
    """One TLS connection, spoken to in raw bytes."""

    def __init__(self, stack, host, port=None, source=None, timeout=20, context=None, to=None, preface=b""):
        """to: where to connect, in place of this port on loopback. preface: what is said before TLS."""
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        raw.settimeout(timeout)
        if source:
            raw.bind((source, 0))
        raw.connect(to or ("127.0.0.1", port or stack.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(preface)
        try:
            self.sock = (context or stack.tls).wrap_socket(raw, server_hostname=host)
        except Exception:
            raw.close()
            raise
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        try:
            more = self.sock.recv(65536)
        except ssl.SSLError as error:
            # Without close_notify: cut. Which class says so depends on Python's OpenSSL.
            if "EOF" not in str(error).upper():
                raise
            more = b""
        self.buffer += more
        return bool(more)

    def exchange(self, data, done):
        """Sends data while it reads, until done(buffer). One thread: a TLS object bears no second one."""
        data, timeout = memoryview(data), self.sock.gettimeout()
        end = time.monotonic() + timeout
        self.sock.setblocking(False)
        try:
            while not done(self.buffer):
                if time.monotonic() > end:
                    raise TimeoutError(f"after {len(self.buffer)} bytes")
                data, held = self._push(data)
                try:
                    if not self.fill():
                        raise ConnectionError(f"closed after {len(self.buffer)} bytes")
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    select.select([self.sock], [self.sock] if held else [], [], 0.05 if held or not data else 0)
        finally:
            self.sock.settimeout(timeout)

    def _push(self, data):
        """Sends a piece of data. What is left of it, and whether the socket took nothing."""
        if not data:
            return data, False
        try:
            return data[self.sock.send(data[:65536]):], False
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return data, True
        except OSError:
            # The other side takes no more; it may still have said something.
            return data[:0], False

    def read(self, head_only=False, method="GET"):
        """One answer, framing obeyed; complete is False when the connection ended inside it."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                if not self.buffer:
                    raise ConnectionError("closed without an answer")
                raise ConnectionError(f"closed inside a head: {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        answer = Answer(status, headers, b"")
        if head_only or method == "HEAD" or status in (204, 304) or status < 200:
            return answer
        length, coding = answer.get("content-length"), answer.get("transfer-encoding")
        if coding:
            body = b""
            while True:
                while b"\r\n" not in self.buffer:
                    if not self.fill():
                        answer.body, answer.complete = body, False
                        return answer
                line, self.buffer = self.buffer.split(b"\r\n", 1)
                size = int(line.split(b";")[0], 16)
                while len(self.buffer) < size + 2:
                    if not self.fill():
                        answer.body, answer.complete = body + self.buffer, False
                        return answer
                body += self.buffer[:size]
                self.buffer = self.buffer[size + 2:]
                if size == 0:
                    answer.body = body
                    return answer
        if length is not None:
            while len(self.buffer) < int(length):
                if not self.fill():
                    answer.body, answer.complete = self.buffer, False
                    return answer
            answer.body, self.buffer = self.buffer[:int(length)], self.buffer[int(length):]
            return answer
        while self.fill():
            pass
        answer.body, self.buffer = self.buffer, b""
        return answer

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server:
    """Listens on loopback; each connection has a thread of its own, in _serve(sock)."""

    def __init__(self, at=("127.0.0.1", 0)):
        self.listener = socket.create_server(at, backlog=512)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def close(self):
        # A thread that waits in accept would keep a merely closed socket listening.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def read_body(sock, head, data):
    """For who plays an upstream: the whole body of the request with this head, in either framing, and what came behind
    it. data: what came with the head."""
    def fill(need):
        nonlocal data
        while len(data) < need:
            more = sock.recv(1 << 18)
            if not more:
                raise ConnectionError("short body")
            data += more
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    if length:
        need = int(length[1])
        fill(need)
        return data[:need], data[need:]
    body = b""
    if not re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return body, data
    while True:
        while b"\r\n" not in data:
            fill(len(data) + 1)
        line, data = data.split(b"\r\n", 1)
        size = int(line, 16)
        fill(size + 2)
        body, data = body + data[:size], data[size + 2:]
        if size == 0:
            return body, data


class Recorder(Server):
    """An upstream that records every byte and answers simply. A stand-in for a console."""

    def __init__(self, answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", handler=None, at=("127.0.0.1", 0)):
        self.bytes = b""
        self.requests = []
        self.answer, self.handler = answer, handler
        super().__init__(at)

    def _serve(self, sock):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = sock.recv(65536)
                    if not more:
                        return
                    with self.lock:
                        self.bytes += more
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                with self.lock:
                    self.requests.append(head)
                if self.handler:
                    data = self.handler(self, sock, head, data)
                    if data is None:
                        return
                else:
                    _, data = read_body(sock, head, data)
                    sock.sendall(self.answer)
        except OSError:
            pass
        finally:
            sock.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Tomcat:
    """A real Tomcat 10 with its Manager, on loopback."""

    def __init__(self, directory):
        self.base = directory / "tomcat"
        self.port = free_port()
        tool = str(TOP / "demo/tomcat")
        subprocess.run([tool, "make", str(self.base), str(self.port)], check=True)
        self.log = open(directory / "tomcat.log", "wb")
        self.process = subprocess.Popen([tool, "run", str(self.base)], stdout=self.log, stderr=self.log)
        self.secret = (self.base / "manager.secret").read_text()
        wait_for(self.up, 60)

    def up(self):
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            c.request("GET", "/manager/html")
            return c.getresponse().status == 401
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Person:
    """Somebody with a browser: cookies per host, redirects followed by hand."""

    def __init__(self, stack, name, secret=None):
        self.stack, self.name, self.secret = stack, name, secret
        self.jar = {}
        self.recovery = []
        self.connections = {}
        self.way = {}  # how connections are made: source, to and preface of Connection

    def request(self, method, url, body=b"", headers=(), navigate=True, keep=False, cookies=True):
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        if navigate:
            site = "none" if method == "GET" else "same-origin"
            lines += ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", f"Sec-Fetch-Site: {site}",
                      "Accept: text/html"]
            if method != "GET":
                lines += [f"Origin: https://{parts.netloc}"]
        if cookies and self.jar.get(host):
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self.jar[host].items()))
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body).encode()
            lines.append("Content-Type: application/x-www-form-urlencoded")
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{n}: {v}" for n, v in headers]
        with Connection(self.stack, host, parts.port or 443, **self.way) as c:
            c.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            answer = c.read(method=method)
        jar = self.jar.setdefault(host, {})
        for line in answer.all("set-cookie"):
            pair, _, rest = line.partition(";")
            name, _, value = pair.partition("=")
            if value == "" or "max-age=0" in rest.lower().replace(" ", ""):
                jar.pop(name.strip(), None)
            else:
                jar[name.strip()] = value.strip()
        return answer

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def post(self, url, form, **more):
        return self.request("POST", url, body=form, **more)

    def follow(self, answer, url, hops=10):
        """Follows redirects, and pages that lead on at once, as a browser's navigation would."""
        while hops:
            refresh = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', answer.text)
            if answer.status in (301, 302, 303, 307, 308):
                url = urllib.parse.urljoin(url, answer.get("location"))
            elif answer.status == 200 and refresh:
                url = urllib.parse.urljoin(url, html.unescape(refresh.group(1)))
            else:
                break
            answer = self.get(url)
            hops -= 1
        return answer, url

    def login(self, code=None, password=PASSWORD):
        code = code or self.next_code()
        return self.post(self.stack.portal + "/login",
                         {"user": self.name, "password": password, "code": code})

    def next_code(self):
        """A recovery code if there is one, else the present TOTP code (each is good once)."""
        return self.recovery.pop() if self.recovery else totp(self.secret)

    def open(self, url):
        """Goes to a console as a person does: through the portal, logging in when asked."""
        answer, at = self.follow(self.get(url), url)
        if urllib.parse.urlsplit(at).hostname == self.stack.host and 'name="password"' in answer.text:
            form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
            form = {k: html.unescape(v) for k, v in form.items()}
            form.update(user=self.name, password=PASSWORD, code=self.next_code())
            portal = f"https://{urllib.parse.urlsplit(at).netloc}"
            answer, at = self.follow(self.post(portal + "/login", form), portal)
        return answer, at


class Stack:
    def __init__(self, edges=2, sandbox="strict", extra_yaml="", keep=False, env=None, around=()):
        self.keep = keep
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-test-"))
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        self.host = "postern.localhost"
        self.portal = f"https://{self.host}:{self.port}"
        self.state = self.dir / "state"
        self.runtime = self.dir / "run"
        self.config = self.state / "postern.yaml"
        self.edges, self.sandbox, self.extra = edges, sandbox, extra_yaml
        self.around = list(around)  # words in front of `postern serve`
        self.env = {**os.environ, "POSTERN_LIBEXEC": str(LIBEXEC), "POSTERN_CONFIG": str(self.config),
                    **(env or {})}
        self.process = None
        self.log_path = self.dir / "log"
        made = self.init()
        self.enrol_link = made["enrol"]
        self.tls = ssl.create_default_context(cafile=str(self.state / "tls/ca.crt"))

    # -- life

    def init(self):
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        made = json.loads(self.cli("init", "--config", str(self.config), "--state-dir", str(self.state),
                                   "--runtime-dir", str(self.runtime), "--name", self.host, "--listen",
                                   f"127.0.0.1:{self.port}", "--sandbox", self.sandbox, "--edges",
                                   str(self.edges), "--json"))
        if self.extra:
            with open(self.config, "a") as f:
                f.write(self.extra)
        return made

    def add_listeners(self, *lines):
        """Puts listeners behind the first one, before the service starts or is told to reload."""
        text = self.config.read_text()
        main = f'  - {{name: main, address: "127.0.0.1:{self.port}"}}\n'
        assert main in text
        self.config.write_text(text.replace(main, main + "".join(f"  - {line}\n" for line in lines)))

    def set_portal_zones(self, zones):
        """From where the portal is reached: only from loopback unless told."""
        text = self.config.read_text()
        assert "zones: [local]" in text
        self.config.write_text(text.replace("zones: [local]", f"zones: [{zones}]", 1))

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*self.around, str(LIBEXEC / "postern"), "serve", "--config", str(self.config)],
                                        env=self.env, stderr=self.log, stdout=self.log)
        wait_for(self.ready, 20)
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("postern ended: " + self.log_path.read_text())
        try:
            return self.anonymous("GET", self.portal + "/healthz").status == 200 and \
                self.cli("doctor", check=False).returncode == 0
        except (OSError, ConnectionError):
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if self.process:
            self.log.close()
        return self.process.returncode if self.process else 0

    def close(self):
        try:
            self.stop()
        finally:
            if not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- use

    def cli(self, *words, stdin=None, check=True):
        done = subprocess.run([str(LIBEXEC / "postern"), *words], env=self.env, input=stdin,
                              capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"postern {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def json(self, *words, stdin=None):
        return json.loads(self.cli(*words, "--json", stdin=stdin))

    def anonymous(self, method, url, **more):
        return Person(self, "nobody").request(method, url, **more)

    def doctor(self):
        return self.json("doctor")

    def pids(self, role):
        return [p["pid"] for p in self.doctor()["processes"] if p["role"] == role]

    def secret(self, name, text):
        path = self.state / "secrets" / name
        path.write_text(text)
        path.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "postern", "postern")
        return name

    def user(self, name, groups=()):
        """A person with password and TOTP, ready to log in."""
        words = ["user", "add", name, "--password-stdin", "--totp"]
        for group in groups:
            words += ["--group", group]
        made = self.json(*words, stdin=PASSWORD + "\n")
        return Person(self, name, made["totp"]["secret"])

    def owner(self):
        """The first owner, enrolled through the one-time link as a person would."""
        who = Person(self, "owner")
        page = who.get(self.enrol_link)
        assert page.status == 200, page
        who.secret = re.search(r"\b([A-Z2-7]{32})\b", page.text).group(1)
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(self.enrol_link).query)["code"][0]
        done = who.post(self.portal + "/enrol", {"code": code, "password": PASSWORD, "again": PASSWORD,
                                                 "totp": totp(who.secret)})
        assert done.status == 200, done
        who.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
        assert len(who.recovery) == 10, done.text
        return who

    def console_url(self, route, path="/"):
        return f"https://{route}.{self.host}:{self.port}{path}"


@contextlib.contextmanager
def loaded(s, up):
    """The service s with its owner in `admin` and a console named load, which leads to up and has been opened."""
    try:
        s.start()
        s.admin = s.owner()
        s.cli("route", "add", "load", up.url, "--allow", "group:owners@local")
        assert s.admin.open(s.console_url("load", "/"))[0].status == 200
        yield s
    finally:
        s.close()
        up.close()


@contextlib.contextmanager
def running(**options):
    """A service with an owner who has logged in, in `admin`."""
    s = Stack(**options)
    try:
        s.start()
        s.admin = s.owner()
        assert s.admin.login().status == 303
        yield s
    finally:
        s.close()
