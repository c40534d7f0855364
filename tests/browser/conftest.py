import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import stack as harness  # noqa: E402

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    tomcat = harness.Tomcat(tmp_path_factory.mktemp("tomcat"))
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.secret("tomcat.secret", tomcat.secret)
        s.cli("route", "add", "tomcat", tomcat.url, "--inject-basic-file", "tomcat.secret", "--title",
              "Tomcat Manager", "--start", "/manager/html", "--allow", "group:owners@local")
        yield s
    finally:
        s.close()
        tomcat.close()


@contextlib.contextmanager
def chromium(site, preferences, certificate=None):
    """A real Chromium that trusts the local authority and nothing else; certificate errors are errors.
    certificate: a PKCS#12 and its passphrase, of the person."""
    home = tempfile.mkdtemp(prefix="postern-browser-")
    database = pathlib.Path(home) / ".pki/nssdb"
    database.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    subprocess.run(["certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "postern", "-i",
                    str(site.state / "tls/ca.crt")], check=True)
    if certificate:
        subprocess.run(["pk12util", "-d", f"sql:{database}", "-i", str(certificate[0]), "-W", certificate[1], "-K", ""],
                       check=True, capture_output=True)
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", "--window-size=1100,900", f"--user-data-dir={home}/profile"):
        options.add_argument(word)
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service("/usr/bin/chromedriver", env={**harness.os.environ, "HOME": home})
    driver = webdriver.Chrome(service=service, options=options)
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser(site):
    with chromium(site, {}) as driver:
        yield driver


@pytest.fixture(scope="module")
def blocking(site):
    """A browser that takes no cookie from anybody."""
    with chromium(site, {"profile.default_content_setting_values.cookies": 2}) as driver:
        yield driver
