"""No two readers behind one another understand a request differently: the whole table of malformed.py,
sent to postern, and the same bytes to nginx and HAProxy, each in front of a witness with another parser."""
import collections
import socket
import ssl

import pytest

import malformed
from fronts import HAProxy, Nginx, survey

CASES = malformed.cases()
# After these the reader does not know where the next request begins.
ENDS = (400, 413, 414, 417, 431, 501, 505)
Result = collections.namedtuple("Result", "status closed seen bad")


def send(front, number, case, patience=6):
    """The first status (0: none) and whether the connection ended."""
    raw = case.raw.replace(b"{own}", front.own).replace(b"{host}", front.authority.encode()).replace(b"{n}", b"%d" % number)
    status = 0
    with front.connect() as c:
        c.sock.settimeout(0.5 if case.stalls else patience)
        try:
            c.send(raw)
        except OSError:
            pass  # refused before all of it was taken
        try:
            for _ in range(case.requests):
                answer = c.read()
                status = status or answer.status
            return status, status in ENDS and not c.fill()
        except (TimeoutError, socket.timeout):
            return status, False
        except (ssl.SSLError, OSError, ValueError, IndexError):
            return status, True


@pytest.fixture(scope="module")
def results():
    """Every row at every gateway, once."""
    return {name: [Result(*answer, witness.seen[i], witness.bad[i]) for i, answer in enumerate(answers)]
            for name, (_, answers, witness) in survey(CASES, send).items()}


def went_through(result):
    return bool(result.seen or result.bad)


def problems(results, wrong):
    return [f"{case.name}: {text}" for case, result in zip(CASES, results) if (text := wrong(case, result))]


def test_the_table_is_large_and_has_both_kinds():
    assert sum(1 for c in CASES if c.statuses) >= 600 and sum(1 for c in CASES if c.statuses is None) >= 200


def test_what_has_no_single_meaning_is_refused_and_reaches_nobody(results):
    def wrong(case, result):
        if not case.statuses or case.statuses >= {200}:
            return None
        if went_through(result):
            return f"an upstream saw {result.seen or result.bad}"
        return None if result.status in case.statuses else f"answered {result.status}, not one of {sorted(case.statuses)}"
    found = problems(results["postern"], wrong)
    assert not found, "\n".join(found)


def test_after_a_refusal_the_connection_ends(results):
    found = problems(results["postern"], lambda case, r: r.status in ENDS and not r.closed and "kept open")
    assert not found, "\n".join(found)


def test_what_is_good_arrives_once_and_unchanged(results):
    def wrong(case, result):
        if case.statuses is not None:
            return None
        if result.status != 200 or result.bad or len(result.seen) != case.requests:
            return f"answered {result.status}; an upstream saw {result.seen} {result.bad}"
        return None if result.seen[0][2] == case.body else f"the body arrived as {result.seen[0][2]!r}"
    found = problems(results["postern"], wrong)
    assert not found, "\n".join(found)


def test_no_upstream_ever_sees_the_request_behind_the_request(results):
    found = problems(results["postern"], lambda case, r: any(b"smuggled" in target for target, _, _ in r.seen) and "smuggled")
    assert not found, "\n".join(found)


def test_an_incomplete_request_waits_and_reaches_nobody(results):
    found = problems(results["postern"], lambda case, r: case.stalls and (went_through(r) or r.status) and f"answered {r.status}")
    assert not found, "\n".join(found)


def test_what_is_meant_for_one_hop_stays_there(results):
    hop = {b"upgrade", b"http2-settings", b"keep-alive", b"te", b"proxy-connection", b"proxy-authorization"}
    found = problems(results["postern"], lambda case, r: next((f"{name} arrived" for _, fields, _ in r.seen for name, _ in fields if name.lower() in hop), None))
    assert not found, "\n".join(found)


def test_trailers_do_not_become_headers(results):
    def wrong(case, result):
        names = [name.lower() for _, fields, _ in result.seen for name, _ in fields]
        return (case.name.startswith("trailer") and (names.count(b"host") > 1 or len(result.seen) > 1)) and f"seen as {names}"
    found = problems(results["postern"], wrong)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("peer", [Nginx.name, HAProxy.name])
def test_a_gateway_of_another_make_lets_more_through(results, peer):
    """That the peers really ran, and where they differ: postern passes nothing on that it should not, they do."""
    theirs, ours = results[peer], results["postern"]
    bad = [i for i, c in enumerate(CASES) if c.statuses and not c.statuses >= {200}]
    let = [i for i in bad if went_through(theirs[i])]
    print(f"\n{peer} passes {len(let)} of the {len(bad)} rows on that postern refuses")
    good = [i for i, c in enumerate(CASES) if c.statuses is None]
    assert sum(1 for i in good if theirs[i].status == 200) > len(good) * 0.8, f"{peer} did not serve"
    assert sum(1 for i in bad if not went_through(theirs[i])) > 300, f"{peer} refused almost nothing"
    # And nothing that postern takes for good is refused by both.
    assert not [CASES[i].name for i in bad if went_through(ours[i])]


def test_what_both_others_refuse_is_not_passed_on(results):
    both = [CASES[i].name for i, c in enumerate(CASES) if not c.stalls and went_through(results["postern"][i])
            and not went_through(results["nginx"][i]) and not went_through(results["HAProxy"][i])]
    assert not both, both
