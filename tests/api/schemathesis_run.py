"""Runs schemathesis with the names below .localhost at 127.0.0.1, as a browser has them. In the environment that
./dev makes for it, not in that of the tests."""
import socket
import sys

_getaddrinfo = socket.getaddrinfo


def _local(host, *rest, **more):
    name = host.decode() if isinstance(host, bytes) else host
    return _getaddrinfo("127.0.0.1" if name and name.endswith(".localhost") else host, *rest, **more)


socket.getaddrinfo = _local

from schemathesis.cli import schemathesis  # noqa: E402

sys.exit(schemathesis())
