"""Several consoles on one host, told apart by the prefix of their paths."""
import pathlib
import re
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Connection, Recorder, Stack, wait_for  # noqa: E402

CONFIG = """
routes:
  whole: {{host: tools.{host}, upstream: "{whole}"}}
  redis: {{host: tools.{host}, path: /redis, upstream: "{redis}", inject_basic_file: redis.secret}}
  deep: {{host: tools.{host}, path: /redis/ui, strip_path: true, upstream: "{deep}", inject_basic_file: deep.secret,
          title: Deep, start: /home}}
  lone: {{host: lone.{host}, path: /app, strip_path: true, upstream: "{redis}"}}
rules:
  - {{name: all, users: [paula], zones: [local], routes: [whole, redis, deep, lone]}}
  - {{name: some, users: [rita], zones: [local], routes: [redis]}}
  - {{name: narrow, users: [nora], zones: [local], routes: [deep], paths: [/redis/ui/a/**]}}
"""


def answers_as(name):
    """Says its name; below /stream without an end."""
    def handler(_, sock, head, rest):
        if b"/stream " not in head.split(b"\r\n")[0]:
            sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())
            return rest
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"4\r\ntick\r\n")
            time.sleep(0.05)
    return handler


@pytest.fixture(scope="module")
def site():
    consoles = {name: Recorder(handler=answers_as(name)) for name in ("whole", "redis", "deep")}
    with Stack(edges=1, extra_yaml=CONFIG.format(host="postern.localhost",
                                                 **{n: c.url for n, c in consoles.items()})) as s:
        s.secret("redis.secret", "r:edis")
        s.secret("deep.secret", "d:eep")
        s.consoles = consoles
        s.start()
        yield s
    for console in consoles.values():
        console.close()


def at(site, path, host="tools"):
    return f"https://{host}.{site.host}:{site.port}{path}"


@pytest.fixture(scope="module")
def paula(site):
    who = site.user("paula")
    answer, url = who.open(at(site, "/redis/first?x=1"))
    assert answer.body == b"redis" and url == at(site, "/redis/first?x=1")
    return who


def test_the_longest_prefix_of_the_canonical_path_wins(site, paula):
    """One login serves every console of the host; who asks for /x/../redis is at redis."""
    for path, console in (("/", "whole"), ("/redisx", "whole"), ("/redis", "redis"), ("/redis/", "redis"),
                          ("/x/../redis/y", "redis"), ("//redis//y", "redis"), ("/%72edis/y", "redis"),
                          ("/redis;jsessionid=1/y", "redis"), ("/redis/ui/", "deep"), ("/redis/uix", "redis"),
                          ("/redis/ui/../x", "redis"), ("/Redis", "whole")):
        answer = paula.get(at(site, path))
        assert (answer.status, answer.body) == (200, console.encode()), (path, answer)


def test_each_console_gets_its_own_credential_and_only_that(site, paula):
    for path, console, secret in (("/redis/c", "redis", b"cjplZGlz"), ("/redis/ui/c", "deep", b"ZDplZXA="),
                                  ("/c", "whole", None)):
        assert paula.get(at(site, path)).body == console.encode()
        head = site.consoles[console].requests[-1]
        sent = re.search(rb"(?im)^authorization: Basic (\S+)", head)
        assert (sent.group(1) if sent else None) == secret, head


def test_a_stripped_prefix_is_gone_upstream_and_told_in_a_header(site, paula):
    for path, target in (("/redis/ui/a;v=1/b%41?q=/c", b"/a;v=1/b%41?q=/c"), ("/redis/ui/", b"/"),
                         ("/redis/ui/redis/ui/x", b"/redis/ui/x")):
        answer = paula.get(at(site, path), headers=[("X-Forwarded-Prefix", "/evil"), ("X_Forwarded_Prefix", "/evil")])
        assert answer.body == b"deep", answer
        head = site.consoles["deep"].requests[-1]
        assert head.split(b" ")[1] == target, head
        assert b"evil" not in head and head.lower().count(b"x-forwarded-prefix: /redis/ui") == 1, head
    assert paula.get(at(site, "/redis/plain")).body == b"redis"
    assert b"x-forwarded-prefix" not in site.consoles["redis"].requests[-1].lower()


def test_a_path_that_cannot_be_shortened_with_one_meaning_is_refused(site, paula):
    before = len(site.consoles["deep"].requests)
    for path in ("/redis/ui/../ui/x", "/redis/./ui/x", "//redis/ui/x", "/redis/%75i/x", "/redis/ui;a=1/x",
                 "/redis/ui/a/../../ui/x"):
        answer = paula.get(at(site, path))
        assert answer.status == 400, (path, answer)
    assert len(site.consoles["deep"].requests) == before


def test_the_place_itself_leads_below_the_prefix(site, paula):
    answer = paula.get(at(site, "/redis/ui?x=1"))
    assert answer.status == 308 and answer.get("location") == "/redis/ui/?x=1", answer


def test_each_console_of_a_host_has_rules_of_its_own(site):
    rita = site.user("rita")
    answer, _ = rita.open(at(site, "/redis/x"))
    assert answer.body == b"redis"
    for path in ("/", "/redis/ui/x", "/x"):
        assert rita.get(at(site, path)).status == 403, path
    # The rules see the whole path, whatever the console gets.
    nora = site.user("nora")
    assert nora.open(at(site, "/redis/ui/a/b"))[0].body == b"deep"
    assert nora.get(at(site, "/redis/ui/b")).status == 403
    assert nora.get(at(site, "/redis/a/b")).status == 403
    told = site.json("explain", "--user", "rita", "--url", at(site, "/redis/ui/x"), "--source", "127.0.0.1")
    assert told["route"] == "deep" and told["verdict"] == "deny", told
    told = site.json("explain", "--user", "rita", "--url", at(site, "/redis/uix"), "--source", "127.0.0.1")
    assert told["route"] == "redis" and told["verdict"] == "allow", told


def test_nothing_is_moved_from_one_console_to_another(site, paula):
    for target, status in (("/redis/b", 200), ("/redis/ui/b", 403), ("/b", 403), ("/redis/../b", 403)):
        answer = paula.request("MOVE", at(site, "/redis/a"), navigate=False,
                               headers=[("Destination", at(site, target)), ("Sec-Fetch-Site", "same-origin")])
        assert answer.status == status, (target, answer)


def test_the_destination_of_a_move_loses_the_prefix_too(site, paula):
    def move(target):
        return paula.request("MOVE", at(site, "/redis/ui/a"), navigate=False,
                             headers=[("Destination", at(site, target)), ("Sec-Fetch-Site", "same-origin")]).status
    assert move("/redis/ui/b") == 200
    assert b"\r\nDestination: /b\r\n" in site.consoles["deep"].requests[-1] + b"\r\n"
    assert move("/redis/ui/../ui/b") == 400 and move("/redis/b") in (400, 403)


def test_a_host_without_a_console_for_a_path_says_so_and_still_logs_in(site):
    assert site.anonymous("GET", at(site, "/elsewhere", "lone")).status == 404
    who = site.user("paula2")
    answer = site.anonymous("GET", at(site, "/app/x", "lone"))
    assert answer.status == 303, answer
    refused, _ = who.open(at(site, "/app/x", "lone"))
    assert refused.status == 403, refused


def test_a_tile_opens_its_start_below_the_prefix(site, paula):
    answer = paula.get(site.portal + "/api/v1/me/consoles")
    assert at(site, "/redis/ui/home") in [c["url"] for c in answer.json()["consoles"]], answer.text


def test_the_command_line_puts_a_console_below_a_prefix(site, paula):
    site.cli("route", "add", "late", site.consoles["whole"].url, "--host", f"tools.{site.host}", "--path", "/late",
             "--strip-path", "--allow", "user:paula@local")
    assert site.cli("url", "late").strip() == at(site, "/late")
    assert paula.get(at(site, "/late/x")).body == b"whole"
    assert site.consoles["whole"].requests[-1].startswith(b"GET /x ")
    twice = site.cli("route", "add", "later", site.consoles["whole"].url, "--host", f"tools.{site.host}", "--path",
                     "/late", check=False)
    assert twice.returncode != 0 and 'the one of route "late"' in twice.stderr, twice
    site.cli("route", "remove", "late", "--force")
    wait_for(lambda: paula.get(at(site, "/late/x")).body == b"whole")
    assert site.consoles["whole"].requests[-1].startswith(b"GET /late/x ")


def open_stream(site, who, path):
    """A response that has begun and does not end."""
    jar = who.jar[f"tools.{site.host}"]
    c = Connection(site, f"tools.{site.host}")
    c.send(f"GET {path} HTTP/1.1\r\nHost: tools.{site.host}:{site.port}\r\nSec-Fetch-Site: same-origin\r\nCookie: "
           .encode() + "; ".join(f"{k}={v}" for k, v in jar.items()).encode() + b"\r\n\r\n")
    answer = c.read(head_only=True)
    assert answer.status == 200, answer
    return c


def runs(c, seconds=0.5):
    """Bytes still come."""
    c.sock.settimeout(20)
    c.buffer = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if not c.fill():
                return False
        except OSError:
            return False
    return bool(c.buffer)


def ends(c):
    c.sock.settimeout(20)
    try:
        while c.fill():
            c.buffer = b""
    except OSError:
        pass
    return True


def test_a_route_that_goes_ends_its_own_streams_only(site, paula):
    """And what lies below its prefix falls to the next shorter one."""
    text = site.config.read_text()
    redis, deep, whole = (open_stream(site, paula, p) for p in ("/redis/stream", "/redis/ui/stream", "/stream"))
    try:
        site.config.write_text(re.sub(r"(?s)  deep: .*?/home\}\n", "", text)
                               .replace("routes: [whole, redis, deep, lone]", "routes: [whole, redis, lone]")
                               .replace("routes: [deep]", "routes: [redis]"))
        site.cli("reload")
        assert ends(deep) and runs(redis) and runs(whole)
        assert paula.get(at(site, "/redis/ui/x")).body == b"redis"
        # A rule that goes concerns its own console only.
        site.config.write_text(text.replace("users: [paula], zones: [local], routes: [whole, redis, deep, lone]",
                                            "users: [paula], zones: [local], routes: [whole, deep, lone]"))
        site.cli("reload")
        assert ends(redis) and runs(whole)
        assert paula.get(at(site, "/redis/x")).status == 403 and paula.get(at(site, "/redis/ui/x")).body == b"deep"
    finally:
        site.config.write_text(text)
        site.cli("reload")
        for c in (redis, deep, whole):
            c.close()
    assert paula.get(at(site, "/redis/x")).body == b"redis"


def test_removing_a_console_of_the_store_ends_its_streams_and_no_others(site, paula):
    site.cli("route", "add", "brief", site.consoles["redis"].url, "--host", f"tools.{site.host}", "--path", "/brief",
             "--allow", "user:paula@local")
    brief, redis = open_stream(site, paula, "/brief/stream"), open_stream(site, paula, "/redis/stream")
    site.cli("route", "remove", "brief", "--force")
    assert ends(brief) and runs(redis)
    brief.close()
    redis.close()


def test_a_console_put_below_another_takes_over_from_then_on(site, paula):
    """What was open below its prefix was admitted to another console, and ends."""
    below, beside = open_stream(site, paula, "/redis/new/stream"), open_stream(site, paula, "/redis/stream")
    site.cli("route", "add", "new", site.consoles["whole"].url, "--host", f"tools.{site.host}", "--path", "/redis/new",
             "--allow", "user:paula@local")
    assert ends(below) and runs(beside)
    assert paula.get(at(site, "/redis/new/x")).body == b"whole"
    site.cli("route", "remove", "new", "--force")
    below.close()
    beside.close()
