import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import stack as harness  # noqa: E402


class Tomcat:
    """A real Tomcat 10 with its Manager, on loopback."""

    def __init__(self, directory):
        self.base = directory / "tomcat"
        self.port = harness.free_port()
        tool = str(harness.TOP / "demo/tomcat")
        subprocess.run([tool, "make", str(self.base), str(self.port)], check=True)
        self.log = open(directory / "tomcat.log", "wb")
        self.process = subprocess.Popen([tool, "run", str(self.base)], stdout=self.log, stderr=self.log)
        self.secret = (self.base / "manager.secret").read_text()
        harness.wait_for(self.up, 60)

    def up(self):
        import http.client
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            c.request("GET", "/manager/html")
            return c.getresponse().status == 401
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="session")
def tomcat(tmp_path_factory):
    t = Tomcat(tmp_path_factory.mktemp("tomcat"))
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
