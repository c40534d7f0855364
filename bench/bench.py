#!/usr/bin/env python3
"""Measures postern and nginx side by side, on this machine, in one run.

What is measured is CPU time (user and system) of all processes of the server together, per operation,
read from /proc before and after; wall-clock figures on a shared machine say little. Rounds are
interleaved (nginx, postern, nginx, postern, ...), the median is quoted, with minimum and maximum. The
upstream is one and the same nginx process for both and is not counted. nginx terminates TLS with the
same certificate, writes an access log, and asks nobody for a login; postern checks the session, decides,
and writes an access record for each request, and the run verifies that it did.

    bench/bench.py [--rounds 5] [--seconds 4] [--only request,handshake,idle,bulk,rest] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
import stack as harness  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def children(pid):
    out = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            out += children(int(child))
    return out


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def pss_kib(pids):
    total = 0
    for pid in pids:
        total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
    return total


class Nginx:
    name = "nginx"

    def __init__(self, directory, certificate, key, upstream, port):
        self.dir, self.port = directory, port
        conf = f"""
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 20000; }}
http {{
  access_log {directory}/access.log;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  keepalive_requests 100000000; keepalive_timeout 3600;
  upstream console {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; ssl_session_cache off;
    location / {{ proxy_pass http://console; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https; client_max_body_size 0; proxy_buffering on; }}
  }}
}}"""
        (directory / "nginx.conf").write_text(conf)
        self.process = subprocess.Popen(["nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory)],
                                        stderr=subprocess.DEVNULL)
        harness.wait_for(self.up)

    def up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def pids(self):
        return children(self.process.pid)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Upstream:
    """The console's place: an nginx that answers from memory. The same for both, never counted."""

    def __init__(self, directory):
        self.dir = directory
        self.port = harness.free_port()
        (directory / "big").write_bytes(os.urandom(10 * 1024 * 1024))
        conf = f"""
daemon off; worker_processes 1; pid {directory}/up.pid; error_log {directory}/up-error.log;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on;
  client_body_temp_path {directory}/ub; proxy_temp_path {directory}/up; fastcgi_temp_path {directory}/uf;
  uwsgi_temp_path {directory}/uu; scgi_temp_path {directory}/us;
  server {{ listen 127.0.0.1:{self.port}; root {directory};
    location = /count {{ stub_status; }}
    location = /small {{ default_type text/plain; return 200 "{'x' * 200}"; }} }}
}}"""
        (directory / "up.conf").write_text(conf)
        self.process = subprocess.Popen(["nginx", "-c", str(directory / "up.conf"), "-p", str(directory)],
                                        stderr=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait()


def wrk(url, headers, seconds, connections=16):
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    for h in headers:
        words += ["-H", h]
    out = subprocess.run(words + [url], capture_output=True, text=True, check=True).stdout
    count = int(re.search(r"(\d+) requests in", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    return count, int(bad[1]) if bad else 0, errors[1] if errors else ""


def upstream_requests(upstream):
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", upstream.port)
    c.request("GET", "/count")
    return int(c.getresponse().read().split()[9])


def summary(samples):
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples), "n": len(samples)}


def interleave(rounds, peers, measure):
    samples = {p.name: [] for p in peers}
    for i in range(rounds):
        order = peers if i % 2 == 0 else peers[::-1]
        for p in order:
            samples[p.name].append(measure(p))
    return {name: summary(s) for name, s in samples.items()}


class Postern:
    name = "postern"

    def __init__(self, stack, cookie):
        self.stack, self.port, self.cookie = stack, stack.port, cookie

    def pids(self):
        return children(self.stack.process.pid)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--only", default="request,handshake,bulk,idle,rest")
    parser.add_argument("--json")
    args = parser.parse_args()
    only = set(args.only.split(","))
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    results = {}
    with tempfile.TemporaryDirectory(prefix="postern-bench-") as tmp:
        directory = pathlib.Path(tmp)
        os.chmod(directory, 0o755)
        upstream = Upstream(directory)
        limits = "\nlimits: {connections_per_source: 10000, idle_timeout: 1h}\n"
        stack = harness.Stack(edges=1, extra_yaml=limits)
        nginx = None
        try:
            stack.start()
            owner = stack.owner()
            stack.cli("route", "add", "bench", f"http://127.0.0.1:{upstream.port}", "--allow",
                      "group:owners@local")
            url = stack.console_url("bench", "/small")
            answer, _ = owner.open(url)
            assert answer.status == 200, answer
            host = f"bench.{stack.host}"
            cookie = "; ".join(f"{k}={v}" for k, v in owner.jar[host].items())
            nginx = Nginx(directory, stack.state / "tls/server.crt", stack.state / "tls/server.key",
                          upstream.port, harness.free_port())
            postern = Postern(stack, cookie)
            peers = [nginx, postern]

            def headers(p):
                out = [f"Host: {host}:{p.port}", "Accept: */*", "User-Agent: bench"]
                if p is postern:
                    out += [f"Cookie: {cookie}", "Sec-Fetch-Site: same-origin"]
                else:
                    out += ["Cookie: session=" + "x" * 43, "Sec-Fetch-Site: same-origin"]
                return out

            if "request" in only:
                sent = {"nginx": 0, "postern": 0}

                def request(p):
                    pids = p.pids()
                    before = cpu_seconds(pids)
                    count, bad, errors = wrk(f"https://127.0.0.1:{p.port}/small", headers(p), args.seconds)
                    spent = cpu_seconds(pids) - before
                    assert bad == 0 and not errors, (p.name, bad, errors)
                    sent[p.name] += count
                    return spent / count * 1e6

                def recorded():
                    newest = stack.json("access", "list", "--limit", "1")["records"]
                    return newest[0]["seq"] if newest else 0

                before = recorded()
                served = upstream_requests(upstream)
                results["request_us"] = interleave(args.rounds, peers, request)
                time.sleep(3)
                # The run proves that each request was authenticated, passed on and recorded.
                lost = stack.json("health")["access_lost"]
                results["proof"] = {"sent to postern": sent["postern"], "access records": recorded() - before,
                                    "records lost": lost, "sent to both": sum(sent.values()),
                                    "seen by the upstream": upstream_requests(upstream) - served}
                assert recorded() - before + lost >= sent["postern"], results["proof"]
                assert results["proof"]["seen by the upstream"] >= sum(sent.values()), results["proof"]
                with harness.Connection(stack, host) as c:
                    c.send(f"GET /small HTTP/1.1\r\nHost: {host}:{postern.port}\r\n\r\n".encode())
                    assert c.read().status == 401, "without the cookie there is no way in"
            if "handshake" in only:
                def handshake(p):
                    pids = p.pids()
                    before = cpu_seconds(pids)
                    out = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{p.port}", "-new",
                                          "-time", str(args.seconds), "-tls1_3"], capture_output=True,
                                         text=True).stdout
                    count = int(re.search(r"(\d+) connections in [\d.]+ real seconds", out)[1])
                    return (cpu_seconds(pids) - before) / count * 1e6
                results["handshake_us"] = interleave(args.rounds, peers, handshake)
            if "bulk" in only:
                def bulk(p):
                    pids = p.pids()
                    before = cpu_seconds(pids)
                    count, bad, errors = wrk(f"https://127.0.0.1:{p.port}/big", headers(p), args.seconds, 4)
                    assert bad == 0, (p.name, bad)
                    return count * 10.485760 / max(cpu_seconds(pids) - before, 0.001)
                results["bulk_mb_per_cpu_s"] = interleave(args.rounds, peers, bulk)
            if "idle" in only:
                context = ssl.create_default_context(cafile=str(stack.state / "tls/ca.crt"))

                def idle(p):
                    time.sleep(1)
                    before = pss_kib(p.pids())
                    open_ones = []
                    text = "\r\n".join(["GET /small HTTP/1.1"] + headers(p)) + "\r\n\r\n"
                    for _ in range(args.idle):
                        raw = socket.create_connection(("127.0.0.1", p.port))
                        s = context.wrap_socket(raw, server_hostname=host)
                        s.sendall(text.encode())
                        assert s.recv(4096).startswith(b"HTTP/1.1 200")
                        open_ones.append(s)
                    time.sleep(2)
                    after = pss_kib(p.pids())
                    for s in open_ones:
                        s.close()
                    time.sleep(1)
                    return (after - before) / args.idle
                # The first round also pays for the heap's growth; the later ones reuse it, so only a
                # fresh process tells the truth: one round.
                results["idle_kib"] = interleave(1, peers, idle)
            if "rest" in only:
                results["rest_mib"] = {p.name: pss_kib(p.pids()) / 1024 for p in peers}
        finally:
            if nginx:
                nginx.close()
            stack.close()
            upstream.close()
    for name, by in results.items():
        print(name, json.dumps(by))
        if isinstance(by.get("nginx"), dict):
            print(f"  postern / nginx = {by['postern']['median'] / by['nginx']['median']:.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
