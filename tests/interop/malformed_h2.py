"""Requests in HTTP/2 that must not become a request in HTTP/1.1: RFC 9113 section 8, read strictly.

Field lists as they are encoded, pseudo-header fields included; nothing here passes a library that would
mend them. `refused`: an error of 400 to 499 or 501, or the end of the stream or connection; no upstream sees anything.
"""
from dataclasses import dataclass

from malformed import PATH, TOKEN, shown


@dataclass(frozen=True)
class Case:
    name: str
    fields: tuple
    good: bool
    data: tuple = ()      # DATA frames
    trailers: tuple = ()
    body: bytes = b""     # what an upstream must get


PSEUDO = ((b":method", b"{method}"), (b":scheme", b"https"), (b":authority", b"{host}"), (b":path", b"/c/{n}"))


def request(*fields, method=b"GET", without=(), **change):
    """The pseudo-header fields with changes (`path=…`), then ours, then the given ones."""
    new = {b":" + k.encode(): v for k, v in change.items()}
    pseudo = [(k, new.get(k, v).replace(b"{method}", method)) for k, v in PSEUDO if k not in without]
    return (*pseudo, (b"{own}", b""), *fields)


def refused(name, fields, data=(), trailers=()):
    return Case(name, tuple(fields), False, tuple(data), tuple(trailers))


def passed(name, fields, data=(), trailers=(), body=b""):
    return Case(name, tuple(fields), True, tuple(data), tuple(trailers), body)


def bytes_in_fields():
    for b in range(256):
        c = bytes([b])
        good = b in TOKEN and not 0x41 <= b <= 0x5a
        make = passed if good else refused
        yield make(f"name byte {shown(b)}", request((b"x" + c + b"p", b"v")))
        good = b == 9 or (b >= 0x20 and b != 0x7f)
        yield (passed if good else refused)(f"value byte {shown(b)}", request((b"x-probe", b"a" + c + b"z")))
        if b not in b"#?%;/":
            yield (passed if b in PATH else refused)(f"path byte {shown(b)}", request(path=b"/c/{n}/a" + c + b"z"))
        if b not in TOKEN:
            yield refused(f"method byte {shown(b)}", request(method=b"G" + c + b"ET"))
    for b in [*range(0x21), 0x7f, 0x80, 0xff]:
        c = bytes([b])
        yield refused(f"authority byte {shown(b)}", request(authority=b"a" + c + b"{host}"))
        yield refused(f"query byte {shown(b)}", request(path=b"/c/{n}?a" + c + b"b"))
        yield refused(f"scheme byte {shown(b)}", request(scheme=b"https" + c))


def pseudo_fields():
    for name, _ in PSEUDO:
        text = name.decode()
        if name != b":authority":
            yield refused(f"no {text}", request(without=(name,)))
        value = dict(PSEUDO)[name].replace(b"{method}", b"GET")
        yield refused(f"{text} twice", ((name, value), *request()))
        yield refused(f"{text} after a field", (*request(without=(name,)), (b"x-probe", b"v"), (name, value)))
        yield refused(f"{text} empty", request(**{text[1:]: b""}))
        yield refused(f"{text} in capitals", (*request(without=(name,)), (name.upper(), value)))
        yield refused(f"{text} with a blank before", request(**{text[1:]: b" " + value}))
        yield refused(f"{text} with a blank after", request(**{text[1:]: value + b" "}))
        yield refused(f"{text} in the trailers", request((b"content-length", b"5"), method=b"POST"), [b"hello"], [(name, value)])
    for name in (b":status", b":protocol", b":version", b":", b"::path", b":Path", b":x", b":content-length", b":host"):
        yield refused(f"an unknown pseudo-header field {name!r}", (*PSEUDO[:3], (b":path", b"/c/{n}"), (name, b"200"), (b"{own}", b"")))
    for method in (b"CONNECT", b"TRACE", b"GET HTTP/1.1", b"GET /x HTTP/1.1\r\nA: b", b"get", b"PRI", b"G\tET", b"", b"GET\r\n", b"GET\x00"):
        yield refused(f"method {method!r}", request(method=method))
    for scheme in (b"http", b"ftp", b"https://x", b"https:", b"ws", b"javascript", b"https\r\nX: y", b"https://{host}/x?"):
        yield refused(f"scheme {scheme!r}", request(scheme=scheme))
    for path in (b"*", b"c/{n}", b"http://{host}/c/{n}", b"/c/{n} HTTP/1.1\r\nX: y", b"/c/{n}\r\nX: y", b"/c/{n} x", b"/c/{n}#a", b"?a", b"#", b"/c/{n}/%00", b"/c/{n}/%2f..", b"/c/{n}/%5c", b"/c/{n}/\\",
                 b"/c/{n}/%", b"/c/{n}/%zz", b"/c/{n}/%252e", b"/../c/{n}", b"/c/{n}/..%2f", b"/c/{n}/..;/", b"/c/{n}\x00", b"\\c\\{n}", b"{host}/c/{n}", b" /c/{n}", b"/c/{n} ", b"/c/{n}\t"):
        yield refused(f"path {path!r}", request(path=path))
    for authority in (b"u@{host}", b"u:p@{host}", b"{host}/", b"{host}?x", b"{host}#x", b"{host},x", b"{host} x", b"{host}:", b"{host}:x", b"{host}:99999", b"[::1", b"http://{host}", b"evil.example", b"{host}\r\nX: y", b"localhost", b"a_b",
                      b"*", b"{host}\\x", b"%65vil", b"{host}@evil"):
        yield refused(f"authority {authority!r}", request(authority=authority))
    yield refused("host that differs from the authority", request((b"host", b"evil.example")))
    yield refused("host twice", request((b"host", b"{host}"), (b"host", b"{host}")))
    yield refused("neither authority nor host", request(without=(b":authority",)))
    yield passed("host instead of the authority", request((b"host", b"{host}"), without=(b":authority",)))
    yield passed("host equal to the authority", request((b"host", b"{host}")))
    yield passed("a plain request", request())


def hop_fields():
    for name, value in ((b"connection", b"close"), (b"connection", b"keep-alive"), (b"connection", b"transfer-encoding"), (b"connection", b""), (b"keep-alive", b"timeout=5"), (b"proxy-connection", b"close"),
                        (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity"), (b"transfer-encoding", b""), (b"upgrade", b"websocket"), (b"upgrade", b"h2c"), (b"te", b"chunked"), (b"te", b"gzip"),
                        (b"te", b"trailers, deflate"), (b"te", b"trailers;q=1")):
        yield refused(f"{name.decode()}: {value.decode()}", request((name, value), (b"content-length", b"5"), method=b"POST"), [b"hello"])
    yield passed("te: trailers", request((b"te", b"trailers")))
    for name in (b"Content-Length", b"Host", b"X-Probe", b"COOKIE", b"Transfer-Encoding", b"transfer-Encoding", b"transfer_encoding\x00", b"transfer-encoding ", b" transfer-encoding", b"transfer-encoding:", b"transfer encoding",
                 b"content-length ", b" content-length", b"", b"x\r\ny", b"x: y", b"x\ny", b"\xc3\xa4"):
        yield refused(f"name {name!r}", request((name, b"chunked"), method=b"POST"), [b"0\r\n\r\n"])
    for value in (b" v", b"v ", b"\tv", b"v\t", b" ", b"a\rb", b"a\nb", b"a\r\nb: c", b"a\r\n\r\nGET /smuggled/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n", b"a\x00b", b"\x0b", b"\x7f"):
        yield refused(f"value {value!r}", request((b"x-probe", value)))
    for name in (b"cookie", b"user-agent", b"accept", b"referer", b"authorization", b"content-type", b"x-forwarded-for"):
        yield refused(f"a line end in {name.decode()}", request((name, b"a\r\nTransfer-Encoding: chunked"), method=b"POST"), [b"0\r\n\r\n"])
    for name, value in ((b"content-type", b"a/b"), (b"origin", b"https://{host}"), (b"authorization", b"Basic YTpi"), (b"expect", b"100-continue"), (b"content-range", b"bytes 0-1/2")):
        yield refused(f"{name.decode()} twice", request((name, value), (name, value), (b"content-length", b"5"), method=b"POST"), [b"hello"])
    yield refused("expect: other", request((b"expect", b"200-ok"), (b"content-length", b"5"), method=b"POST"), [b"hello"])


def lengths():
    def send(length, *data, more=()):
        return request((b"content-length", length), *more, method=b"POST"), data

    for length, data in ((b"4", b"hello"), (b"0", b"hello"), (b"1", b"hello")):
        yield refused(f"content-length {length.decode()} with {len(data)} bytes", *send(length, data))
    for length in (b"6", b"100", b"18446744073709551615"):
        yield refused(f"content-length {length.decode()} with 5 bytes", *send(length, b"hello"))
    for length in (b"", b"+5", b"-5", b"5,5", b"5, 5", b"0x5", b"5 ", b" 5", b"5\t", b"five", b"5.0", b"5e0", b"18446744073709551621", b"9" * 40, b"5;", b"\"5\"", b"5\x00", b"\xd9\xa5"):
        yield refused(f"content-length {length!r}", *send(length, b"hello"))
    yield refused("content-length twice, equal", *send(b"5", b"hello", more=[(b"content-length", b"5")]))
    yield refused("content-length twice, different", *send(b"5", b"hello", more=[(b"content-length", b"6")]))
    yield refused("content-length 5 and no body", request((b"content-length", b"5"), method=b"POST"))
    yield passed("content-length", *send(b"5", b"hello"), body=b"hello")
    yield passed("two frames", *send(b"5", b"he", b"llo"), body=b"hello")
    yield passed("no content-length", request(method=b"POST"), [b"hello"], body=b"hello")
    yield passed("what looks like chunks", request(method=b"POST"), [b"0\r\n\r\nGET /smuggled/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n"],
                 body=b"0\r\n\r\nGET /smuggled/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    yield passed("what looks like a request", *send(b"5", b"GET /"), body=b"GET /")
    yield passed("trailers", *send(b"5", b"hello"), trailers=[(b"x-checksum", b"1")], body=b"hello")
    # The length has said where the body ends; what stands behind it is dropped.
    yield passed("trailer content-length", *send(b"5", b"hello"), trailers=[(b"content-length", b"5")], body=b"hello")
    for name, value in ((b"transfer-encoding", b"chunked"), (b"X-Probe", b"v"), (b"x probe", b"v"), (b"x-probe", b"a\r\nb"), (b"x-probe", b"a\x00"), (b"connection", b"close"), (b"", b"v")):
        yield refused(f"trailer {name!r}: {value!r}", *send(b"5", b"hello"), trailers=[(name, value)])


FAMILIES = (bytes_in_fields, pseudo_fields, hop_fields, lengths)


def cases():
    rows = [case for family in FAMILIES for case in family()]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    return rows
