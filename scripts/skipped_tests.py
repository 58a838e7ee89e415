#!/usr/bin/env python3
"""Lists what CTest did not run, and GoogleTest cases that skipped themselves, by the reason given.

usage: skipped_tests.py JUNIT_XML
"""

import os
import re
import sys
import xml.etree.ElementTree as xml

# "file:line: Skipped", the reason's lines, an empty line, "[  SKIPPED ] Suite.Case".
GTEST_SKIP = re.compile(r": Skipped\n(.*?)\n*\[  SKIPPED \] (\S+) \(", re.S)


def skips(case):
    """Yields (reason, name) for a CTest entry; a GoogleTest binary is one entry with many cases."""
    name = case.get("name")
    output = (case.findtext("system-out") or "").strip()
    if case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
        reason = output.splitlines()[-1] if output else case.find("skipped").get("message", "?")
        yield reason.strip().removeprefix("skipped: "), name
        return
    for reason, gtest_case in dict.fromkeys(GTEST_SKIP.findall(output)):
        yield " ".join(reason.split()) or "no reason given", f"{name}: {gtest_case}"


def main(path):
    try:
        cases = list(xml.parse(path).getroot().iter("testcase"))
    except (OSError, xml.ParseError) as error:
        print(f"\nskipped tests: unknown ({error})")
        return
    by_reason = {}
    for case in cases:
        for reason, name in skips(case):
            by_reason.setdefault(reason, []).append(name)
    count = sum(map(len, by_reason.values()))
    print(f"\nskipped tests in {os.path.dirname(path)}: {count}")
    for reason, names in by_reason.items():
        print(f"  {reason}")
        for name in names:
            print(f"    {name}")


main(sys.argv[1])
