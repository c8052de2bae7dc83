"""What the end-to-end tests share: running the program as a user does, and small input files."""

import gzip
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

import numpy as np

PROGRAM = os.environ["NTKFLOW_PROGRAM"]
MPIEXEC = os.environ.get("NTKFLOW_MPIEXEC", "mpiexec")
INPUTS = pathlib.Path(os.environ["NTKFLOW_INPUTS"])
DATA = os.environ.get("NTKFLOW_DATA", str(INPUTS))
SANITIZED = os.environ.get("NTKFLOW_SANITIZE") == "1"
TIMEOUT_SECONDS = 600 if SANITIZED else 120


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def errors(self):
        """The program's own error lines: there must be exactly one, whatever the number of ranks."""
        return [line for line in self.err.splitlines() if line.startswith("ntkflow: error:")]


def launch(arguments, ranks=None, env=None, cwd=None, prefix=(), timeout=TIMEOUT_SECONDS, text=True):
    """Runs the program alone (ranks=None) or under mpiexec; a hang raises and fails the test."""
    command = [PROGRAM, *map(str, arguments)]
    if ranks is not None:
        command = [MPIEXEC, "-n", str(ranks), *command]
    done = subprocess.run(
        [*prefix, *command],
        capture_output=True,
        text=text,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def idx(array, kind=8):
    """An array of bytes as an IDX file."""
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


class Case(unittest.TestCase):
    """A test with a folder of its own and a small classification problem in it."""

    N, M, D, CLASSES = 40, 12, 9, 3

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        random = np.random.default_rng(1)
        self.train_x = random.integers(1, 255, (self.N, 3, 3), dtype=np.uint8)
        self.train_y = (np.arange(self.N) % self.CLASSES).astype(np.uint8)
        self.test_x = random.integers(1, 255, (self.M, 3, 3), dtype=np.uint8)
        self.test_y = (np.arange(self.M) % self.CLASSES).astype(np.uint8)
        self.write("train-x.gz", gzip.compress(idx(self.train_x)))
        self.write("train-y.gz", gzip.compress(idx(self.train_y)))
        self.write("test-x", idx(self.test_x))
        self.write("test-y", idx(self.test_y))

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def config(self, **tables):
        """A configuration of the small problem; each keyword replaces or (with None) removes a table."""
        text = {
            "data": 'format = "idx"\n'
            'train = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
            'test = { inputs = "test-x", targets = "test-y" }\n'
            'preprocess = ["unit_interval", "sphere"]\n',
            "kernel": "depth = 3\nweight_variance = 2.0\nbias_variance = 0.01\n",
            "regression": "ridge = 0.0\n",
            "output": 'file = "out.h5"\n',
        }
        text.update(tables)
        return self.write(
            "case.toml", "".join(f"[{name}]\n{body}" for name, body in text.items() if body is not None)
        )

    def run_ok(self, arguments, ranks=None, **options):
        result = launch(arguments, ranks, **options)
        self.assertEqual(result.code, 0, result.out + result.err)
        return result

    def assert_refused(self, arguments, code, *words, ranks=2, outputs=("out.h5",), **options):
        """One sentence with these words, this exit code, and nothing left behind."""
        result = launch(arguments, ranks, **options)
        self.assertEqual(result.code, code, result.out + result.err)
        self.assertEqual(len(result.errors), 1, result.err)
        for word in words:
            self.assertIn(word, result.err)
        for output in outputs:
            self.assertFalse((self.folder / output).exists(), output)
            self.assertFalse((self.folder / (output + ".partial")).exists(), output + ".partial")
        return result


def relu_kernels(x, y, depth=3, weight_variance=2.0, bias_variance=0.01):
    """NNGP and NTK of a ReLU network between rows of x and y: the recursion of Jacot et al. (2018) in NumPy."""
    d = x.shape[1]
    q = weight_variance * (x * x).sum(1) / d + bias_variance
    p = weight_variance * (y * y).sum(1) / d + bias_variance
    nngp = weight_variance * (x @ y.T) / d + bias_variance
    ntk = nngp.copy()
    for _ in range(depth - 1):
        scale = np.sqrt(np.outer(q, p))
        cosine = np.clip(nngp / scale, -1.0, 1.0)
        angle = np.arccos(cosine)
        nngp = weight_variance * scale * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi) + bias_variance
        ntk = nngp + weight_variance * (np.pi - angle) / (2 * np.pi) * ntk
        q = weight_variance * q / 2 + bias_variance
        p = weight_variance * p / 2 + bias_variance
    return nngp, ntk


def on_sphere(images):
    x = images.reshape(len(images), -1) / 255.0
    return x * np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True)


def one_hot(labels, classes, on=0.9, off=-0.1):
    return np.where(np.arange(classes) == np.asarray(labels)[:, None], on, off)
