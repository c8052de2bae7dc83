"""The main job on real MNIST: the accuracies that an independent code measured (NTK and NNGP, L = 3, sigma_w^2 = 2,
beta^2 = 0.01, unit_interval, sphere, labels 0.9 / -0.1, ridge 0, all 10,000 test images)."""

import os
import pathlib
import unittest

import h5py

from support import DATA, INPUTS, Case

MNIST = pathlib.Path(DATA) / "mnist"
SIZES = [int(size) for size in os.environ["NTKFLOW_MNIST_SIZES"].split(",")]
ACCURACY = {
    ("ntk", 1000): 0.9200, ("nngp", 1000): 0.9235, ("ntk", 5000): 0.9613, ("nngp", 5000): 0.9638,
    ("ntk", 10000): 0.9715, ("nngp", 10000): 0.9740,
}


@unittest.skipUnless((MNIST / "train-images-idx3-ubyte.gz").exists(), f"no MNIST in {MNIST}: run inputs/fetch_mnist.sh")
class MnistTest(Case):
    DATA = f"""
train = {{ inputs = "{MNIST}/train-images-idx3-ubyte.gz", targets = "{MNIST}/train-labels-idx1-ubyte.gz" }}
test = {{ inputs = "{MNIST}/t10k-images-idx3-ubyte.gz", targets = "{MNIST}/t10k-labels-idx1-ubyte.gz" }}
preprocess = ["unit_interval", "sphere"]
"""

    def test_krylov_and_mixed_precision_against_the_eigensystem(self):
        times = "times = { start = 1e-1, stop = 1e6, count = 15 }\n"
        data = self.DATA + "train_size = 1000\ntest_size = 1000\n"
        flows = {}
        for name, regression, dynamics in (
            ("spectral", "", ""),
            ("krylov", "", 'method = "krylov"\n'),
            ("mixed", 'precision = "mixed"\n', 'method = "krylov"\n'),
            ("regenerated", 'precision = "mixed"\n', 'method = "krylov"\nproducts = "regenerated"\n'),
            ("products", None, 'method = "krylov"\n'),
        ):
            config = self.config(data=data, regression=regression, dynamics=times + dynamics)
            self.run_ok(["run", config, "--overwrite"], 2, timeout=300)
            with h5py.File(self.folder / "out.h5") as file:
                flows[name] = file["dynamics/test_prediction"][:], file["dynamics/error_estimate"][:]
        for name, bound in (("krylov", 1e-9), ("mixed", 5e-6), ("regenerated", 1e-9), ("products", 1e-9)):
            with self.subTest(name=name):
                error = abs(flows[name][0] - flows["spectral"][0]).max(axis=(1, 2))
                estimate = flows[name][1]
                self.assertLessEqual(error.max(), bound)
                self.assertLessEqual((error / estimate).max(), 1.0)
                self.assertLessEqual(estimate.max(), 100 * error.max())

    def test_accuracy(self):
        for size in SIZES:
            for kind in ("ntk", "nngp"):
                with self.subTest(size=size, kind=kind):
                    config = self.config(data=self.DATA + f"train_size = {size}\n")
                    self.run_ok(["run", config, "--overwrite", "--set", f"kernel.type={kind}"], 2, timeout=900)
                    with h5py.File(self.folder / "out.h5") as file:
                        attributes = file["regression"].attrs
                        self.assertAlmostEqual(attributes["test_accuracy"], ACCURACY[kind, size], delta=0.0003)
                        self.assertLessEqual(attributes["backward_error"], 1e-14)

    def test_accuracy_of_the_study_of_depth(self):
        settings = (
            "experiment.depths=3",
            'experiment.kernels=[{ activation = "relu", weight_variance = 2.0, bias_variance = 0.01 }]',
            *(f"data.{line}" for line in self.DATA.strip().splitlines()[:2]),
        )
        sets = [argument for setting in settings for argument in ("--set", setting)]
        out = self.folder / "out.h5"
        self.run_ok(["experiment", "depth", INPUTS / "depth.toml", *sets, "--output", out], 2, timeout=300)
        with h5py.File(out) as file:
            types = [b"".join(row).decode().rstrip("\0 ") for row in file["experiment/type_name"][:]]
            for kind, accuracy in zip(types, file["experiment/test_accuracy"][0, :, 2], strict=True):
                # Its ridge of 1e-4 moves the answer of a few images of 10,000.
                self.assertAlmostEqual(accuracy, ACCURACY[kind, 1000], delta=0.0005)


if __name__ == "__main__":
    unittest.main(verbosity=2)
