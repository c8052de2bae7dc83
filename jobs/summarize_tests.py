"""Prints why tests were skipped, and as last line `N passed, N failed, N skipped`.

usage: summarize_tests.py REPORT.xml

REPORT.xml is CTest's JUnit report. A test that could not be started counts as failed, although CTest lists it with the
skipped ones. Exits with 1 when a test failed or when there was none.
"""

import re
import sys
import xml.etree.ElementTree as xml


def outcome(test: xml.Element) -> str:
    """"passed", "failed" or "skipped"."""
    if test.get("status") == "run":
        return "passed"
    skipped = test.find("skipped")
    # CTest writes SKIP_RETURN_CODE or SKIP_REGULAR_EXPRESSION_MATCHED for a test that chose to be skipped.
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def skip_reason(test: xml.Element) -> str:
    """The line that a test printed about its own skip: ours of Python, else GoogleTest's after file and line."""
    output = test.findtext("system-out", "")
    match = re.search(r"^skipped: (.+)$", output, re.MULTILINE)
    match = match or re.search(r"^.*: Skipped\n(.+)$", output, re.MULTILINE)
    return match[1] if match else "no reason given"


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for test in xml.parse(sys.argv[1]).getroot().iter("testcase"):
        kind = outcome(test)
        counts[kind] += 1
        if kind == "skipped":
            print(f"skipped: {test.get('name')}: {skip_reason(test)}")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["failed"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
