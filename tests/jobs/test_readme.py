"""What README.md tells a newcomer to type."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])
README = (ROOT / "README.md").read_text(encoding="utf-8")


class ReadmeTest(unittest.TestCase):
    def test_the_program_accepts_the_first_configuration(self):
        (first,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
        self.assertLessEqual(len(first.splitlines()), 10)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "first.toml"
            config.write_text(first)
            (config.parent / "mnist-sample").symlink_to(ROOT / "inputs" / "mnist-sample")
            planned = subprocess.run([os.environ["NTKFLOW_PROGRAM"], "plan", config], capture_output=True, text=True)
            self.assertEqual(planned.returncode, 0, planned.stdout + planned.stderr)

    def test_the_files_it_names_are_there(self):
        for path in set(re.findall(r"(?:jobs|tests)/[\w/.-]+\.\w+|inputs/(?:fetch_mnist\.sh|mnist-sample)", README)):
            self.assertTrue((ROOT / path).exists(), path)
        for config in set(re.findall(r"`([\w-]+\.toml)`", README)):
            self.assertTrue((ROOT / "inputs" / config).exists(), config)
