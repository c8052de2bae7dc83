"""Every shell script of the project parses, and shellcheck has nothing to say where it is installed."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])


def scripts() -> list:
    found = [ROOT / ".ci" / "run", *ROOT.glob("jobs/*.sbatch")]
    for folder in ("jobs", "inputs", "tests"):
        found += (ROOT / folder).rglob("*.sh")
    return sorted(found)


def parses(script: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run(["bash", "-n", script], capture_output=True, text=True)


class ShellSyntaxTest(unittest.TestCase):
    def test_scripts_parse(self):
        self.assertGreaterEqual(len(scripts()), 8)
        for script in scripts():
            with self.subTest(script=script):
                self.assertEqual(parses(script).returncode, 0, parses(script).stderr)

    def test_a_broken_script_does_not_parse(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as broken:
            broken.write("if true; then\n")
            broken.flush()
            self.assertNotEqual(parses(pathlib.Path(broken.name)).returncode, 0)

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_is_content(self):
        # SC1091: sourced files are checked on their own.
        done = subprocess.run(
            ["shellcheck", "--exclude=SC1091", *scripts()], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
