"""Consoles behind TLS and on sockets in the file system: stand-ins for test_upstream_*.py."""
import socket
import ssl
import threading

import pki
import stack as harness


class TlsConsole(harness.Recorder):
    """A Recorder behind TLS. Remembers for each connection what the handshake said."""

    def __init__(self, pair, prepare=None, **more):
        self.context = pki.server_context(pair)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.names = []
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        if prepare:
            prepare(self.context)
        self.handshakes, self.failures = [], []
        super().__init__(**more)

    def _serve(self, sock):
        sock.settimeout(30)
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ssl.SSLError) as e:
            self.failures.append(str(e))
            sock.close()
            return
        self.handshakes.append({"version": wrapped.version(), "alpn": wrapped.selected_alpn_protocol(),
                                "resumed": wrapped.session_reused, "peer": wrapped.getpeercert(True)})
        super()._serve(wrapped)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"


class UnixConsole(harness.Recorder):
    """A Recorder on a socket in the file system."""

    def __init__(self, path, mode=0o666, **more):
        super().__init__(**more)
        self.path = path
        tcp, self.listener = self.listener, socket.socket(socket.AF_UNIX)
        tcp.shutdown(socket.SHUT_RDWR)
        tcp.close()
        self.listener.bind(str(path))
        path.chmod(mode)
        self.listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"unix:{self.path}"
