#!/usr/bin/env python3
"""How many logins a second, and how long the keeper keeps others waiting meanwhile.

    ./dev bench logins [AT_A_TIME [SECONDS]]

AT_A_TIME people log in over and over, each with a password and a fresh recovery code, from an address of
their own; who is told to wait tries again. A second client asks the keeper a question on its control socket all the
time: its longest wait is the longest turn of the keeper's loop, with what the two processors of this machine
need to come round. The client (Python, TLS) shares them.
"""
import json
import pathlib
import socket
import struct
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
import stack as harness  # noqa: E402


class Probe(threading.Thread):
    """Asks who it is, again and again; keeps how long each answer took, in milliseconds."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(path))
        self.took, self.on = [], True

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise ConnectionError("the keeper has closed")
            data += more
        return data

    def run(self):
        question = json.dumps({"method": "GET", "path": "/api/v1/whoami"}).encode()
        while self.on:
            begin = time.monotonic()
            self.sock.sendall(struct.pack(">I", len(question)) + question)
            self.read(struct.unpack(">I", self.read(4))[0])
            self.took.append((time.monotonic() - begin) * 1000)
            time.sleep(0.001)

    def end(self):
        self.on = False
        self.join()
        took = sorted(self.took)
        return took[len(took) // 2], took[int(len(took) * 0.999)], took[-1], len(took)


def longest(s):
    """Milliseconds: by the clock, and of processor time, since the keeper began."""
    keeper = next(p for p in s.doctor()["processes"] if p["role"] == "keeper")["status"]
    return [int(keeper[k]) / 1000 for k in ("longest_pass_us", "longest_pass_cpu_us")]


def one_person(s, who, until, done, waits):
    while time.monotonic() < until and who.recovery:
        answer = who.login(code=who.recovery[-1])
        if answer.status == 303:
            who.recovery.pop()
            done.append(time.monotonic())
        elif answer.status in (429, 503):
            waits.append(answer.status)
            time.sleep(0.2)
        else:
            raise RuntimeError(repr(answer))


def main():
    at_a_time = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    with harness.Stack(edges=1) as s:
        s.start()
        s.owner()
        people = []
        for n in range(at_a_time):
            who = s.user(f"u{n}")
            who.recovery = s.json("user", "recovery", who.name)["recovery"]
            who.way = {"source": f"127.0.{1 + n // 200}.{1 + n % 200}"}
            people.append(who)
        quiet = Probe(s.runtime / "keeper.sock")
        quiet.start()
        time.sleep(3)
        p50, p999, worst, asked = quiet.end()
        print("longest pass of the loop before: {:.1f} ms by the clock, {:.1f} ms of processor time".format(*longest(s)))
        print(f"at rest:             answer of the keeper p50 {p50:.2f}, p99.9 {p999:.1f}, longest {worst:.1f} ms ({asked})")
        busy, done, waits = Probe(s.runtime / "keeper.sock"), [], []
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=one_person, args=(s, w, until, done, waits)) for w in people]
        before = harness.cpu_seconds(s.pids("keeper"))
        busy.start()
        begin = time.monotonic()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        took = max(done) - begin
        used = harness.cpu_seconds(s.pids("keeper")) - before
        p50, p999, worst, asked = busy.end()
        print(f"{at_a_time} at a time, {took:.0f} s: answer of the keeper p50 {p50:.2f}, p99.9 {p999:.1f}, longest {worst:.1f} ms ({asked})")
        print("longest pass of the loop after:  {:.1f} ms by the clock, {:.1f} ms of processor time".format(*longest(s)))
        print(f"{len(waits)} times somebody was told to wait ({waits.count(503)} with 503)")
        print(f"{len(done)} logins, {len(done) / took:.1f}/s; {used / len(done) * 1000:.0f} ms of the keeper's processor time each")


if __name__ == "__main__":
    main()
