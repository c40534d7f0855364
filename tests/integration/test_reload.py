"""Changing a running service: the file, the certificate, its consoles; and what must not notice."""
import re
import signal
import ssl
import subprocess
import time

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.admin = s.owner()
        s.original = s.config.read_text()
        yield s
    finally:
        s.close()


@pytest.fixture(autouse=True)
def original_file(site):
    yield
    site.config.write_text(site.original)
    site.cli("reload")


def shown_fingerprint(site):
    with Connection(site, site.host, context=insecure()) as c:
        return ssl.DER_cert_to_PEM_cert(c.sock.getpeercert(True))


def insecure():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_wrong_file_is_refused_with_every_error_and_nothing_changes(site):
    before = site.doctor()
    site.config.write_text(site.original.replace("portal:", "portl:") +
                           "\nzones: {office: [10.0.0.1/8]}\nlimits: {conections: 5}\nlimits: {}\n")
    done = site.cli("reload", check=False)
    assert done.returncode == 1
    for part in (r"postern\.yaml:\d+: .*portl.*portal", r"10\.0\.0\.1/8", r"conections.*connections", r"limits"):
        assert re.search(part, done.stderr), (part, done.stderr)
    assert "goes on unchanged" in done.stderr
    after = site.doctor()
    assert [p["pid"] for p in after["processes"]] == [p["pid"] for p in before["processes"]]
    assert after["snapshot"] == before["snapshot"]
    assert site.anonymous("GET", site.portal + "/healthz").status == 200
    check = site.cli("check", check=False)
    assert check.returncode == 1 and "portl" in check.stderr + check.stdout


def test_a_right_file_adds_a_console_and_streams_of_others_go_on(site):
    def drip(r, sock, head, data):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(400):
            sock.sendall(b"1\r\nx\r\n")
            time.sleep(0.01)
        sock.sendall(b"0\r\n\r\n")
        return data
    up, more = Recorder(handler=drip), Recorder()
    try:
        site.cli("route", "add", "drip", up.url, "--allow", "group:owners@local")
        who = site.admin
        step = who.get(site.console_url("drip", "/"))
        if "/handover" in step.get("location"):
            answer = who.login()
            assert answer.status == 303
            step = who.get(site.console_url("drip", "/"))
        step = who.get(step.get("location"))
        step = who.get(step.get("location"))
        host = f"drip.{site.host}"
        cookie = "; ".join(f"{k}={v}" for k, v in who.jar[host].items())
        with Connection(site, host) as c:
            c.send(f"GET / HTTP/1.1\r\nHost: {host}:{site.port}\r\nCookie: {cookie}\r\n"
                   "Sec-Fetch-Site: same-origin\r\n\r\n".encode())
            site.config.write_text(site.original + f"""
routes: {{filed: {{host: filed.{site.host}, upstream: "{more.url}"}}}}
rules: [{{name: filed, groups: [owners], zones: [local], routes: [filed]}}]
""")
            assert "in force" in site.cli("reload")
            assert site.json("route", "show", "filed")["origin"] == "file"
            refused = site.cli("route", "remove", "filed", check=False)
            assert refused.returncode == 1 and "configuration file" in refused.stderr
            got = c.read()
            assert got.complete and got.body == b"x" * 400, "the stream of an unchanged route went on"
        answer, _ = who.open(site.console_url("filed", "/"))
        assert answer.status == 200 and more.connections > 0
        site.config.write_text(site.original)
        site.cli("reload")
        assert who.get(site.console_url("filed", "/")).status == 421
    finally:
        site.cli("route", "remove", "drip", "--force", check=False)
        up.close()
        more.close()


def test_a_new_certificate_is_shown_after_sighup_and_a_bad_one_changes_nothing(site):
    tls = site.state / "tls"
    old = shown_fingerprint(site)
    subprocess.run([str(harness.LIBEXEC / "postern-signer"), "--renew", "--tls-dir", str(tls)], check=True,
                   capture_output=True)
    site.process.send_signal(signal.SIGHUP)
    new = wait_for(lambda: (now := shown_fingerprint(site)) != old and now, 10, every=0.1)
    assert new.replace("\n", "") == re.search(r"-----BEGIN.*?-----END CERTIFICATE-----\n?", (tls / "server.crt").read_text(),
                                              re.S).group(0).replace("\n", "")
    good = (tls / "server.crt").read_text()
    (tls / "server.crt").write_text("not a certificate\n")
    done = site.cli("reload", check=False)
    assert done.returncode == 1 and done.stderr
    assert shown_fingerprint(site) == new
    (tls / "server.crt").write_text(good)
    site.cli("reload")


def test_sessions_resume_on_another_edge_with_one_ticket_each(site):
    """openssl's client keeps a ticket and comes back until a different edge has resumed it."""
    session = site.dir / "session.pem"
    base = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", site.host, "-tls1_3",
            "-CAfile", str(site.state / "tls/ca.crt")]
    ask = f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nConnection: close\r\n\r\n"
    first = subprocess.run([*base, "-sess_out", str(session), "-ign_eof"], input=ask, capture_output=True, text=True)
    assert "New, TLSv1.3" in first.stdout and first.stdout.count("New Session Ticket arrived") == 1, first.stdout

    def handshakes():
        return {p["pid"]: int(p["status"]["handshakes"]) for p in site.doctor()["processes"] if p["role"] == "edge"}
    before = handshakes()
    resumed = 0
    for _ in range(24):
        again = subprocess.run([*base, "-sess_in", str(session), "-ign_eof"], input=ask, capture_output=True, text=True)
        resumed += "Reused, TLSv1.3" in again.stdout
    assert resumed == 24
    after = handshakes()
    assert sum(after[p] > before.get(p, 0) for p in after) == 2, "both edges took part"
    for old in ("-tls1_2", "-tls1_1"):
        words = [w for w in base if w != "-tls1_3"] + [old]
        refused = subprocess.run(words, input="", capture_output=True, text=True)
        assert "alert" in refused.stderr or refused.returncode != 0


def test_a_second_service_on_the_same_state_is_refused(site):
    done = subprocess.run([str(harness.LIBEXEC / "postern"), "serve", "--config", str(site.config)], env=site.env,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and done.stderr
    assert site.anonymous("GET", site.portal + "/healthz").status == 200
