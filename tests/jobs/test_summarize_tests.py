"""The closing line of jobs/test.sh, on small reports of CTest."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUMMARIZE = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"]) / "jobs" / "summarize_tests.py"
PASSED = '<testcase name="p" status="run"/>'
FAILED = '<testcase name="f" status="fail"><failure message=""/></testcase>'
NOT_STARTED = '<testcase name="n" status="notrun"><skipped message="Unable to find executable"/></testcase>'
SKIPPED = (
    '<testcase name="s" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
    "<system-out>t.cpp:3: Skipped\nno data\n</system-out></testcase>"
)
SKIPPED_PYTHON = (
    '<testcase name="t" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
    "<system-out>OK\nskipped: no slurmctld\n</system-out></testcase>"
)


def summarize(*tests: str) -> subprocess.CompletedProcess:
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as report:
        report.write(f"<testsuite>{''.join(tests)}</testsuite>")
        report.flush()
        return subprocess.run([sys.executable, SUMMARIZE, report.name], capture_output=True, text=True)


class SummarizeTestsTest(unittest.TestCase):
    def test_counts(self):
        done = summarize(PASSED, PASSED, SKIPPED)
        self.assertEqual(done.stdout.splitlines()[-1], "2 passed, 0 failed, 1 skipped")
        self.assertEqual(done.returncode, 0)

    def test_fails_on_a_failed_test_and_on_one_that_could_not_start(self):
        for bad in (FAILED, NOT_STARTED):
            done = summarize(PASSED, bad, SKIPPED)
            self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 1 failed, 1 skipped")
            self.assertEqual(done.returncode, 1)

    def test_fails_without_any_test(self):
        self.assertEqual(summarize().returncode, 1)

    def test_gives_the_reason_of_a_skip(self):
        self.assertEqual(summarize(SKIPPED).stdout.splitlines()[0], "skipped: s: no data")
        self.assertEqual(summarize(SKIPPED_PYTHON).stdout.splitlines()[0], "skipped: t: no slurmctld")
