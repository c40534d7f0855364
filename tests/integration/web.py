"""A server of the web over TLS that answers as a test wants it to."""
import contextlib
import json

import pki
import stack


class Web(stack.Server):
    """`answer(request)` gives (status, type, body), or bytes that are sent as they are, or None to say nothing more.
    A request is (method, target, headers in lower case, body)."""

    def __init__(self, pair, answer):
        self.context = pki.server_context(pair)
        self.answer, self.requests = answer, []
        super().__init__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def _serve(self, sock):
        with contextlib.suppress(OSError, ValueError):
            sock.settimeout(30)
            sock = self.context.wrap_socket(sock, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, data = data.split(b"\r\n\r\n", 1)
            body, _ = stack.read_body(sock, head, data)
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
            request = (method, target, headers, body)
            self.requests.append(request)
            answer = self.answer(request)
            if answer is None:
                sock.recv(1)
                return
            if isinstance(answer, tuple):
                status, kind, text = answer
                text = json.dumps(text).encode() if isinstance(text, (dict, list)) else text
                answer = (f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n"
                          "Connection: close\r\n\r\n").encode() + text
            sock.sendall(answer)
            with contextlib.suppress(OSError):
                sock.unwrap()
        with contextlib.suppress(OSError):
            sock.close()
