"""The servers that are measured: postern, and nginx, HAProxy and h2o of the distribution.

All stand in front of the same upstream, terminate TLS 1.3 with the same certificate, keep connections to
it alive, write an access log and use one worker. Only postern asks who somebody is.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
import stack as harness  # noqa: E402


def children(pid):
    out = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            out += children(int(child))
    return out


def pss_kib(pids):
    return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
               for pid in pids)


class Program:
    """A server of another make. arguments() writes its configuration and gives the command."""

    def __init__(self, directory, certificate, key, upstream):
        self.dir, self.port, self.upstream = directory / self.name, harness.free_port(), upstream
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.certificate, self.key = certificate, key
        self.out = open(self.dir / "out", "wb")
        self.process = subprocess.Popen(self.arguments(), stdout=self.out, stderr=self.out)
        try:
            harness.wait_for(self.up)
        except Exception:
            self.close()
            raise

    def up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {(self.dir / 'out').read_text()[-400:]}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def pids(self):
        return children(self.process.pid)

    def credentials(self):
        # As long as postern's, so that all read the same number of bytes.
        return ["Cookie: session=" + "x" * 62, "Sec-Fetch-Site: same-origin"]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.out.close()


class Nginx(Program):
    name = "nginx"

    def arguments(self):
        d = self.dir
        (d / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/error.log;
events {{ worker_connections 20000; }}
http {{
  access_log {d}/access.log;
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  keepalive_requests 100000000; keepalive_timeout 3600; http2_max_requests 100000000; http2_max_concurrent_streams 128;
  upstream console {{ server 127.0.0.1:{self.upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{self.port} ssl http2;
    ssl_certificate {self.certificate}; ssl_certificate_key {self.key};
    ssl_protocols TLSv1.3; ssl_session_cache off;
    location / {{ proxy_pass http://console; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https; client_max_body_size 0; proxy_buffering on; }}
  }}
}}""")
        return ["nginx", "-c", str(d / "nginx.conf"), "-p", str(d)]


class HAProxy(Program):
    name = "HAProxy"

    def arguments(self):
        both = self.dir / "both.pem"
        both.write_text(pathlib.Path(self.certificate).read_text() + pathlib.Path(self.key).read_text())
        # Its access log has no file form: the standard output, which is one here.
        (self.dir / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.3
  tune.h2.max-concurrent-streams 128
defaults
  mode http
  log global
  option httplog
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend f
  bind 127.0.0.1:{self.port} ssl crt {both} alpn h2,http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  default_backend b
backend b
  server s 127.0.0.1:{self.upstream}
""")
        return ["haproxy", "-f", str(self.dir / "haproxy.cfg")]


class H2o(Program):
    name = "h2o"

    def arguments(self):
        (self.dir / "h2o.conf").write_text(f"""
num-threads: 1
max-connections: 20000
error-log: {self.dir}/error.log
access-log: {self.dir}/access.log
http1-request-timeout: 3600
http2-idle-timeout: 3600
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {self.port}
      ssl: {{certificate-file: "{self.certificate}", key-file: "{self.key}", minimum-version: TLSv1.3}}
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:{self.upstream}"
        proxy.preserve-host: ON
        proxy.timeout.keepalive: 60000
""")
        return ["h2o", "-m", "worker", "-c", str(self.dir / "h2o.conf")]


class Postern:
    name = "postern"

    def __init__(self, directory, upstream):
        limits = "\nlimits: {connections_per_source: 10000, handshakes_per_source: 0, requests_per_source: 0, idle_timeout: 1h}\n"
        self.stack = harness.Stack(edges=1, extra_yaml=limits)
        self.stack.start()
        owner = self.stack.owner()
        self.stack.cli("route", "add", "bench", f"http://127.0.0.1:{upstream}", "--allow", "group:owners@local")
        answer, _ = owner.open(self.stack.console_url("bench", "/small"))
        assert answer.status == 200, answer
        self.port = self.stack.port
        self.host = f"bench.{self.stack.host}"
        self.cookie = "; ".join(f"{k}={v}" for k, v in owner.jar[self.host].items())
        self.certificate, self.key = (self.stack.state / "tls" / f"server.{end}" for end in ("crt", "key"))

    def pids(self):
        return children(self.stack.process.pid)

    def credentials(self):
        return [f"Cookie: {self.cookie}", "Sec-Fetch-Site: same-origin"]

    def recorded(self):
        newest = self.stack.json("access", "list", "--limit", "1")["records"]
        return newest[0]["seq"] if newest else 0

    def close(self):
        self.stack.close()


class Upstream:
    """The console's place: an nginx that answers from memory. The same for all, never counted."""

    def __init__(self, directory):
        self.port = harness.free_port()
        (directory / "big").write_bytes(os.urandom(10 * 1024 * 1024))
        (directory / "up.conf").write_text(f"""
daemon off; worker_processes 1; pid {directory}/up.pid; error_log {directory}/up-error.log;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600; sendfile on;
  client_body_temp_path {directory}/ub; proxy_temp_path {directory}/up; fastcgi_temp_path {directory}/uf;
  uwsgi_temp_path {directory}/uu; scgi_temp_path {directory}/us;
  server {{ listen 127.0.0.1:{self.port}; root {directory};
    location = /count {{ stub_status; }}
    location = /small {{ default_type text/plain; return 200 "{'x' * 200}"; }} }}
}}""")
        self.process = subprocess.Popen(["nginx", "-c", str(directory / "up.conf"), "-p", str(directory)],
                                        stderr=subprocess.DEVNULL)

    def requests(self):
        import http.client
        c = http.client.HTTPConnection("127.0.0.1", self.port)
        c.request("GET", "/count")
        return int(c.getresponse().read().split()[9])

    def close(self):
        self.process.terminate()
        self.process.wait()
