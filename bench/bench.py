#!/usr/bin/env python3
"""Measures postern, nginx, HAProxy and h2o side by side, on this machine, in one run.

What is measured is CPU time (user and system) of all processes of a server together, per operation, read
from /proc before and after; wall-clock figures on a shared machine say little. Rounds are interleaved, in
alternating order; the median is quoted with minimum and maximum, and postern's ratio to each peer. The
upstream is one and the same nginx process for all and is not counted. The peers ask nobody for a login;
postern checks the session, decides, and writes an access record for each request, and the run verifies
that it did.

    bench/bench.py [--rounds 5] [--seconds 4] [--only request,h2,handshake,bulk,idle,latency,rest]
                   [--peers nginx,HAProxy,h2o] [--json FILE]

  request    keep-alive requests over HTTP/1.1, 16 connections (wrk)
  h2         the same over HTTP/2, 4 connections with 8 streams each (h2load)
  handshake  full TLS 1.3 handshakes (openssl s_time)
  bulk       10 MiB downloads (wrk)
  idle       memory of a connection that rests after one request
  latency    99th percentile of the answer time at a fixed moderate rate (h2load, HTTP/1.1)
  rest       memory of the whole service at the end
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

from peers import H2o, HAProxy, Nginx, Postern, Upstream, harness, pss_kib

PEERS = {p.name: p for p in (Nginx, HAProxy, H2o)}
RATE = 2000  # requests a second for `latency`


class Bench:
    def __init__(self, args, directory):
        self.args, self.dir, self.all = args, directory, []
        self.started = contextlib.ExitStack()

    def start(self):
        self.upstream = self.started.enter_context(contextlib.closing(Upstream(self.dir)))
        self.postern = self.started.enter_context(contextlib.closing(Postern(self.dir, self.upstream.port)))
        self.host = self.postern.host
        for name in self.args.peers.split(","):
            peer = PEERS[name](self.dir, self.postern.certificate, self.postern.key, self.upstream.port)
            self.all.append(self.started.enter_context(contextlib.closing(peer)))
        self.all.append(self.postern)

    def headers(self, p):
        return ["Accept: */*", "User-Agent: bench", *p.credentials()]

    def cost(self, p, run):
        """CPU seconds of the server while run() does its operations, for each of them."""
        pids = p.pids()
        before = harness.cpu_seconds(pids)
        count = run()
        return (harness.cpu_seconds(pids) - before) / count

    def wrk(self, p, path, connections):
        words = ["wrk", "-t1", f"-c{connections}", f"-d{self.args.seconds}s"]
        for h in [f"Host: {self.host}:{p.port}", *self.headers(p)]:
            words += ["-H", h]
        out = subprocess.run([*words, f"https://127.0.0.1:{p.port}{path}"], capture_output=True, text=True, check=True).stdout
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
        assert not bad, (p.name, bad[0])
        return int(re.search(r"(\d+) requests in", out)[1])

    def h2load(self, p, *words):
        # The name is resolved to loopback by the load generator; :authority is then the console's.
        words = ["h2load", *words, "--connect-to", f"127.0.0.1:{p.port}"]
        for h in self.headers(p):
            words += ["-H", h]
        out = subprocess.run([*words, f"https://{self.host}:{p.port}/small"], capture_output=True, text=True, check=True).stdout
        codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
        failed = int(re.search(r"(\d+) failed", out)[1])
        assert codes and not failed and sum(map(int, codes.groups()[1:])) == 0, (p.name, out)
        return int(codes[1]), out

    def request(self, p):
        return self.cost(p, lambda: self.wrk(p, "/small", 16)) * 1e6

    def h2(self, p):
        def run():
            count, out = self.h2load(p, "-c4", "-m8", f"-D{self.args.seconds}")
            assert "Application protocol: h2" in out, (p.name, out)
            return count
        return self.cost(p, run) * 1e6

    def handshake(self, p):
        def run():
            out = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{p.port}", "-new", "-time",
                                  str(self.args.seconds), "-tls1_3"], capture_output=True, text=True).stdout
            return int(re.search(r"(\d+) connections in [\d.]+ real seconds", out)[1])
        return self.cost(p, run) * 1e6

    def bulk(self, p):
        return 10.485760 / max(self.cost(p, lambda: self.wrk(p, "/big", 4)), 1e-6)

    def latency(self, p):
        log = self.dir / "latency.log"
        log.unlink(missing_ok=True)
        clients = 8
        self.h2load(p, "--h1", f"-c{clients}", f"--rps={RATE // clients}", f"-D{self.args.seconds}", f"--log-file={log}")
        times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
        return times[int(len(times) * 0.99)]

    def idle(self, p):
        context = ssl.create_default_context(cafile=str(self.postern.stack.state / "tls/ca.crt"))
        time.sleep(1)
        before, held = pss_kib(p.pids()), []
        text = "\r\n".join(["GET /small HTTP/1.1", f"Host: {self.host}:{p.port}", *self.headers(p)]) + "\r\n\r\n"
        for _ in range(self.args.idle):
            s = context.wrap_socket(socket.create_connection(("127.0.0.1", p.port)), server_hostname=self.host)
            s.sendall(text.encode())
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
            held.append(s)
        time.sleep(2)
        after = pss_kib(p.pids())
        for s in held:
            s.close()
        time.sleep(1)
        return (after - before) / self.args.idle

    def interleave(self, measure, rounds):
        samples = {p.name: [] for p in self.all}
        for i in range(rounds):
            for p in self.all if i % 2 == 0 else self.all[::-1]:
                samples[p.name].append(measure(p))
        return {name: {"median": statistics.median(s), "min": min(s), "max": max(s), "n": len(s)} for name, s in samples.items()}

    def proof(self, before, served):
        """Each request was authenticated, passed on and recorded, and there is no other way in."""
        time.sleep(3)
        sent = self.upstream.requests() - served
        records = self.postern.recorded() - before
        lost = self.postern.stack.json("health")["access_lost"]
        with harness.Connection(self.postern.stack, self.host) as c:
            c.send(f"GET /small HTTP/1.1\r\nHost: {self.host}:{self.postern.port}\r\n\r\n".encode())
            assert c.read().status == 401, "without the cookie there is no way in"
        return {"seen by the upstream, from all": sent, "access records of postern": records, "records lost": lost}


# What --only names: the unit, and the rounds when they are not those of the command line. The first round
# of `idle` also pays for the heap's growth and later ones reuse it: one round.
MEASURES = {"request": ("request_us", None), "h2": ("h2_us", None), "handshake": ("handshake_us", None),
            "bulk": ("bulk_mb_per_cpu_s", None), "latency": ("latency_p99_us", None), "idle": ("idle_kib", 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--only", default=",".join([*MEASURES, "rest"]))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--json")
    args = parser.parse_args()
    only = args.only.split(",")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results = {}
    with tempfile.TemporaryDirectory(prefix="postern-bench-") as tmp:
        os.chmod(tmp, 0o755)
        bench = Bench(args, pathlib.Path(tmp))
        with bench.started:
            bench.start()
            before, served = bench.postern.recorded(), bench.upstream.requests()
            for word, (unit, rounds) in MEASURES.items():
                if word in only:
                    results[unit] = bench.interleave(getattr(bench, word), rounds or args.rounds)
                    show(unit, results[unit])
            if "rest" in only:
                results["rest_mib"] = {p.name: {"median": pss_kib(p.pids()) / 1024} for p in bench.all}
                show("rest_mib", results["rest_mib"])
            results["proof"] = bench.proof(before, served)
            print("proof", json.dumps(results["proof"]))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1))


def show(unit, by):
    print(unit, flush=True)
    ours = by["postern"]["median"]
    for name, s in by.items():
        spread = f" ({s['min']:.1f}–{s['max']:.1f})" if "min" in s else ""
        ratio = "" if name == "postern" else f"   postern / {name} = {ours / s['median']:.2f}"
        print(f"  {name:8} {s['median']:9.1f}{spread}{ratio}", flush=True)


if __name__ == "__main__":
    main()
