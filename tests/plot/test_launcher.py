"""ntkflow-plot from the build tree, from an installation, and by a Python that lacks what it needs."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import numpy as np
import support

CMAKE = os.environ["CMAKE"]
SYSTEM_PYTHON = "/usr/bin/python3"
MODULES = "import h5py, matplotlib, numpy, tomllib"
SYSTEM_HAS_MODULES = (
    os.access(SYSTEM_PYTHON, os.X_OK)
    and subprocess.run([SYSTEM_PYTHON, "-c", MODULES], stderr=subprocess.DEVNULL).returncode == 0
)


class LauncherTest(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.result(dynamics__time=np.array([1.0, 2.0]), dynamics__test_loss=np.array([1.0, 0.5]))

    def assert_draws(self, program, **options):
        done = support.launch(self.file, program=program, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"{self.folder}/result-figures/losses.png\n")

    def bare_python(self) -> pathlib.Path:
        """A Python without any packages."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / "bare"], check=True)
        return self.folder / "bare" / "bin"

    def test_lies_beside_the_program_in_the_build_tree(self):
        self.assert_draws(pathlib.Path(os.environ["NTKFLOW_PROGRAM"]).parent / "ntkflow-plot")

    def test_lies_beside_the_program_when_installed_and_can_be_moved(self):
        command = [CMAKE, "--install", os.environ["NTKFLOW_BUILD_DIR"], "--prefix", self.folder / "prefix"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        moved = shutil.move(self.folder / "prefix", self.folder / "moved")
        self.assertTrue((moved / "bin" / "ntkflow").exists())
        self.assert_draws(moved / "bin" / "ntkflow-plot")
        installed = {path.name for path in (moved / "share" / "ntkflow" / "plot" / "ntkflow_plot").glob("*.py")}
        self.assertEqual(installed, {path.name for path in (support.PLOT.parent / "ntkflow_plot").glob("*.py")})

    @unittest.skipUnless(SYSTEM_HAS_MODULES, "the system's own Python lacks h5py or matplotlib")
    def test_the_system_python_takes_over(self):
        path = f"{self.bare_python()}:{os.environ['PATH']}"
        self.assert_draws(support.PLOT, prefix=(), PATH=path)

    def test_names_what_is_missing(self):
        # First on the path of every Python: a package that is there and broken.
        (self.folder / "h5py.py").write_text("raise ImportError\n")
        done = support.launch(self.file, PYTHONPATH=str(self.folder))
        self.assert_refused(done, 1, "has no h5py;", "apt-get install python3-h5py python3-matplotlib")

    def test_can_be_left_out(self):
        build = self.folder / "build"
        command = [CMAKE, "-G", os.environ["GENERATOR"], "-S", support.SOURCE, "-B", build, "-DNTKFLOW_WITH_PLOT=OFF"]
        compilers = [
            f"-DCMAKE_C_COMPILER={os.environ['C_COMPILER']}",
            f"-DCMAKE_CXX_COMPILER={os.environ['CXX_COMPILER']}",
        ]
        without = ["-DNTKFLOW_BUILD_TESTS=OFF", "-DNTKFLOW_BUILD_BENCHMARKS=OFF"]
        subprocess.run([*command, *compilers, *without], check=True, capture_output=True)
        self.assertFalse((build / "src" / "app" / "ntkflow-plot").is_symlink())
        self.assertNotIn("ntkflow-plot", (build / "cmake_install.cmake").read_text())
        subprocess.run([CMAKE, "-DNTKFLOW_WITH_PLOT=ON", build], check=True, capture_output=True)
        self.assertTrue((build / "src" / "app" / "ntkflow-plot").is_symlink())
        self.assertIn("ntkflow-plot", (build / "cmake_install.cmake").read_text())
