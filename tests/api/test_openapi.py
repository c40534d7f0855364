"""api/openapi.yaml, and the service held to it by a tool of others: schemathesis makes questions of the schema, good
and bad ones, and compares every answer with it."""
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))

import stack as harness  # noqa: E402

PYTHON = TOP / "build/api-venv/bin/python"
pytestmark = [pytest.mark.timeout(400),
              pytest.mark.skipif(not PYTHON.exists(), reason="schemathesis could not be fetched")]
SECONDS = "240" if os.environ.get("POSTERN_LONG") else "40"


def test_the_description_is_valid():
    subprocess.run([PYTHON, "-m", "openapi_spec_validator", TOP / "api/openapi.yaml"], check=True)


@pytest.mark.parametrize("group", ["owners", "auditors"])
def test_the_service_answers_as_the_description_says(tmp_path, group):
    with harness.running(edges=1) as s:
        s.cli("user", "add", "robot", "--service", "--group", group)
        token = s.json("token", "add", "of-robot", "--owner", "robot", "--route", "portal")["token"]
        done = subprocess.run(
            [PYTHON, TOP / "tests/api/schemathesis_run.py", "--config-file", TOP / "tests/api/schemathesis.toml", "run",
             TOP / "api/openapi.yaml", "--url", s.portal, "--header", "Authorization: Bearer " + token,
             "--tls-verify", s.state / "tls/ca.crt", "--phases", "examples,coverage,fuzzing", "--max-examples", "8",
             "--max-time", SECONDS, "--rate-limit", "90/s", "--exclude-path", "/api/v1/events", "--warnings", "off",
             "--continue-on-failure", "--seed", "1", "--no-color", "--suppress-health-check", "all",
             "--generation-database", "none"],
            cwd=tmp_path, capture_output=True, text=True, timeout=380)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        # It was asked something, nobody died of it, and the first owner is still there.
        assert " 0 generated" not in done.stdout and "generated" in done.stdout, done.stdout[-2000:]
        log = s.log_path.read_text(errors="replace")
        assert "child_died" not in log and "killed" not in log, log[-3000:]
        assert s.json("group", "show", "owners")["members"]
