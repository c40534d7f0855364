"""Requests that two HTTP readers could understand differently, and what a strict gateway answers.

Each row is one connection's bytes and what must come of them. `statuses` says how it is refused; None:
it is good, and an upstream must see exactly one request with this body. The rules are those of
RFC 9110, RFC 9112 and RFC 3986, read strictly: one meaning or none.

A row's target is /c/NUMBER, and behind many rows stands a request for /smuggled/NUMBER: whoever lets an
upstream see that has been desynchronised.
"""
from dataclasses import dataclass

REFUSED = frozenset({400})
TOKEN = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# RFC 3986 section 3.3: pchar but for the percent sign, and the slash.
PATH = set(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;=:@/")


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes            # with {n}, {host} and {own} still in it
    statuses: frozenset   # None: passed on
    body: bytes = b""
    requests: int = 1     # that an upstream sees when it is passed on
    stalls: bool = False  # neither answered nor passed on until more comes


SMUGGLED = b"GET /smuggled/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n"


def head(method=b"GET", target=b"/c/{n}", version=b"HTTP/1.1", host=b"Host: {host}", fields=(), end=b"\r\n"):
    lines = [b" ".join([method, target, version]), *([host] if host else []), b"{own}", *fields]
    return end.join(lines) + end + end


def refused(name, raw, statuses=REFUSED):
    return Case(name, raw, frozenset(statuses))


def passed(name, raw, body=b"", requests=1):
    return Case(name, raw, None, body, requests)


def shown(byte):
    return f"0x{byte:02x}"


# ---- single bytes where they may and may not stand ----

def every_byte():
    for b in range(256):
        c = bytes([b])
        raw = head(fields=[b"X-Probe: a" + c + b"z"])
        good = b == 9 or (b >= 0x20 and b != 0x7f)
        yield passed(f"value byte {shown(b)}", raw) if good else refused(f"value byte {shown(b)}", raw)
    for b in range(256):
        c = bytes([b])
        raw = head(fields=[b"X" + c + b"P: v"])
        good = b in TOKEN or b == ord(":")
        yield passed(f"name byte {shown(b)}", raw) if good else refused(f"name byte {shown(b)}", raw)
    for b in range(256):
        if b in b"#?%;/":
            continue
        c = bytes([b])
        raw = head(target=b"/c/{n}/a" + c + b"z")
        good = b in PATH
        yield passed(f"path byte {shown(b)}", raw) if good else refused(f"path byte {shown(b)}", raw)
    for b in [*range(0x21), 0x7f, 0x80, 0xa0, 0xff]:
        if b == 0x20:
            continue
        yield refused(f"method byte {shown(b)}", head(method=b"G" + bytes([b]) + b"ET"), {400, 501})
        yield refused(f"version byte {shown(b)}", head(version=b"HTTP/1.1" + bytes([b])), {400, 505})
        yield refused(f"host byte {shown(b)}", head(host=b"Host: a" + bytes([b]) + b"{host}"))
        yield refused(f"query byte {shown(b)}", head(target=b"/c/{n}?a" + bytes([b]) + b"b"))
        yield refused(f"byte {shown(b)} before the method", bytes([b]) + head(), {400, 501})


# ---- request lines ----

def request_lines():
    for version in (b"HTTP/1.2", b"HTTP/1.3", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/3", b"HTTP/1", b"HTTP/1.", b"HTTP/.1",
                    b"HTTP/1.1.", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"http/1.1", b"Http/1.1", b"HTTP/ 1.1", b"HTTP /1.1",
                    b"HTTP/1. 1", b"HTTPS/1.1", b"HTTP\\1.1", b"HTTP-1.1", b"HTTP/1,1", b"HTTP/+1.1", b"HTTP/1.1 x", b"XTTP/1.1",
                    b"RTSP/1.0", b"SIP/2.0", b"ICAP/1.0", b"HTTP/1.1\xc2\xa0", b"HTTP/\xef\xbc\x91.1", b"HTTP/1.A", b"HTTP/A.1", b""):
        yield refused(f"version {version!r}", head(version=version), {400, 505})
    for method in (b"GET\t", b"GET ", b" GET", b"GE T", b"GET\x00", b"(GET)", b"GET,POST", b"G@T", b"GET/", b"{GET}", b"\"GET\"", b"GET:", b"[GET]",
                   b"get", b"Get", b"gET", b"GETS", b"XGET", b"", b"\xef\xbc\xa7ET"):
        yield refused(f"method {method!r}", head(method=method), {400, 501})
    for method in (b"TRACE", b"CONNECT", b"TRACK", b"DEBUG", b"PRI"):
        yield refused(f"method {method!r}", head(method=method), {400, 405, 501})
    for target in (b"", b" /c/{n}", b"/c/{n} ", b"/c/{n} x", b"/c /{n}", b"c/{n}", b"*", b"?a=b", b"#a", b"/c/{n}#a", b"/c/{n}?a#b", b"//{host}@x/\\",
                   b"http:/c/{n}", b"http:///c/{n}", b"http://", b"https://", b"http://other.example/c/{n}", b"http://{host}:1/c/{n}", b"http://{host}@evil/c/{n}",
                   b"http://u@{host}/c/{n}", b"http://u:p@{host}/c/{n}", b"ftp://{host}/c/{n}", b"javascript:alert(1)", b"file:///etc/passwd", b"data:,x", b"{host}",
                   b"{host}:443", b"/c/{n}\t", b"/c/{n}\x0b", b"/c/{n}/%", b"/c/{n}/%4", b"/c/{n}/%zz", b"/c/{n}/%4g", b"/c/{n}/%u0041", b"/c/{n}/%00", b"/c/{n}/%0a",
                   b"/c/{n}/%0d%0aX:y", b"/c/{n}/%7f", b"/c/{n}/%2f..", b"/c/{n}/%5c", b"/c/{n}/\\..\\", b"/c/{n}/%252e%252e/", b"/c/{n}/%252f", b"/c/{n}/%255c", b"/../c/{n}",
                   b"/c/../../x/{n}", b"/%2e%2e/c/{n}", b"/c/{n}/..%2f", b"/c/{n}/..%5c", b"/c/{n}/%c0%af", b"/c/{n}/%c0%ae", b"/c/{n}/%e0%80%af", b"/c/{n}/..;/x",
                   b"/c/{n}/.;/x", b"/c/{n}/%2e;/x", b"/c/{n}/..;a=b/x", b"/c/{n}/%2e%2e;/x", b"/c/{n}/..%3b/x", b"/c/{n}/%2e%2e%2f", b"/c/{n}/.%2e/x", b"/c/{n}/%2e./x"):
        # Dots that are written plainly have one meaning for every server; a gateway may also refuse
        # them. They are in the table of the path rules, not here.
        yield refused(f"target {target!r}", head(target=target), {400, 404, 405, 414})
    yield refused("no version", b"GET /c/{n}\r\nHost: {host}\r\n{own}\r\n\r\n")
    yield refused("two spaces before the target", head(method=b"GET "))
    yield refused("two spaces before the version", head(target=b"/c/{n} "))
    yield refused("tabs for spaces", b"GET\t/c/{n}\tHTTP/1.1\r\nHost: {host}\r\n{own}\r\n\r\n")
    yield refused("two empty lines first", b"\r\n\r\n" + head())
    yield passed("one empty line first", b"\r\n" + head())
    yield refused("a line of spaces first", b"  \r\n" + head())
    yield refused("a bare LF first", b"\n" + head())
    yield refused("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505})
    yield refused("a TLS hello inside", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(40))
    yield refused("a PROXY line inside", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + head(), {400, 501, 505})
    yield refused("a request line of 9,000 bytes", head(target=b"/c/{n}/" + b"a" * 9000), {414, 431})
    yield refused("a request line of 200,000 bytes", head(target=b"/c/{n}/" + b"a" * 200000), {400, 414, 431})
    yield passed("an absolute target of the same host", head(target=b"https://{host}/c/{n}"))
    yield passed("a query with what browsers leave as it is", head(target=b"/c/{n}?a=[1]|{2}^`"))
    yield passed("path parameters", head(target=b"/c/{n};jsessionid=AB12"))
    yield passed("HTTP/1.0", head(version=b"HTTP/1.0"))


# ---- line ends ----

def line_ends():
    good = head(fields=[b"X-One: 1", b"X-Two: 2"])
    lines = good.split(b"\r\n")
    for i in range(len(lines) - 1):
        for name, end in (("LF", b"\n"), ("CR", b"\r"), ("CR CR LF", b"\r\r\n"), ("LF CR", b"\n\r"), ("CR NUL LF", b"\r\0\n"), ("VT", b"\x0b"), ("FF", b"\x0c"),
                          ("NEL", b"\xc2\x85"), ("LS", b"\xe2\x80\xa8")):
            ends = [b"\r\n"] * (len(lines) - 1)
            ends[i] = end
            raw = b"".join(a + b for a, b in zip(lines, ends)) + lines[-1]
            if end in (b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"\x0c") and i >= len(lines) - 2:
                continue  # no end of a head at all
            if end in (b"\xc2\x85", b"\xe2\x80\xa8") and i > 0:
                continue  # two bytes of a value
            if end == b"\r" and i == len(lines) - 2:
                continue  # the head is not complete
            yield refused(f"{name} after line {i}", raw, {400, 505})
    yield refused("LF everywhere", good.replace(b"\r\n", b"\n"))
    yield refused("CR everywhere", good.replace(b"\r\n", b"\r") + b"\r\n\r\n")
    for fold in (b" folded", b"\tfolded", b" ", b"\t", b"  X-Y: z", b" \t "):
        yield refused(f"a folded line {fold!r}", head(fields=[b"X-One: 1", fold]))
        yield refused(f"a folded first line {fold!r}", b"GET /c/{n} HTTP/1.1\r\n" + fold + b"\r\nHost: {host}\r\n{own}\r\n\r\n")
    yield refused("a folded Content-Length", head(b"POST", fields=[b"Content-Length:", b" 5"]) + b"hello")
    yield refused("a folded Transfer-Encoding", head(b"POST", fields=[b"Transfer-Encoding:", b" chunked"]) + b"0\r\n\r\n")


# ---- header lines ----

def header_lines():
    for line in (b"X-Probe", b": v", b":", b" : v", b"X-Probe : v", b"X-Probe\t: v", b"X-Probe\x0b: v", b"X Probe: v", b"X-Probe\xa0: v", b"\"X\": v", b"X(Y): v", b"X/Y: v",
                 b"X@Y: v", b"X,Y: v", b"X;Y: v", b"X=Y: v", b"X[Y]: v", b"X\\Y: v", b"X{Y}: v", b"X<Y>: v", b"X?Y: v", b"\xc3\xa4: v", b"=?utf-8?q?x?=: v", b"X-Probe\x00: v",
                 b"\x00X-Probe: v", b"X-Probe:\x00v", b"X-Probe: v\x00", b"X-Probe: v\x08", b"X-Probe: \x1b[2J", b"X-Probe: v\x7f", b"X-Probe: a\rb", b"X-Probe: a\r b"):
        yield refused(f"line {line!r}", head(fields=[line]))
    for line in (b"X-Probe:v", b"X-Probe:  v", b"X-Probe:\tv", b"X-Probe: v ", b"X-Probe: v\t", b"X-Probe:", b"X-Probe: ", b"X-Probe: a: b", b"x-probe: v", b"X_Probe: v", b"X.Probe: v",
                 b"X-Probe: \xc3\xa4", b"X-Probe: \"a, b\"", b"1: v", b"X-Probe: a\tb", b"~: v"):
        yield passed(f"line {line!r}", head(fields=[line]))
    yield refused("a header of 40,000 bytes", head(fields=[b"X-Probe: " + b"v" * 40000]), {400, 431})
    yield refused("a name of 20,000 bytes", head(fields=[b"X" * 20000 + b": v"]), {400, 431})
    yield refused("500 headers", head(fields=[b"X-%d: v" % i for i in range(500)]), {400, 431})
    for name in (b"X-Probe", b"Content-Length", b"Host", b"Cookie", b"Authorization", b"X-Forwarded-For", b"close, Content-Length", b"X-Real-IP",
                 b"keep-alive, Cookie", b"Postern-User", b"Sec-WebSocket-Key", b"Origin", b"Content-Type", b"close, X-Forwarded-For", b"Expect", b"Via", b"Date", b"close, ,Host", b"a b", b"a;b"):
        yield refused(f"Connection: {name.decode()}", head(fields=[b"Connection: " + name]))
    yield passed("Connection: Transfer-Encoding", head(fields=[b"Connection: Transfer-Encoding"]))
    for value in (b"100-Continue, x", b"100", b"200-ok", b"continue", b"", b"100-continue; q=1", b"100 continue", b"100-continue,100-continue"):
        yield refused(f"Expect: {value.decode()}", head(b"POST", fields=[b"Expect: " + value, b"Content-Length: 5"]) + b"hello", {400, 417})
    for twice in (b"Content-Type: a/b", b"Authorization: Basic YTpi", b"Origin: https://{host}", b"Expect: 100-continue", b"Sec-Fetch-Site: same-origin", b"Content-Range: bytes 0-1/2"):
        yield refused(f"{twice.split(b':')[0].decode()} twice", head(b"POST", fields=[twice, twice, b"Content-Length: 5"]) + b"hello", {400, 417})


# ---- Host ----

def hosts():
    for value in (b"", b" ", b"{host}, {host}", b"{host},evil", b"evil, {host}", b"{host} evil", b"evil {host}", b"user@{host}", b"u:p@{host}", b"{host}@evil", b"http://{host}",
                  b"https://{host}/", b"{host}/", b"{host}/x", b"{host}?x", b"{host}#x", b"{host}\\x", b"{host}:", b"{host}:0", b"{host}:x", b"{host}:1:2", b"{host}:+1", b"{host}:-1",
                  b"{host}:99999", b"{host}:443 ", b"{host}.:443:", b"[{host}]", b"[::1", b"::1", b"[::1]x", b"[::1]:x", b"[::g]", b"[::1%25eth0]", b"[v1.x]", b"%65vil", b"a%00b", b"a_b", b"-", b"..",
                  b".", b"a..b", b"*", b"(x)", b"\"{host}\"", b"<{host}>", b"{x}", b"a|b", b"a^b", b"a`b", b"a;b", b"a=b", b"a!b", b"a~b", b"\xc3\xa4.example", b"a\tb", b"{host}\x0b",
                  b"127.0.0.1", b"localhost", b"evil.example", b"a" * 300, b"0x7f.1", b"2130706433", b"{host}:08443x", b"\xe2\x84\xaaost"):
        yield refused(f"Host: {value.decode('latin-1')}", head(host=b"Host: " + value), {400, 404, 421, 431})
    yield refused("no Host", head(host=None))
    yield refused("no Host in HTTP/1.0", head(host=None, version=b"HTTP/1.0"))
    yield refused("Host twice", head(fields=[b"Host: {host}"]))
    yield refused("Host twice, one other", head(fields=[b"Host: evil.example"]))
    yield refused("Host twice, the first empty", head(host=b"Host:", fields=[b"Host: {host}"]))
    yield refused("Host and a name like it", head(fields=[b"Host : {host}"]))
    yield refused("Host with a blank before it", head(host=b" Host: {host}"))
    yield refused("Host twice in other case", head(fields=[b"hOST: {host}"]))
    yield refused("Host folded", head(host=b"Host:\r\n {host}"))
    yield passed("Host in upper case", head(host=b"HOST: {host}"))


# ---- Content-Length and Transfer-Encoding ----

def lengths():
    for value in (b"", b" ", b"+5", b"-5", b"-0", b"5,5", b"5, 5", b"5,", b",5", b"5 5", b"5\t5", b"0x5", b"5h", b"5.0", b"5e0", b"05x", b"5;", b"\"5\"", b"5\x00", b"5\x0b", b"\x0b5", b"\xd9\xa5", b"\xef\xbc\x95",
                  b"5_0", b"5'0", b"five", b"NaN", b"inf", b"18446744073709551616", b"18446744073709551621", b"36893488147419103237", b"9" * 40, b"9" * 400, b"5-", b"(5)", b"5:5", b"5=5", b"*", b"5/5", b"5%",
                  b"5\xa0", b"\xa05", b"0b101", b"0o5", b"1,000", b"5, 6", b"5\x7f", b"--5", b"++5", b"5+", b"4294967301x", b"[5]"):
        yield refused(f"Content-Length: {value!r}", head(b"POST", fields=[b"Content-Length: " + value]) + b"hello" + SMUGGLED)
    for value in (b"9223372036854775808", b"18446744073709551615"):
        yield refused(f"Content-Length: {value!r}", head(b"POST", fields=[b"Content-Length: " + value]) + b"hello", {400, 413})
    for name in (b"Content-Length ", b"Content-Length\t", b" Content-Length", b"content-length", b"CONTENT-LENGTH", b"Content-Length\x0b", b"Content-Length\x00", b"\x00Content-Length",
                 b"Content-Lengt\xc4\xa5", b"Content Length"):
        yield refused(f"{name!r} beside Content-Length",
                      head(b"POST", fields=[name + b": 5", b"Content-Length: 5"]) + b"hello" + SMUGGLED)
    yield refused("Content-Length twice, equal", head(b"POST", fields=[b"Content-Length: 5", b"Content-Length: 5"]) + b"hello" + SMUGGLED)
    yield refused("Content-Length twice, different", head(b"POST", fields=[b"Content-Length: 5", b"Content-Length: 6"]) + b"hello!" + SMUGGLED)
    yield refused("Content-Length twice, one zero", head(b"POST", fields=[b"Content-Length: 0", b"Content-Length: 44"]) + SMUGGLED)
    yield refused("Content-Length three times", head(b"POST", fields=[b"Content-Length: 5"] * 3) + b"hello")
    yield passed("Content-Length", head(b"POST", fields=[b"Content-Length: 5"]) + b"hello", b"hello")
    yield passed("Content-Length with blanks around", head(b"POST", fields=[b"Content-Length: \t 5 \t"]) + b"hello", b"hello")
    yield passed("Content-Length: 0", head(b"POST", fields=[b"Content-Length: 0"]))
    yield passed("GET with a body", head(b"GET", fields=[b"Content-Length: 5"]) + b"hello", b"hello")
    yield passed("DELETE with a body", head(b"DELETE", fields=[b"Content-Length: 5"]) + b"hello", b"hello")


def codings():
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    for value in (b"", b" ", b"chunked,", b",chunked", b", chunked", b"chunked, chunked", b"chunked,chunked", b"chunked, identity", b"identity, chunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip",
                  b"deflate, chunked", b"compress", b"br, chunked", b"xchunked", b"x-chunked", b"chunkedx", b"chunke", b"chunked;q=1", b"chunked; foo=bar", b"chunked;", b"\"chunked\"", b"'chunked'", b"chun ked", b"chun\tked",
                  b"\x0bchunked", b"chunked\x0b", b"\x00chunked", b"chunked\x00", b"chunked\x0c", b"chunked\xa0", b"\xa0chunked", b"chunked\xc2\x85", b"chunked=1", b"chunked/1", b"(chunked)", b"<chunked>", b"[chunked]",
                  b"chunked chunked", b"chunked\tchunked", b"chunked:", b":chunked", b"cow", b"cow, chunked", b"trailers", b"chunked, trailers", b"0", b"none", b"\xe2\x84\xaahunked", b"ch\xc3\xbcnked", b"chunked\x7f", b"chunked%20",
                  b"chunked#", b"chunked, ", b"*", b"chunked,,"):
        yield refused(f"Transfer-Encoding: {value!r}", head(b"POST", fields=[b"Transfer-Encoding: " + value]) + chunked + SMUGGLED, {400, 501})
        yield refused(f"Transfer-Encoding: {value!r} and Content-Length",
                      head(b"POST", fields=[b"Content-Length: 5", b"Transfer-Encoding: " + value]) + chunked + SMUGGLED, {400, 501})
    for value in (b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked"):
        yield passed(f"Transfer-Encoding: {value!r}", head(b"POST", fields=[b"Transfer-Encoding: " + value]) + chunked, b"hello")
        yield refused(f"Content-Length before Transfer-Encoding: {value!r}",
                      head(b"POST", fields=[b"Content-Length: 5", b"Transfer-Encoding: " + value]) + chunked + SMUGGLED)
        yield refused(f"Content-Length after Transfer-Encoding: {value!r}",
                      head(b"POST", fields=[b"Transfer-Encoding: " + value, b"Content-Length: 5"]) + chunked + SMUGGLED)
        yield refused(f"HTTP/1.0 and Transfer-Encoding: {value!r}",
                      head(b"POST", version=b"HTTP/1.0", fields=[b"Transfer-Encoding: " + value]) + chunked + SMUGGLED)
    for name in (b"Transfer-Encoding ", b"Transfer-Encoding\t", b" Transfer-Encoding", b"Transfer Encoding", b"Transfer-Encoding\x0b", b"Transfer-Encoding\x00", b"\x00Transfer-Encoding", b"Transfer-Encoding\xa0",
                 b"\x0bTransfer-Encoding", b"(Transfer-Encoding)", b"Transfer-Encoding\x7f", b"\xefTransfer-Encoding"):
        yield refused(f"{name!r}", head(b"POST", fields=[name + b": chunked"]) + chunked + SMUGGLED)
        yield refused(f"{name!r} and Content-Length", head(b"POST", fields=[b"Content-Length: 5", name + b": chunked"]) + b"hello" + SMUGGLED)
    yield refused("Transfer-Encoding with two colons", head(b"POST", fields=[b"Transfer-Encoding:: chunked"]) + chunked + SMUGGLED, {400, 501})
    yield refused("Transfer-Encoding twice", head(b"POST", fields=[b"Transfer-Encoding: chunked"] * 2) + chunked + SMUGGLED)
    yield refused("Transfer-Encoding twice, one identity", head(b"POST", fields=[b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"]) + chunked + SMUGGLED)
    yield refused("Transfer-Encoding twice, identity first", head(b"POST", fields=[b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"]) + chunked + SMUGGLED)
    yield refused("Transfer-Encoding twice, one unknown", head(b"POST", fields=[b"Transfer-Encoding: chunked", b"Transfer-encoding: cow"]) + chunked + SMUGGLED)
    yield refused("Transfer-Encoding on a GET with Content-Length", head(b"GET", fields=[b"Content-Length: 5", b"Transfer-Encoding: chunked"]) + chunked)
    yield refused("Transfer-Encoding hidden in another value", head(b"POST", fields=[b"X: y\rTransfer-Encoding: chunked", b"Content-Length: 5"]) + b"hello")


# ---- chunks ----

def chunks():
    def send(body):
        return head(b"POST", fields=[b"Transfer-Encoding: chunked"]) + body

    rest = b"0\r\n\r\n"
    for size in (b"", b" ", b" 5", b"\t5", b"+5", b"-5", b"0x5", b"0X5", b"5h", b"5g", b"g", b"5 5", b"5,5", b"5\x00", b"\x005", b"5\x0b", b"5\xa0", b"\xef\xbc\x95", b"5.0", b"\"5\"", b"5_", b"ffffffffffffffff5", b"10000000000000005",
                 b"fffffffffffffffff", b"00000000000000000000000000000000000005x", b"8000000000000000z", b"5\r", b"5:", b"5=", b"(5)", b"5#", b"5\x7f", b"five", b"--5", b"5-", b"5+0", b"0b5x", b"\\x5", b"5/", b"5\\"):
        yield refused(f"chunk size {size!r}", send(size + b"\r\nhello\r\n" + rest) + SMUGGLED)
    for size in (b"5", b"05", b"0005"):
        yield passed(f"chunk size {size!r}", send(size + b"\r\nhello\r\n" + rest), b"hello")
    yield passed("a size in capitals", send(b"A\r\n0123456789\r\n" + rest), b"0123456789")
    yield passed("a size in small letters", send(b"a\r\n0123456789\r\n" + rest), b"0123456789")
    for end in (b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n ", b"\x0b\r\n", b"\r\0\n"):
        yield refused(f"size line ends {end!r}", send(b"5" + end + b"hello\r\n" + rest) + SMUGGLED)
        yield refused(f"data ends {end!r}", send(b"5\r\nhello" + end + rest) + SMUGGLED)
    for body in (b"5\r\nhello" + rest, b"5\r\nhell\r\n" + rest, b"5\r\nhello!\r\n" + rest, b"4\r\nhello\r\n" + rest, b"6\r\nhello\r\n" + rest, b"5\r\nhello\r\r\n" + rest, b"5\r\nhello\n\r\n" + rest, b"5\r\nhelloXX" + rest,
                 b"2\r\nhello\r\n" + rest, b"5\r\n\r\nhello\r\n" + rest, b"5\r\nhello\r\n\r\n" + rest):
        yield refused(f"chunk {body[:20]!r}", send(body) + SMUGGLED)
    for ext in (b";\n", b";a\n", b";a=\x00", b";a=\x0b", b";a=\rb", b";a\r", b";" + b"a" * 70000, b"\n;a", b";a=\"\nb\"", b" \n"):
        yield refused(f"chunk extension {ext[:12]!r}", send(b"5" + ext + b"\r\nhello\r\n" + rest) + SMUGGLED)
    for ext in (b";a", b";a=b", b";a=\"b\""):
        yield passed(f"chunk extension {ext!r}", send(b"5" + ext + b"\r\nhello\r\n" + rest), b"hello")
    for end in (b"0\n\r\n", b"0\r\n\n", b"0\n\n", b"0\r\r\n\r\n", b"0\r\n\r\r\n", b"0\r\n \r\n", b"0\r\nX\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\nX: y\r\n z\r\n\r\n", b"0\r\nX: \x00\r\n\r\n",
                b"0\r\n: y\r\n\r\n", b"0\r\nX Y: z\r\n\r\n", b"0\r\nX\x0b: z\r\n\r\n", b"0\r\n" + b"X: " + b"y" * 70000 + b"\r\n\r\n", b"0x0\r\n\r\n", b"-0\r\n\r\n", b" 0\r\n\r\n", b"0 \n\r\n"):
        yield refused(f"last chunk {end[:16]!r}", send(b"5\r\nhello\r\n" + end) + SMUGGLED)
    for field in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: evil.example"):
        yield Case(f"trailer {field!r}", send(b"5\r\nhello\r\n0\r\n" + field + b"\r\n\r\n"), frozenset({400, 200}))
    yield passed("two chunks", send(b"2\r\nhe\r\n3\r\nllo\r\n" + rest), b"hello")
    yield passed("an empty chunked body", send(rest))


# ---- more than one request ----

def pipelines():
    yield passed("two requests at once", head() + head(target=b"/c/{n}/b"), requests=2)
    yield passed("a body and then a request", head(b"POST", fields=[b"Content-Length: 5"]) + b"hello" + head(target=b"/c/{n}/b"), b"hello", requests=2)
    yield passed("chunks and then a request", head(b"POST", fields=[b"Transfer-Encoding: chunked"]) + b"0\r\n\r\n" + head(target=b"/c/{n}/b"), requests=2)
    yield passed("a request that ends the connection", head(fields=[b"Connection: close"]) + SMUGGLED)
    yield passed("HTTP/1.0 and then a request", head(version=b"HTTP/1.0") + SMUGGLED)
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for name, method, fields in (
            ("by POST", b"POST", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key, b"Content-Length: 0"]),
            ("with a body", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key, b"Content-Length: 5"]),
            ("of version 7", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 7", key]),
            ("without a version", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", key]),
            ("without a key", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"]),
            ("with a short key", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: YQ=="]),
            ("with two keys", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key, key]),
            ("to two protocols", b"GET", [b"Connection: Upgrade", b"Upgrade: websocket, h2c", b"Sec-WebSocket-Version: 13", key])):
        yield refused(f"an upgrade {name}", head(method, fields=fields) + SMUGGLED, {400, 403, 426})
    # A server may go on in HTTP/1.1 (RFC 9110 section 7.8); the wish itself must not travel further.
    yield passed("an upgrade to h2c", head(fields=[b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"]))


# ---- what is not complete ----

def incomplete():
    for name, raw in (("half a request line", b"GET /c/{n} HT"), ("a head without its end", b"GET /c/{n} HTTP/1.1\r\nHost: {host}\r\n"),
                      ("a head that ends in CR", b"GET /c/{n} HTTP/1.1\r\nHost: {host}\r\n{own}\r\n\r"),
                      ("only an empty line", b"\r\n")):
        yield Case(name, raw, frozenset(), stalls=True)


FAMILIES = (every_byte, request_lines, line_ends, header_lines, hosts, lengths, codings, chunks, pipelines, incomplete)


def cases():
    rows = [case for family in FAMILIES for case in family()]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    return rows
