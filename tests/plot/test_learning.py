"""The figures of the experiments of kernels that learn: drawn, readable, with their claims, the same every time."""

import numpy as np
import support


def depth(random: np.random.Generator, kernels=("relu, 2, 0.01", "erf, 1.5, 0.01"), depths=10) -> dict:
    accuracy = 0.92 + 0.003 * random.random((len(kernels), 2, depths))
    accuracy[..., 0] = 0.6858
    return {
        "experiment__kernel": np.arange(len(kernels)),
        "experiment__kernel_name": list(kernels),
        "experiment__type": np.arange(2),
        "experiment__type_name": ["ntk", "nngp"],
        "experiment__depth": np.arange(1, depths + 1),
        "experiment__test_accuracy": accuracy,
        **support.claims(4),
    }


def learning_rate(random: np.random.Generator, rates=(0.5, 1.9, 2.01)) -> dict:
    step = np.arange(201)
    top = np.abs(1 - np.array(rates))[:, None] ** (2 * step)
    closed = 0.01 * top + 0.4 * np.exp(-0.01 * step)
    return {
        "experiment__rate": np.array(rates),
        "experiment__step": step,
        "experiment__loss": closed * (1 + 1e-13 * random.normal(size=closed.shape)),
        "experiment__closed_form_loss": closed,
        **support.claims(3),
    }


def early_stopping(random: np.random.Generator) -> dict:
    time = np.geomspace(0.1, 1e6, 61)
    learned = 1 - np.exp(-time / np.array([3.0, 30, 300, 3e4])[:, None])
    test = 0.45 - 0.35 * learned[1] + 0.05 * learned[3]
    curves = {
        "train_loss": 0.45 - 0.45 * learned[2], "test_loss": test, "ridge_test_loss": test * 1.02,
        "clean_test_loss": 0.45 - 0.38 * learned[1], "learned_noise": learned[3] ** 2, "learned_modes": learned[3] ** 2,
    }
    return {
        "experiment__time": time,
        "experiment__class": np.arange(10),
        "experiment__learned": learned[2][:, None] ** np.linspace(1, 2, 10),
        **{f"experiment__{name}": values for name, values in curves.items()},
        **support.claims(5),
    }


def sample_complexity(random: np.random.Generator, dimensions=(16, 32)) -> dict:
    ratio, draws = np.array([0.125, 0.5, 2.0]), 4
    d = np.array(dimensions)
    error = np.exp(-2 * ratio)[:, None] * np.exp(0.1 * random.normal(size=(d.size, 3, draws)))
    return {
        "experiment__dimension": d,
        "experiment__ratio": ratio,
        "experiment__draw": np.arange(draws),
        "experiment__train_size": ratio * d[:, None] ** 2.0,
        "experiment__test_mse": error,
        "experiment__mean_test_mse": error.mean(axis=2),
        **support.claims(5),
    }


STUDIES = {
    "depth": depth,
    "learning-rate": learning_rate,
    "early-stopping": early_stopping,
    "sample-complexity": sample_complexity,
}
TEXTS = {
    "depth": ("relu, 2, 0.01", "erf, 1.5, 0.01", "NNGP", "Depth 1, a linear model: 0.6858."),
    "learning-rate": ("η = 0.5/λ₁", "η = 2.01/λ₁", "markers: iteration"),
    "early-stopping": ("test, ridge N/t", "energy of the noise", "test, right labels"),
    "sample-complexity": ("d = 16", "d = 32", "N / d²", "predicting 0"),
}


class LearningTest(support.Case):
    def study(self, name: str, **arguments):
        return self.result(f"{name}.h5", experiment=name, **STUDIES[name](np.random.default_rng(7), **arguments))

    def test_each_has_a_figure(self):
        for name in STUDIES:
            with self.subTest(name):
                self.assert_is_picture(self.draw(self.study(name), name)[0])

    def test_each_names_its_curves_and_its_claims(self):
        for name, words in TEXTS.items():
            with self.subTest(name):
                texts = self.texts(self.draw(self.study(name), name, kind="svg")[0])
                for word in words:
                    self.assertIn(word, texts)
                self.assertIn("pass: distance number 0 of the networks from the limit: 1 (expected 1 ± 0.5)", texts)
                self.assertIn("FAIL: distance number", texts)

    def test_equal_results_give_equal_files(self):
        for name in STUDIES:
            with self.subTest(name):
                first, second = (self.draw(self.study(name), name)[0].read_bytes() for _ in range(2))
                self.assertEqual(first, second)

    def test_the_best_time_is_marked(self):
        file = self.study("early-stopping")
        with support.h5py.File(file, "a") as opened:
            opened["/experiment/time"].attrs["best_time"] = 668.0
        self.assertIn("best t = 668", self.texts(self.draw(file, "early-stopping", kind="svg")[0]))

    def test_the_network_of_four_units_is_noted(self):
        file = self.study("sample-complexity")
        self.assertNotIn("four units", self.texts(self.draw(file, "sample-complexity", kind="svg")[0]))
        with support.h5py.File(file, "a") as opened:
            opened["/experiment/test_mse"].attrs["four_unit_error"] = 2e-15
        self.assertIn("Not drawn: the network of four units", self.texts(self.draw(file, "sample-complexity", kind="svg")[0]))

    def test_other_numbers_of_curves_have_room(self):
        for name, arguments in (
            ("learning-rate", {"rates": (1.0,)}),
            ("learning-rate", {"rates": tuple(np.linspace(0.1, 2.1, 12))}),
            ("sample-complexity", {"dimensions": (16,)}),
            ("sample-complexity", {"dimensions": tuple(range(8, 17))}),
        ):
            with self.subTest(name, **arguments):
                self.assert_is_picture(self.draw(self.study(name, **arguments), name)[0])

    def test_other_numbers_of_kernels_and_depths_have_room(self):
        for kernels, depths in ((["relu, 2, 0"], 1), ([f"gelu, {k}, 0.01" for k in range(7)], 40)):
            with self.subTest(kernels=len(kernels)):
                self.assert_is_picture(self.draw(self.study("depth", kernels=kernels, depths=depths), "depth")[0])


if __name__ == "__main__":
    support.unittest.main()
