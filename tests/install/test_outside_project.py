"""The installed package, as a project outside sees it: found, linked and run."""

import os
import pathlib
import subprocess
import tempfile
import unittest

CMAKE = os.environ["CMAKE"]
OUTSIDE = pathlib.Path(__file__).parent / "outside"


class OutsideProjectTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.prefix = cls.folder / "prefix"
        subprocess.run(
            [CMAKE, "--install", os.environ["NTKFLOW_BUILD_DIR"], "--prefix", cls.prefix],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def configure(self, build: str, *arguments: str) -> subprocess.CompletedProcess:
        compiler = [
            f"-DCMAKE_C_COMPILER={os.environ['C_COMPILER']}",
            f"-DCMAKE_CXX_COMPILER={os.environ['CXX_COMPILER']}",
        ]
        if os.environ["NTKFLOW_SANITIZE"] == "1":
            compiler.append("-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined")
        command = [CMAKE, "-G", os.environ["GENERATOR"], "-S", OUTSIDE, "-B", self.folder / build, *compiler]
        return subprocess.run([*command, *arguments], capture_output=True, text=True)

    def test_builds_and_runs(self):
        configured = self.configure("build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertEqual(configured.returncode, 0, configured.stdout + configured.stderr)
        self.assertNotIn("Warning", configured.stderr)
        built = subprocess.run([CMAKE, "--build", self.folder / "build"], capture_output=True, text=True)
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        ran = subprocess.run(
            [os.environ["MPIEXEC"], "-n", "2", self.folder / "build" / "outside"], capture_output=True, text=True
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        # One hidden layer, d = 1, |x| = 1, sigma_w^2 = 2, no bias: q1 = q2 = 2, derivative dual 1/2, NTK = 2 + 2 * 2/2.
        self.assertEqual(ran.stdout.splitlines(), ["2 4", "2 4"])

    def test_is_not_found_without_the_prefix(self):
        configured = self.configure("nowhere")
        self.assertNotEqual(configured.returncode, 0)
        self.assertIn("ntkflow", configured.stderr)

    def test_installs_nothing_of_the_build_or_source_folder(self):
        for file in self.prefix.rglob("*.cmake"):
            text = file.read_text()
            self.assertNotIn(os.environ["NTKFLOW_BUILD_DIR"], text, file)
            self.assertNotIn(os.environ["NTKFLOW_SOURCE_DIR"] + "/", text, file)
