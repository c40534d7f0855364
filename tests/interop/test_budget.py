"""What a request may cost: system calls, counted by the kernel. Time is measured elsewhere (bench/)."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from fronts import Nginx, Postern
from stack import Recorder, wait_for

REQUESTS = 200
# nginx's with an access log, keep-alive on both sides; postern may make two more.
NGINX_CALLS = 9


def calls(pid, run, directory):
    """How many system calls the process makes while run() does its work."""
    log = directory / f"{pid}.calls"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", str(log), "-p", str(pid)], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: int(re.search(r"TracerPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]), 10)
        run()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
    rows = [line.split() for line in log.read_text().splitlines()]
    return {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1] != "total"}


def ask(front, connection):
    own = front.own.replace(b"{n}", b"1")
    connection.send(b"GET /budget HTTP/1.1\r\nHost: " + front.authority.encode() + b"\r\n" + own + b"\r\n\r\n")
    assert connection.read().status == 200


@pytest.mark.skipif(not shutil.which("strace") or os.geteuid() != 0, reason="counting a sandboxed process's calls needs strace and root")
def test_a_request_costs_at_most_two_system_calls_more_than_nginx(tmp_path):
    upstream = Recorder()
    try:
        for make, pid in ((Postern, lambda f: f.edge.process.pid), (Nginx, lambda f: f.process.pid)):
            front = make(upstream)
            try:
                with front.connect() as c:
                    for _ in range(3):
                        ask(front, c)
                    # Let what the first requests began come to rest.
                    time.sleep(1.5)
                    seen = calls(pid(front), lambda c=c, front=front: [ask(front, c) for _ in range(REQUESTS)], tmp_path)
            finally:
                front.close()
            each = sum(seen.values()) / REQUESTS
            print(f"\n{make.name}: {each:.2f} calls a request: " + ", ".join(f"{n} {v / REQUESTS:.2f}" for n, v in seen.items() if v >= REQUESTS / 2))
            assert each >= 4, "fewer than one read and one write on each side: nothing was counted"
            if make is Postern:
                assert each <= NGINX_CALLS + 2
    finally:
        upstream.close()
