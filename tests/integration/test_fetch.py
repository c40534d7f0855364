"""The courier and servers of the web: the test is its keeper and the server."""
import time

import pytest

import pki
import stack
from ipcwire import Closed
from test_courier import Courier
from web import Web

OK, DOWN, LATE, LARGE, UNTRUSTED = range(5)


@pytest.fixture(scope="module")
def courier():
    with Courier(sandbox="strict") as c:
        yield c
        assert c.process.poll() is None


def fetch(courier, authority, url, patience_ms=8000, **more):
    values = {"patience_ms": patience_ms, "most": 65536, "url": url, "authorities": authority.pem,
              "accept": "application/json", "authorization": "", "signature": "", "type": "", "body": "", **more}
    return courier.keeper.ask("fetch", timeout=30, **values)


def test_an_answer_comes_with_its_status_type_and_body(courier, authority, pair):
    with Web(pair, lambda r: (404, "application/json; a=b", {"path": r[1]})) as web:
        got = fetch(courier, authority, web.url + "/a/b?c=d", authorization="Bearer x")
        assert (got.result, got.status, got.type) == (OK, 404, b"application/json; a=b")
        assert got.body == b'{"path": "/a/b?c=d"}'
        method, _, headers, _ = web.requests[0]
        assert method == "GET" and headers["accept"] == "application/json" and headers["authorization"] == "Bearer x"
        assert headers["host"] == f"127.0.0.1:{web.port}" and "cookie" not in headers


def test_a_body_is_posted_with_its_type_and_its_signature(courier, authority, pair):
    body = "a=" + "b" * 60000
    with Web(pair, lambda r: (200, "text/plain", b"ok")) as web:
        got = fetch(courier, authority, web.url, body=body, type="application/x-www-form-urlencoded", signature="v1=00")
        assert (got.result, got.body) == (OK, b"ok")
        method, target, headers, sent = web.requests[0]
        assert (method, target, sent.decode()) == ("POST", "/", body)
        assert headers["content-type"] == "application/x-www-form-urlencoded" and headers["postern-signature"] == "v1=00"


def test_a_redirect_is_an_answer_and_not_a_way(courier, authority, pair):
    with Web(pair, lambda r: (200, "text/plain", b"never")) as other, \
         Web(pair, lambda r: f"HTTP/1.1 302 X\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()) as web:
        got = fetch(courier, authority, web.url)
        assert (got.result, got.status, got.body) == (OK, 302, b"") and not other.requests


@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
def test_more_than_was_asked_for_is_no_answer(courier, authority, pair, framing):
    big = b"x" * 5000
    answers = {"length": b"HTTP/1.1 200 X\r\nContent-Length: 5000\r\n\r\n" + big,
               "chunked": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + big + b"\r\n0\r\n\r\n",
               "none": b"HTTP/1.1 200 X\r\n\r\n" + big}
    with Web(pair, lambda r: answers[framing]) as web:
        got = fetch(courier, authority, web.url, most=4999)
        assert (got.result, got.body, got.status) == (LARGE, b"", 0)
        assert fetch(courier, authority, web.url, most=5000).result == OK


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 X\r\n" + b"A: " + b"a" * 90000 + b"\r\n\r\n",
                                    b"HTTP/1.1 200 X\r\n" + b"A: a\r\n" * 20000 + b"\r\n", b"<html>", b"",
                                    b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nshort"],
                         ids=["long-line", "many-lines", "no-http", "nothing", "short"])
def test_what_is_no_whole_answer_is_none(courier, authority, pair, answer):
    with Web(pair, lambda r: answer) as web:
        got = fetch(courier, authority, web.url)
        assert (got.result, got.body) == (DOWN, b"") and got.text


def test_who_is_slow_is_given_up_in_time_and_holds_nobody_else(courier, authority, pair):
    with Web(pair, lambda r: None) as slow, Web(pair, lambda r: (200, "text/plain", b"ok")) as web:
        serial = courier.keeper.send("fetch", patience_ms=1500, most=100, url=slow.url, authorities=authority.pem)
        begun = time.monotonic()
        assert fetch(courier, authority, web.url).result == OK
        assert time.monotonic() - begun < 1.4
        got = courier.keeper.expect("fetched", 10, serial)
        assert got.result == LATE and got.text


def test_a_certificate_of_somebody_else_another_name_or_another_time_is_not_believed(courier, authority, pair):
    other = pki.Authority("Other CA")
    for chosen, trusted in ((pair, other), (authority.issue("127.0.0.2"), authority), (authority.issue("127.0.0.1", days=0), authority),
                            (other.issue("127.0.0.1"), authority)):
        with Web(chosen, lambda r: (200, "text/plain", b"ok")) as web:
            got = fetch(courier, trusted, web.url)
            assert got.result == UNTRUSTED and not web.requests
    with Web(pair, lambda r: (200, "text/plain", b"ok")) as web:
        assert fetch(courier, authority, web.url, authorities="").result == UNTRUSTED
        assert fetch(courier, authority, web.url, authorities="nothing").result == UNTRUSTED
    other.close()


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://0.0.0.0/", "https://224.0.0.1/"])
def test_nobody_is_sent_where_credentials_of_clouds_lie(courier, authority, url):
    got = fetch(courier, authority, url)
    assert got.result == DOWN and b"no console may have" in got.text


def test_nobody_listens_and_no_such_name_are_down(courier, authority):
    assert fetch(courier, authority, f"https://127.0.0.1:{stack.free_port()}/").result == DOWN
    assert fetch(courier, authority, "https://nobody.invalid/").result == DOWN


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "file:///etc/passwd", "https://a@127.0.0.1/", "https://A.example/",
                                 "https://127.0.0.1:/", "https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://", "",
                                 "https://127.0.0.1/#a", "https://127.0.0.1/a b", "https://127.0.0.1\\@b.example/"])
def test_what_is_no_address_of_the_web_is_asked_by_no_keeper(authority, url):
    with Courier() as courier, pytest.raises(Closed):
        fetch(courier, authority, url)


def test_no_line_ends_inside_a_header(authority):
    for field in ("authorization", "accept", "type", "signature"):
        with Courier() as courier, pytest.raises(Closed):
            fetch(courier, authority, "https://127.0.0.1/", **{field: "a\r\nb: c"})


def test_slow_servers_leave_room_for_names(courier, authority, pair):
    with Web(pair, lambda r: None) as slow:
        serials = [courier.keeper.send("fetch", patience_ms=2000, most=100, url=slow.url, authorities=authority.pem)
                   for _ in range(12)]
        assert courier.keeper.ask("resolve", timeout=10, host="localhost").result == 0
        results = [courier.keeper.expect("fetched", 20, s).text for s in serials]
        assert sum(b"too many" in t for t in results) == 4
