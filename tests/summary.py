#!/usr/bin/env python3
"""Adds up what the test runners wrote and ends with one line: N passed, N failed."""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
where = pathlib.Path(sys.argv[1])

for log in sorted(where.glob("*.json")):
    for line in log.read_text(errors="replace").splitlines():
        case = json.loads(line)
        out = case.get("stdout", "") + case.get("stderr", "")
        # cmocka tells its own numbers; anything else counts as one test.
        ok = [int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", out)]
        bad = [int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", out)]
        if case["result"] in ("OK", "EXPECTEDFAIL"):
            passed += sum(ok) or 1
        elif case["result"] == "SKIP":
            skipped += 1
        else:
            passed += sum(ok)
            failed += max(sum(bad), 1)
            print(f"failed: {log.stem}: {case['name']}")

for report in sorted(where.glob("*.xml")):
    for case in xml.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"failed: {report.stem}: {case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"skipped: {report.stem}: {case.get('name')}: {case.find('skipped').get('message')}")
        else:
            passed += 1

if passed + failed == 0:
    failed = 1
    print("no test ran")
tail = f", {skipped} skipped" if skipped else ""
print(f"{passed} passed, {failed} failed{tail}")
sys.exit(1 if failed else 0)
