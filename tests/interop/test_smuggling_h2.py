"""What comes in as HTTP/2 becomes one request in HTTP/1.1 or none: the table of malformed_h2.py, sent to
postern, nginx and HAProxy, each in front of a witness that reads with another parser."""
import collections

import pytest

import malformed_h2
from fronts import HAProxy, Nginx, survey

CASES = malformed_h2.cases()
Result = collections.namedtuple("Result", "status seen bad")


def fill(text, authority, number):
    return text.replace(b"{host}", authority.encode()).replace(b"{n}", b"%d" % number)


def send(front, number, case):
    fields = []
    for name, value in case.fields:
        fields += front.own_h2(number) if name == b"{own}" else [(fill(name, front.authority, number), fill(value, front.authority, number))]
    data = [fill(chunk, front.authority, number) for chunk in case.data]
    with front.connect_h2() as c:
        try:
            return c.ask(fields, data, case.trailers)
        except TimeoutError:
            return None


@pytest.fixture(scope="module")
def results():
    return {name: ([Result(status, witness.seen[i], witness.bad[i]) for i, status in enumerate(statuses)],
                   {i: fill(case.body, authority, i) for i, case in enumerate(CASES)})
            for name, (authority, statuses, witness) in survey(CASES, send).items()}


def problems(rows, wrong):
    return [f"{case.name}: {text}" for case, result in zip(CASES, rows) if (text := wrong(case, result))]


def test_what_is_malformed_reaches_nobody(results):
    def wrong(case, result):
        if case.good:
            return None
        if result.seen or result.bad:
            # A body that is not what its length says is found out after the head has left; the upstream
            # then must not have got a complete request.
            if result.bad and not result.seen and case.name.startswith(("content-length", "trailer", ":")):
                return None
            return f"an upstream saw {result.seen or result.bad}"
        refusal = result.status == 0 or (result.status and (400 <= result.status < 500 or result.status == 501))
        return None if refusal else f"answered {result.status}"
    found = problems(results["postern"][0], wrong)
    assert not found, "\n".join(found)


def test_what_is_good_arrives_once_and_unchanged(results):
    rows, bodies = results["postern"]

    def wrong(case, result):
        if not case.good:
            return None
        if result.status != 200 or result.bad or len(result.seen) != 1:
            return f"answered {result.status}; an upstream saw {result.seen} {result.bad}"
        want = bodies[CASES.index(case)]
        return None if result.seen[0][2] == want else f"the body arrived as {result.seen[0][2]!r}"
    found = problems(rows, wrong)
    assert not found, "\n".join(found)


def test_no_upstream_ever_sees_the_request_behind_the_request(results):
    found = problems(results["postern"][0], lambda case, r: any(b"smuggled" in target for target, _, _ in r.seen) and "smuggled")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("peer", [Nginx.name, HAProxy.name])
def test_gateways_of_other_makes_read_the_same_table(results, peer):
    """That the peers really ran, and that postern passes on nothing that both of them refuse."""
    theirs, _ = results[peer]
    bad = [i for i, c in enumerate(CASES) if not c.good]
    let = [i for i in bad if theirs[i].seen]
    print(f"\n{peer} passes {len(let)} of the {len(bad)} rows on that postern refuses")
    assert sum(1 for i, c in enumerate(CASES) if c.good and theirs[i].status == 200) > 150, f"{peer} did not serve"
    assert len(bad) - len(let) > 150, f"{peer} refused almost nothing"
