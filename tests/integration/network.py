"""Network namespaces for tests that need addresses, ports below 1024 and interfaces of their own. Needs root."""
import contextlib
import ctypes
import os
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def _call(name, *args):
    if getattr(_libc, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), name)


class Network:
    """A namespace that lives as long as this object; the thread that makes it stays where it is."""

    def __init__(self):
        with self._stay():
            _call("unshare", CLONE_NEWNET)
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            ip("link", "set", "lo", "up")

    @staticmethod
    @contextlib.contextmanager
    def _stay():
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            yield
        finally:
            _call("setns", here, CLONE_NEWNET)
            os.close(here)

    @contextlib.contextmanager
    def inside(self):
        """This thread, and the processes and threads that it starts, are in the namespace."""
        with self._stay():
            _call("setns", self.fd, CLONE_NEWNET)
            yield self

    def address(self, address, device="lo"):
        with self.inside():
            ip("addr", "add", address, "dev", device)

    def run(self, function, *args, **more):
        """What function returns or raises, called in the namespace; this thread does not move."""
        box = {}

        def body():
            try:
                with self.inside():
                    box["got"] = function(*args, **more)
            except BaseException as error:  # handed on below
                box["error"] = error
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in box:
            raise box["error"]
        return box["got"]

    def close(self):
        os.close(self.fd)
