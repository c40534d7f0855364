"""Five hundred ways to ask without a session: not one byte reaches the console."""
import itertools

from stack import Connection

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "CONNECT"]
PATHS = ["/", "/manager/html", "/manager/text/list", "/x/..;/manager/html", "/%2e%2e/%2e%2e/etc/passwd",
         "/fileupload/toolsAny", "/services/Version", "/ui/vropspluginui/rest/services/uploadova", "/api/v1/users",
         "/.postern/callback?code=AAAA", "/.postern/x", "/healthz", "/login", "*"]
HEADERS = [
    [], ["Authorization: Basic YWRtaW46YWRtaW4="], ["Authorization: Bearer pst_" + "A" * 43],
    ["Postern-Token: pst_" + "B" * 43], ["Cookie: JSESSIONID=1"],
    ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-User: owner", "X-Remote-User: owner", "Remote-User: owner"],
    ["Forwarded: for=127.0.0.1;host=localhost"], ["Connection: close, X-Postern-User", "X-Postern-User: owner"],
    ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
]


def test_five_hundred_requests_without_a_session_reach_nothing(stack, owner, recorder):
    host = f"{recorder.name}.{stack.host}"
    own = f"__Host-postern-{stack.port}"
    extra = [[f"Cookie: {own}={'C' * 43}"], [f"Cookie: {own}={'C' * 43}; {own}={'D' * 43}"], [f"Cookie: {own}="]]
    asked = 0
    for method, path in itertools.product(METHODS, PATHS):
        for headers in (HEADERS + extra)[asked % 3::3]:
            with Connection(stack, host) as c:
                body = b"a=b" if method in ("POST", "PUT", "PATCH") else b""
                text = f"{method} {path} HTTP/1.1\r\nHost: {host}:{stack.port}\r\n" + \
                    "".join(h + "\r\n" for h in headers) + \
                    (f"Content-Length: {len(body)}\r\n" if body else "") + "\r\n"
                c.send(text.encode() + body)
                try:
                    got = c.read(method=method)
                    assert got.status >= 300, (method, path, headers, got)
                    assert got.status != 303 or "/handover?" in got.get("location", ""), got
                except ConnectionError:
                    pass
            asked += 1
    assert asked >= 500
    assert recorder.connections == 0 and recorder.bytes == b""
