"""Figures of real runs: the sample of MNIST and the circle."""

import os
import pathlib
import subprocess

import numpy as np
import support

INPUTS = support.SOURCE / "inputs"
SMALLER = ("--set", "data.train_size=200", "--set", "data.test_size=100")


class RunsTest(support.Case):
    def run_program(self, config: str, *arguments: str) -> pathlib.Path:
        file = self.folder / "run.h5"
        command = [os.environ["NTKFLOW_PROGRAM"], "run", INPUTS / config, "--quiet", "--output", file, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        return file

    def test_sample_of_mnist(self):
        file = self.run_program("sample.toml", *SMALLER)
        names = ("losses", "accuracies", "spectrum", "confusion", "samples")
        for path in self.draw(file, *names):
            self.assert_is_picture(path)
        losses, accuracies, spectrum, confusion, samples = map(self.texts, self.draw(file, *names, kind="svg"))
        with support.h5py.File(file) as opened:
            accuracy = opened["regression"].attrs["test_accuracy"]
            label = opened["data/test_label"][:5]
        for word in ("training", "test, t = ∞", "best t = ", "time t"):
            self.assertIn(word, losses)
            self.assertIn(word, accuracies)
        for word in ("eigenvalue of K/N", "of k and all later modes", "10⁻²"):
            self.assertIn(word, spectrum)
        self.assertIn(f"{round(100 * accuracy)} of 100 right", confusion)
        self.assertEqual(sum(int(n) for n in self.counts(confusion)), 100)
        self.assertEqual([f"class {c}" for c in label], [t for t in samples.splitlines() if t.startswith("class")][:5])

    def counts(self, texts: str) -> list[str]:
        """Texts of the confusion matrix's cells: between the ticks of both axes and the title."""
        lines = texts.splitlines()
        ticks = [str(c) for c in range(10)]
        begin = lines.index("class") + 1
        self.assertEqual([line for line in lines[:begin] if line.isdigit()], ticks * 2)
        return [line for line in lines[begin:] if line.isdigit()]

    def test_circle(self):
        file = self.run_program("circle.toml")
        for path in self.draw(file, "losses", "spectrum", "predictions"):
            self.assert_is_picture(path)
        predictions = self.texts(self.draw(file, "losses", "spectrum", "predictions", kind="svg")[2])
        for word in ("target", "angle of x", "3π/2"):
            self.assertIn(word, predictions)

    def test_steps_that_overflow(self):
        settings = ('optimizer="gradient_descent"', "learning_rate=2.5", 'unstable="run"', "steps=[1, 5, 20, 100000]")
        arguments = [part for text in settings for part in ("--set", f"dynamics.{text}")]
        config = self.folder / "steps.toml"
        lines = (INPUTS / "circle.toml").read_text().splitlines()
        config.write_text("\n".join(text for text in lines if not text.startswith("times")))
        file = self.run_program(str(config), *arguments)
        for path in self.draw(file, "losses", "spectrum", "predictions"):
            self.assert_is_picture(path)
        losses, _, predictions = map(self.texts, self.draw(file, "losses", "spectrum", "predictions", kind="svg"))
        self.assertIn("steps s", losses)
        self.assertIn("s = 20", predictions)
        self.assertNotIn("s = 100", predictions)

    def test_other_choices(self):
        """No test set, linear and few times, f_0 drawn, part of the spectrum, one output for all classes."""
        file = self.run_program("circle.toml", "--set", "spectrum.count=5", "--set", "dynamics.times=[0.0, 1.0, 2.0]")
        self.draw(file, "losses", "spectrum", "predictions")
        indices = ("--set", 'data.targets={ encoding = "class_index" }', "--set", 'dynamics.initial="gaussian_process"')
        file.unlink()
        file = self.run_program("sample.toml", *SMALLER, *indices)
        self.draw(file, "losses", "accuracies", "spectrum", "confusion", "samples")
        with support.h5py.File(file) as opened:
            self.assertEqual(opened["regression/test_prediction"].shape[1], 1)

    def test_results_of_long_spectra_stay_small(self):
        eigenvalue = np.geomspace(1, 1e-6, 60000)
        file = self.result(spectrum__eigenvalue=eigenvalue, spectrum__target_energy=eigenvalue)
        (path,) = self.draw(file, "spectrum", kind="svg")
        self.assertLess(path.stat().st_size, 500_000)
