#!/usr/bin/env python3
"""How long it takes from the keeper's word until each of many open WebSockets has been told 4401.

    ./dev bench revocation [STREAMS [ROUNDS]]

Both ends and the gateway share this machine. The edges' figures are what `postern doctor` shows as
revocation_us_*: per stream, from the keeper's push to the end of the stream at the edge. The last column is
what the last client saw, the command line and a client in Python included.
"""
import pathlib
import statistics
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
import crowd  # noqa: E402
import stack as harness  # noqa: E402
import wsock  # noqa: E402


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    worst = []
    print(f"{count} streams, 2 edges        p50    p99  p99.9    max  last client (ms)")
    for n in range(rounds):
        with harness.Stack(edges=2, extra_yaml="\nlimits: {connections_per_source: 20000, "
                                               "upstream_connections: 20000}\n") as s:
            s.start()
            s.owner()
            ends, edges, took = crowd.revoke_them_all(s, count)
        assert [wsock.closed_with(e)[0] for e in ends] == [4401] * count
        worst.append(edges["p999"])
        print(f"  round {n + 1}               {edges['p50']:6.1f} {edges['p99']:6.1f} {edges['p999']:6.1f} "
              f"{edges['max']:6.1f}  {took * 1000:6.0f}", flush=True)
    print(f"median of p99.9: {statistics.median(worst):.1f} ms (aim: under 250 ms)")


if __name__ == "__main__":
    main()
