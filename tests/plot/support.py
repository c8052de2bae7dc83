"""What the tests of the figures share: running ntkflow-plot as a user does, and small result files of every kind."""

import contextlib
import io
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import h5py
import matplotlib.image
import numpy as np

SOURCE = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])
PLOT = SOURCE / "src" / "plot" / "ntkflow-plot"
PYTHON = os.environ["NTKFLOW_PYTHON"]
sys.path.insert(0, str(PLOT.parent))
from ntkflow_plot.main import main

DOTS_PER_INCH = 200
SVG = "{http://www.w3.org/2000/svg}"


def plot(*arguments) -> subprocess.CompletedProcess:
    """What `ntkflow-plot` does with these arguments, within this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as stop:  # of the argument parser
            code = stop.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def launch(*arguments, program=PLOT, prefix=(PYTHON,), **environment) -> subprocess.CompletedProcess:
    """Runs a program `ntkflow-plot` as a user without a display does."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in displays}
    return subprocess.run(
        [*map(str, prefix), str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )


def idx(array) -> bytes:
    """An array of bytes as an IDX file."""
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def result(self, name="result.h5", config="", experiment=None, status="complete", **arrays) -> pathlib.Path:
        """A result file with the given arrays; `__` in a name stands for a slash, a list of texts for characters."""
        path = self.folder / name
        with h5py.File(path, "w") as file:
            file.attrs.update({"format": "ntkflow", "format_version": "1.0", "status": status, "config": config})
            if experiment:
                file.attrs["experiment"] = experiment
            for key, values in arrays.items():
                if isinstance(values, list) and isinstance(values[0], str):
                    values = np.array([text.encode() for text in values])
                    values = values.view("S1").reshape(len(values), -1)
                file["/" + key.replace("__", "/")] = values
        return path

    def draw(self, file, *names, kind="png", arguments=()) -> list[pathlib.Path]:
        """Draws a file, checks that exactly these figures came out, and returns their paths in this order."""
        done = plot(file, "--format", kind, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        paths = [pathlib.Path(line) for line in done.stdout.splitlines()]
        self.assertEqual({path.name for path in paths}, {f"{name}.{kind}" for name in names})
        return sorted(paths, key=lambda path: names.index(path.stem))

    def assert_is_picture(self, path):
        """A PNG of one or two columns' width that is neither blank nor nearly so."""
        image = matplotlib.image.imread(path)[..., :3]
        self.assertIn(image.shape[1] / DOTS_PER_INCH, (3.4, 7.0))
        self.assertGreater(image.shape[0] / DOTS_PER_INCH, 1.5)
        ink = (image.min(axis=2) < 0.9).mean()
        self.assertGreater(ink, 0.01, path)
        self.assertLess(ink, 0.7, path)
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        self.assertTrue((border == 1).all(), f"{path} is cut off at its edge")

    def texts(self, path) -> str:
        """All texts of an SVG file, a line each; none of them is smaller than 8 points."""
        root = ElementTree.parse(path).getroot()
        self.assertTrue(root.get("width").endswith("pt"))
        self.assertEqual(root.get("viewBox").split()[2] + "pt", root.get("width"))  # so that 1 px is 1 pt
        found = list(root.iter(SVG + "text"))
        for text in found:
            (size,) = re.findall(r"font: ([0-9.]+)px", text.get("style"))
            self.assertGreaterEqual(float(size), 8, text.text)
        return "\n".join("".join(text.itertext()) for text in found)

    def assert_refused(self, done, code, *words):
        """One line on stderr with these words, and this exit code."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("ntkflow-plot: error: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


def claims(count: int) -> dict:
    """Claims of which the last fails."""
    return {
        "claim__statement": [f"distance number {i} of the networks from the limit" for i in range(count)],
        "claim__value": np.linspace(1.0, 2.0, count),
        "claim__expected": np.ones(count),
        "claim__tolerance": np.full(count, 0.5),
        "claim__passed": np.array([1] * (count - 1) + [0]),
    }


def kernel_convergence(random: np.random.Generator) -> dict:
    width, draws = np.array([500, 10000]), 10
    angle = np.linspace(-np.pi, np.pi, 101)
    limit = 0.4 + 0.8 * (1 - np.abs(angle) / np.pi) ** 2
    bend = random.normal(size=(2, draws, 2, 1)) + random.normal(size=(2, draws, 2, 1)) * np.cos(angle)
    return {
        "experiment__width": width,
        "experiment__draw": np.arange(draws),
        "experiment__angle": angle,
        "experiment__time": np.array([0.0, 200.0]),
        "experiment__limit": limit,
        "experiment__kernel": limit * (1 + bend / np.sqrt(width)[:, None, None, None]),
        "network__diverged_at": np.full((2, draws), -1),
        **claims(3),
    }


def gaussian_limit(random: np.random.Generator) -> dict:
    width, draws = np.array([50, 1000]), 10
    angle = np.linspace(-np.pi, np.pi, 101)
    train = np.array([-2.2, -0.6, 0.7, 2.0])
    mean = np.sin(2 * angle) / 2
    deviation = 0.05 + 0.3 * np.abs(angle[:, None] - train).min(axis=1)
    normal = random.normal(size=(2, draws, 1))
    quantile = mean + np.array([-1.28, 0, 1.28])[:, None] * deviation
    return {
        "experiment__width": width,
        "experiment__draw": np.arange(draws),
        "experiment__angle": angle,
        "experiment__limit_time": np.array([1000.0, np.inf]),
        "experiment__quantile_level": np.array([0.1, 0.5, 0.9]),
        "experiment__network": mean + normal * deviation,
        "experiment__network_initial": normal * np.ones(101),
        "experiment__mean": np.stack([0.95 * mean, mean]),
        "experiment__variance": np.stack([deviation**2] * 2),
        "experiment__quantile": np.stack([0.95 * quantile, quantile]),
        "experiment__train_angle": train,
        "experiment__train_target": np.sin(2 * train) / 2,
        **claims(2),
    }


def principal_components(random: np.random.Generator) -> dict:
    width, draws, samples = np.array([100, 1000]), 4, 512
    time = np.linspace(0, 2000, 41)
    label = np.arange(samples) % 10
    projection = random.normal(size=(samples, 3)) + np.stack([np.ones(10), *np.eye(10)[:2]])[:, label].T * 3
    theory = 0.5 * np.exp(-0.00108 * time)
    noise = random.normal(size=(2, draws, 1)) / np.sqrt(width)[:, None, None]
    return {
        "experiment__width": width,
        "experiment__draw": np.arange(draws),
        "experiment__component": np.arange(1, 4),
        "experiment__eigenvalue": np.array([0.0457, 0.00108, 0.00078]),
        "experiment__projection": projection,
        "data__train_label": label,
        "experiment__time": time,
        "experiment__along": theory * (1 + 0.5 * noise),
        "experiment__across": np.abs(noise) * (1 - np.exp(-time / 500)),
        "experiment__theory_along": theory,
        **claims(2),
    }


def width_scaling(random: np.random.Generator) -> dict:
    width, draws = 2 ** np.arange(6, 14), 8
    names = ["kernel_deviation", "kernel_drift", "function_gap", "linearisation_gap", "laziness"]
    theory = np.array([-0.5, -1.0, -0.5, -1.0, 0.5])
    value = 0.7 * width[None, :, None] ** theory[:, None, None] * np.exp(0.2 * random.normal(size=(5, 8, draws)))
    return {
        "experiment__width": width,
        "experiment__draw": np.arange(draws),
        "experiment__quantity": np.arange(5),
        "experiment__quantity_name": names,
        "experiment__value": value,
        "experiment__slope": theory + 0.02,
        "experiment__slope_error": np.full(5, 0.03),
        "experiment__intercept": np.full(5, np.log2(0.7)),
        "experiment__theory_slope": theory,
        **claims(5),
    }


def descent(random: np.random.Generator) -> dict:
    features, width, draws = np.array([8, 64, 128, 256, 2048]), np.array([16, 1024]), 8
    mean = np.array([[0.9, 0.5, 120.0, 0.5, 0.15], [0.9, 0.4, 0.3, 0.2, 0.1]])
    error = np.array([0.2, 0.12])[:, None] * np.exp(0.1 * random.normal(size=(2, draws)))
    return {
        "experiment__width": width,
        "experiment__draw": np.arange(draws),
        "experiment__features": features,
        "experiment__features_per_sample": features / 128,
        "experiment__ridge": np.array([1e-8, 1e-2]),
        "experiment__feature_error_mean": mean,
        "experiment__feature_error_standard_error": mean * np.array([0.01, 0.03, 2.0, 0.03, 0.01]),
        "experiment__theory_error": mean * 0.95,
        "experiment__kernel_error": np.array([0.12, 0.09]),
        "experiment__network_error": error,
        "experiment__limit_error": np.full((2, draws), 0.11),
        **claims(5),
    }


def finite_width_bound(random: np.random.Generator) -> dict:
    epsilon = np.array([0.02, 0.1, 0.5])
    least = np.array([0.004, 0.01, 0.1])
    measured = 24 / epsilon**2 * np.exp(0.05 * random.normal(size=3))
    return {
        "experiment__width": 2 ** np.arange(6, 15),
        "experiment__draw": np.arange(8),
        "experiment__epsilon": epsilon,
        "experiment__separation": np.array([0.01, 0.03, 0.3]),
        "experiment__entry_width": np.minimum(measured, 16384),
        "experiment__entry_width_side": np.where(measured > 16384, 1, 0),
        "experiment__spectral_width": measured / 3,
        "experiment__spectral_width_side": np.zeros(3),
        "experiment__bernstein_width": 100 / epsilon**2,
        "experiment__arora_width": 2 / epsilon**4,
        "experiment__lambda_0": least,
        "experiment__eigenvalue_width": np.maximum(13 / least, 200),
        "experiment__eigenvalue_width_side": np.where(least > 0.05, -1, 0),
        "experiment__chernoff_width": 1300 / least,
        "experiment__du_start_width": 1300 / least**2,
        "experiment__du_training_width": 1e10 / least**4,
        **claims(5),
    }


def zonal_names() -> dict:
    return {
        "experiment__kernel_name": ["relu (2, 2)", "erf (4, 0) "],
        "experiment__type_name": ["ntk ", "nngp"],
        "experiment__kernel": np.arange(2),
        "experiment__type": np.arange(2),
    }


def variance_by_degree(random: np.random.Generator) -> dict:
    depth, degree = np.arange(1, 33), np.arange(8)
    share = np.exp(-0.5 * (np.log(depth)[:, None] - 0.6 * degree) ** 2) / 3.0 ** degree
    shares = share * (1 + 0.1 * random.random((2, 2, 2, 1, 1)))
    shares[1, ..., ::2] = 0  # the odd kernel has no even degrees
    best = np.where(shares.max(axis=3) > 0, shares.argmax(axis=3) + 1.0, 0.0)
    return {
        **zonal_names(),
        "experiment__dimension": np.array([8, 128]),
        "experiment__depth": depth,
        "experiment__degree": degree,
        "experiment__fractional_variance": shares,
        "experiment__optimal_depth": best,
        "experiment__optimal_depth_is_edge": (best == 32) * 1.0,
    }


def boolean_cube(random: np.random.Generator) -> dict:
    return {**variance_by_degree(random), **claims(3)}


def sphere(random: np.random.Generator) -> dict:
    limit = np.repeat(10.0 ** -np.arange(5), (1, 4, 9, 16, 25)) * np.ones((2, 2, 1))
    limit[1, :, 30:] = 0  # a polynomial kernel
    return {
        **variance_by_degree(random),
        "experiment__sample": np.arange(1, 56),
        "experiment__limit_eigenvalue": limit,
        "experiment__sample_eigenvalue": limit * np.exp(0.1 * random.normal(size=limit.shape)) + 1e-18,
        **claims(2),
    }


EXPERIMENTS = {
    "descent": descent,
    "finite-width-bound": finite_width_bound,
    "kernel-convergence": kernel_convergence,
    "gaussian-limit": gaussian_limit,
    "principal-components": principal_components,
    "width-scaling": width_scaling,
    "boolean-cube": boolean_cube,
    "sphere": sphere,
}


def posterior(random: np.random.Generator, points: int, outputs: int) -> dict:
    """The law of f_t at three times, the last one infinite."""
    mean = random.normal(size=(3, points, outputs)) * 0.2
    deviation = np.array([1.0, 0.4, 0.3])[:, None] * (1 + 0.2 * random.random(points))
    draw = random.normal(size=(3, 4, 1, outputs))
    return {
        "posterior__time": np.array([0.0, 100.0, np.inf]),
        "posterior__mean": mean,
        "posterior__variance": deviation**2,
        "posterior__draw": np.arange(4),
        "posterior__sample": mean[:, None] + deviation[:, None, :, None] * draw,
        "data__test_target": random.normal(size=(points, outputs)) * 0.5,
        "data__test_index": np.arange(points),
    }


def circle_config(points: int, training: int) -> str:
    return f'[data]\nformat = "synthetic"\nkind = "circle"\nsize = {training}\ntest_size = {points}\n'
