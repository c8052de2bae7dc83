"""What cannot be drawn ends with one line and the exit code of its kind, never with a traceback."""

import os
import subprocess
import unittest
import unittest.mock

import h5py
import numpy as np
import support

LOSS = {"dynamics__time": np.array([1.0, 2.0]), "dynamics__test_loss": np.array([1.0, 0.5])}


class ErrorsTest(support.Case):
    def test_usage(self):
        for arguments in ((), ("a.h5", "--format", "pdf"), ("a.h5", "--colour"), ("a.h5", "b.h5")):
            with self.subTest(arguments):
                self.assert_refused(support.plot(*arguments), 2, "see ntkflow-plot --help")
        self.assert_refused(support.plot("a.h5", "--format", "pdf"), 2, "'pdf'", "'png', 'svg'")

    def test_from_the_command_line(self):
        """The line and the code reach the shell."""
        self.assert_refused(support.launch(self.folder / "missing.h5"), 3, "No such file")
        self.assert_refused(support.launch("a.h5", "--format", "pdf"), 2, "'pdf'")

    def test_help(self):
        done = support.plot("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--format {png,svg}", done.stdout)

    def test_missing_file(self):
        missing = self.folder / "missing.h5"
        self.assert_refused(support.plot(missing), 3, str(missing), "No such file")
        self.assertFalse((self.folder / "missing-figures").exists())
        self.assert_refused(support.plot(self.folder), 3, "Is a directory")

    def test_files_of_another_kind(self):
        text = self.folder / "text.h5"
        text.write_text("not HDF5\n")
        self.assert_refused(support.plot(text), 3, "is not an HDF5 file")
        other = self.folder / "other.h5"
        with h5py.File(other, "w") as file:
            file["x"] = 1.0
        self.assert_refused(support.plot(other), 3, "is not a result file of ntkflow")

    def test_cut_off_file(self):
        file = self.result(**LOSS)
        file.write_bytes(file.read_bytes()[:-500])
        self.assert_refused(support.plot(file), 3, "is not an HDF5 file, or is damaged")

    def test_partial_result(self):
        self.assert_refused(support.plot(self.result(status="partial", **LOSS)), 3, "not a complete result", "partial")

    def test_newer_layout(self):
        file = self.result(**LOSS)
        with h5py.File(file, "a") as opened:
            opened.attrs["format_version"] = "2.0"
        self.assert_refused(support.plot(file), 3, "layout version 2.0", "reads 1.x")

    def test_nothing_to_draw(self):
        self.assert_refused(support.plot(self.result(timing__seconds=np.ones(3))), 3, "holds nothing that can be drawn")

    def test_parts_that_do_not_fit(self):
        file = self.result(dynamics__time=np.ones(3), dynamics__test_loss=np.ones(5))
        self.assert_refused(support.plot(file), 3, "cannot be drawn as losses")
        file = self.result(dynamics__time=np.ones((3, 3)), dynamics__test_loss=np.ones(3))
        self.assert_refused(support.plot(file), 3, "/dynamics/time has 2 axes, not 1")
        file = self.result(experiment="width-scaling", experiment__width=np.ones(3))
        self.assert_refused(support.plot(file), 3, "has no data set /experiment/quantity_name")
        file = self.result(config="[data", **support.posterior(np.random.default_rng(0), 5, 1))
        self.assert_refused(support.plot(file), 3, "the stored configuration cannot be read")

    def test_figures_that_fail_when_they_are_written(self):
        arrays = support.kernel_convergence(np.random.default_rng(0)) | support.claims(2500)
        file = self.result(experiment="kernel-convergence", **arrays)  # higher than a picture can be
        self.assert_refused(support.plot(file), 3, "cannot be drawn as kernel-convergence", "too large")
        with unittest.mock.patch("matplotlib.figure.Figure.savefig", side_effect=MemoryError):
            self.assert_refused(support.plot(self.result(**LOSS)), 3, "cannot be drawn as losses: MemoryError")

    def test_output_folder_that_is_a_file(self):
        blocked = self.folder / "blocked"
        blocked.touch()
        self.assert_refused(support.plot(self.result(**LOSS), "--output", blocked), 3, "cannot write", str(blocked))

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_output_folder_without_permission(self):
        closed = self.folder / "closed"
        closed.mkdir(mode=0o500)
        done = support.plot(self.result(**LOSS), "--output", closed / "figures")
        self.assert_refused(done, 3, "cannot write", "Permission denied")

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_full_disk(self):
        (self.folder / "losses.png").symlink_to("/dev/full")
        done = support.plot(self.result(**LOSS), "--output", self.folder)
        self.assert_refused(done, 3, "cannot write", "No space left")

    def test_reader_of_the_paths_that_has_gone(self):
        command = [support.PYTHON, str(support.PLOT), str(self.result(**LOSS))]
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=100)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (3, ""))
