import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pki  # noqa: E402
import stack as harness  # noqa: E402


@pytest.fixture(scope="session")
def tomcat(tmp_path_factory):
    t = harness.Tomcat(tmp_path_factory.mktemp("tomcat"))
    yield t
    t.close()


@pytest.fixture(scope="module")
def stack():
    s = harness.Stack(edges=2)
    try:
        s.start()
        yield s
        s.stop()
    finally:
        s.close()


@pytest.fixture(scope="module")
def owner(stack):
    return stack.owner()


@pytest.fixture
def recorder(stack):
    """A recording upstream with a route and a rule of its own."""
    r = harness.Recorder()
    name = f"rec{r.port}"
    stack.cli("route", "add", name, r.url, "--allow", "group:owners@local")
    r.name = name
    yield r
    stack.cli("route", "remove", name, "--force")
    r.close()


@pytest.fixture(scope="module")
def authority():
    a = pki.Authority()
    yield a
    a.close()


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("127.0.0.1")
