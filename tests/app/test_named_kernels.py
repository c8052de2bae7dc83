"""Kernels called by name: runs and stored models against their formulas in NumPy."""

import unittest

import h5py
import numpy as np

from support import Case, launch, on_sphere, one_hot

RIDGE = 0.125
OUTPUT = 'file = "out.h5"\ngram = true\nmodel = true\n'
USAGE, INPUT, NUMERICAL = 2, 3, 4


def distances(x, y):
    """|x_i - y_j|^2 / d, from the differences."""
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(2) / x.shape[1]


def arc_cosine(x, y):
    """Order 1, composed twice (Cho, Saul 2009)."""
    k = x @ y.T
    scale = np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    for _ in range(2):
        angle = np.arccos(np.clip(k / scale, -1.0, 1.0))
        k = scale * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
    return k


# keys beside the type, the attributes that these and the defaults give, and the formula
KERNELS = {
    "linear": ("", {}, lambda x, y: x @ y.T / x.shape[1]),
    "polynomial": ("degree = 3\n", {"offset": 1.0, "degree": 3}, lambda x, y: (1.0 + x @ y.T / x.shape[1]) ** 3),
    "rbf": ("length_scale = 0.5\n", {"length_scale": 0.5}, lambda x, y: np.exp(-distances(x, y) / (2 * 0.5**2))),
    "laplace": ("length_scale = 0.75\n", {"length_scale": 0.75}, lambda x, y: np.exp(-np.sqrt(distances(x, y)) / 0.75)),
    "arccos": ("", {"order": 1, "depth": 3}, arc_cosine),
}


class NamedKernelsTest(Case):
    def setUp(self):
        super().setUp()
        self.raw = [images.reshape(len(images), -1) / 255.0 for images in (self.train_x, self.test_x)]
        self.sphere = [on_sphere(self.train_x), on_sphere(self.test_x)]
        self.targets = one_hot(self.train_y, self.CLASSES)

    def tables(self, name, sphere, **more):
        data = (
            'format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
            'test = { inputs = "test-x", targets = "test-y" }\n'
        )
        steps = '["unit_interval", "sphere"]' if sphere else '["unit_interval"]'
        return {
            "data": f"{data}preprocess = {steps}\n",
            "kernel": f'type = "{name}"\n{KERNELS[name][0]}',
            "regression": f"ridge = {RIDGE}\n",
            "output": OUTPUT,
            **more,
        }

    def each(self):
        """Each kernel on both kinds of data: name, whether on the sphere, attributes, K and K of the test set."""
        for name, (_, attributes, kernel) in KERNELS.items():
            for is_sphere in (True, False):
                with self.subTest(name=name, sphere=is_sphere):
                    x, z = self.sphere if is_sphere else self.raw
                    yield name, is_sphere, attributes, kernel(x, x), kernel(z, x)

    def test_predictions_agree_with_numpy(self):
        for name, is_sphere, attributes, k, kx in self.each():
            prediction = kx @ np.linalg.solve(k + RIDGE * np.eye(self.N), self.targets)
            for ranks, precision, bound in ((2, "double", 1e-11), (None, "mixed", 1e-10)):
                tables = self.tables(name, is_sphere, regression=f'ridge = {RIDGE}\nprecision = "{precision}"\n')
                out = self.run_ok(["run", self.config(**tables), "--overwrite"], ranks).out
                self.assertRegex(out, rf"\nkernel  {name}\b")
                with h5py.File(self.folder / "out.h5") as file:
                    np.testing.assert_allclose(file["kernel/test_train"][:], kx, rtol=1e-12, atol=1e-12 * k.max())
                    np.testing.assert_allclose(file["regression/test_prediction"][:], prediction, atol=bound)
                    stored = dict(file["kernel"].attrs)
                    self.assertEqual(stored.pop("type"), name)
                    self.assertEqual(
                        {key: value for key, value in stored.items() if not key.startswith("evaluation_")}, attributes
                    )
            off = KERNELS["laplace" if name != "laplace" else "rbf"][2](*(self.sphere if is_sphere else self.raw)[::-1])
            self.assertGreater(np.abs(off - kx).max(), 1e-3)

    def test_predict_repeats_the_test_predictions(self):
        for name, (_, attributes, _) in KERNELS.items():
            with self.subTest(name=name):
                self.run_ok(["run", self.config(**self.tables(name, False)), "--overwrite"])
                arguments = ["--inputs", "test-x", "--output", "new.h5", "--overwrite"]
                self.run_ok(["predict", "out.h5", *arguments], 2, cwd=self.folder)
                with h5py.File(self.folder / "out.h5") as model, h5py.File(self.folder / "new.h5") as new:
                    expected = model["regression/test_prediction"][:]
                    np.testing.assert_allclose(new["prediction/value"][:], expected, atol=1e-11)
                    text = model.attrs["config"]
                shown = self.run_ok(["show", self.folder / "out.h5"]).out
                self.assertRegex(shown, rf"\n  type +{name}\n")
                for key, value in attributes.items():
                    self.assertRegex(shown, rf"\n  {key} +{value:g}\n")
                again = self.folder / "again.h5"
                self.run_ok(["run", self.write("again.toml", text), "--output", again, "--overwrite"])
                with h5py.File(again) as file:
                    np.testing.assert_array_equal(file["regression/test_prediction"][:], expected)

    def test_the_posterior_is_that_of_the_gaussian_process(self):
        for name in ("rbf", "laplace"):
            kernel = KERNELS[name][2]
            x, z = self.raw
            self.run_ok(["run", self.config(**self.tables(name, False, posterior="")), "--overwrite"], 2)
            inverse = np.linalg.inv(kernel(x, x) + RIDGE * np.eye(self.N))
            kx = kernel(z, x)
            with h5py.File(self.folder / "out.h5") as file:
                np.testing.assert_allclose(file["posterior/mean"][0], kx @ inverse @ self.targets, atol=1e-11)
                variance = 1.0 - np.einsum("ij,jk,ik->i", kx, inverse, kx)
                np.testing.assert_allclose(file["posterior/variance"][0], variance, atol=1e-11)

    def test_kernels_of_every_depth_are_for_arccos(self):
        output = OUTPUT + "gram_depths = true\n"
        self.run_ok(["run", self.config(**self.tables("arccos", True, output=output))], 2)
        with h5py.File(self.folder / "out.h5") as file:
            by_depth = file["kernel/train_train_by_depth"][:]
            self.assertEqual(by_depth.shape, (3, self.N, self.N))
            np.testing.assert_array_equal(by_depth[2], file["kernel/train_train"][:])
        np.testing.assert_allclose(by_depth[0], self.sphere[0] @ self.sphere[0].T, rtol=1e-12)
        (self.folder / "out.h5").unlink()
        self.assert_refused(["run", self.config(**self.tables("rbf", True, output=output))], USAGE, "gram_depths", "rbf")

    def test_a_plan_is_made(self):
        for name in ("linear", "laplace"):
            self.run_ok(["plan", self.config(**self.tables(name, True))])


class RefusalTest(Case):
    def refuse(self, code, kernel, *words):
        self.assert_refused(["run", self.config(kernel=kernel, output=OUTPUT)], code, *words)

    def test_impossible_parameters(self):
        self.refuse(USAGE, 'type = "polynomial"\ndegree = 0\n', "kernel.degree", "an integer from 1 to 100")
        self.refuse(USAGE, 'type = "laplace"\nlength_scale = 0\n', "kernel.length_scale", "from 1e-6 to 1e6")
        self.refuse(USAGE, 'type = "rbf"\ndepth = 3\n', "kernel.depth", "its keys are type, length_scale")

    def test_a_power_that_overflows(self):
        self.refuse(NUMERICAL, 'type = "polynomial"\noffset = 1e6\ndegree = 100\n', "overflows double precision")

    def test_a_linear_kernel_of_more_samples_than_inputs_needs_a_ridge(self):
        self.refuse(NUMERICAL, 'type = "linear"\n', "regression.ridge")

    def test_predict_refuses_impossible_kernels(self):
        self.run_ok(["run", self.config(kernel='type = "laplace"\n', output=OUTPUT)], 2)
        model = (self.folder / "out.h5").read_bytes()
        for name, value, word in (
            ("length_scale", None, "length_scale"), ("length_scale", 0.0, "length_scale"),
            ("length_scale", 1, "length_scale"), ("type", "arccos", "order"), ("type", "lapace", "lapace"),
        ):
            with self.subTest(name=name, value=value):
                self.write("bad.h5", model)
                with h5py.File(self.folder / "bad.h5", "a") as file:
                    file["kernel"].attrs.pop(name)
                    if value is not None:
                        file["kernel"].attrs[name] = value
                self.assert_refused(
                    ["predict", self.folder / "bad.h5", "--inputs", self.folder / "test-x", "--output",
                     self.folder / "new.h5"], INPUT, word, outputs=("new.h5",)
                )
                self.assertIn(launch(["show", self.folder / "bad.h5"]).code, (0, INPUT))


if __name__ == "__main__":
    unittest.main(verbosity=2)
