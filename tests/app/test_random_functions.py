"""Linear models of random functions beside kernel regression, as a user sees them."""

import re
import unittest

import h5py
import numpy as np

from support import Case, launch

USAGE, RESOURCES = 2, 5
DATA = (
    'format = "synthetic"\nkind = "sphere"\nsize = 60\ntest_size = 40\ndimension = 5\ntarget = "x1*x2, x3"\n'
    'targets = { encoding = "raw" }\n'
)
NNGP = 'type = "nngp"\ndepth = 2\n'
COUNTS = "counts = [20, 60, 120, 480, 1920]\n"


class RandomFunctionsTest(Case):
    def models_of(self, functions=COUNTS, ranks=None, **tables):
        """What a run leaves in /random_functions."""
        tables = {"data": DATA, "regression": "ridge = 0.1\n", **tables}
        ran = self.run_ok(["run", self.config(random_functions=functions, **tables), "--overwrite"], ranks)
        with h5py.File(self.folder / "out.h5") as file:
            result = {name: file["random_functions"][name][...] for name in file["random_functions"]}
            result["attributes"] = dict(file["random_functions"].attrs)
            result["exact"] = file["regression/test_prediction"][...]
            result["exact_mse"] = file["regression"].attrs["test_mse"]
            result["timing"] = dict(file["timing"].attrs)
        result["out"] = ran.out
        return result

    def test_error_falls_with_the_root_of_the_number(self):
        for keys, kernel in (
            ("", "depth = 3\n"),
            ("", NNGP),
            ('source = "network"\n', NNGP),
            ('source = "network"\nwidth = 20\n', NNGP),
        ):
            with self.subTest(keys=keys, kernel=kernel):
                result = self.models_of(COUNTS + keys, kernel=kernel)
                attributes = result["attributes"]
                self.assertEqual(attributes["slope_from"], 120)
                self.assertLess(abs(attributes["slope"] + 0.5), 0.1)
                self.assertLess(attributes["slope_standard_error"], 0.05)
                self.assertEqual(result["error"].shape, (5, 5))
                self.assertLess(result["relative_error"][-1].max(), 0.12)
                self.assertGreater(result["relative_error"][0].min(), 0.1)
                np.testing.assert_allclose(
                    result["relative_error"],
                    result["error"] / np.sqrt(np.mean(result["exact"] ** 2)),
                    rtol=1e-12,
                )
                # |sqrt(mse) - sqrt(exact mse)| <= distance of the predictions.
                distance = np.abs(np.sqrt(result["test_mse"]) - np.sqrt(result["exact_mse"]))
                self.assertTrue((distance <= result["error"] * (1 + 1e-9)).all())

    def test_functions_are_nested_and_the_same_on_any_ranks(self):
        for keys, kernel in (("", "depth = 3\n"), ('source = "network"\n', NNGP)):
            one = self.models_of(COUNTS + keys, kernel=kernel)
            two = self.models_of(COUNTS + keys, ranks=2, kernel=kernel)
            np.testing.assert_allclose(two["error"], one["error"], rtol=1e-9)
            part = self.models_of("counts = [60]\ndraws = 2\n" + keys, kernel=kernel)
            np.testing.assert_allclose(part["error"][0], one["error"][1, :2], rtol=1e-9)
            self.assertNotIn("slope", part["attributes"])
            near = self.models_of("counts = [60, 80, 150, 200]\ndraws = 1\n" + keys, kernel=kernel)
            self.assertNotIn("slope", near["attributes"])  # 150 and 200 are too near to each other
            other = self.models_of("counts = [60]\nseed = 1\n" + keys, kernel=kernel)
            self.assertGreater(np.abs(other["error"][0] - one["error"][1]).min(), 1e-6)

    def test_no_ridge_interpolates_from_as_many_functions_on(self):
        result = self.models_of("counts = [30, 60, 200]\ndraws = 2\n", regression="")
        self.assertGreater(result["train_mse"][0].min(), 1e-4)
        self.assertLess(result["train_mse"][2].max(), 1e-12)
        self.assertTrue(np.isfinite(result["test_mse"]).all())
        # The peak where they are as many.
        self.assertTrue((result["test_mse"][1] > result["test_mse"][2]).all())

    def test_classes_and_initial_function(self):
        result = self.models_of(
            "counts = [50]\ndraws = 1\n",
            data='format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
            'test = { inputs = "test-x", targets = "test-y" }\npreprocess = ["unit_interval", "sphere"]\n',
            dynamics='initial = "gaussian_process"\ntimes = [1]\n',
        )
        self.assertEqual(result["test_accuracy"].shape, (1, 1))
        self.assertNotIn("slope_standard_error", result["attributes"])

    def test_smooth_kernels_are_drawn_with_jitter(self):
        kernel = 'activation = "erf"\n'
        data = 'format = "synthetic"\nkind = "circle"\nsize = 60\ntest_size = 40\ntarget = "x1*x2"\n'
        result = self.models_of("counts = [50]\n", kernel=kernel, data=data)
        self.assertGreater(result["attributes"]["jitter"], 0.0)
        self.assertIn("singular to rounding", result["out"])

    def test_refusals(self):
        idx_data = 'format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
        networks = 'counts = [5]\nsource = "network"\n'
        for tables, word in (
            ({"data": idx_data}, "no test set"),
            ({"regression": None}, "[regression]"),
            ({"random_functions": networks}, 'kernel.type = "nngp"'),
            ({"random_functions": networks, "kernel": 'type = "nngp"\n'}, "kernel.depth = 2"),
        ):
            with self.subTest(word=word):
                config = self.config(**{"random_functions": "counts = [5]\n", **tables})
                self.assert_refused(["run", config], USAGE, "case.toml:", word)

    def test_memory_stays_within_the_plan(self):
        data = DATA.replace("size = 60", "size = 800").replace("test_size = 40", "test_size = 400")
        functions = "counts = [4000]\ndraws = 1\n"
        for keys, kernel, regression in (
            ("", "depth = 3\n", ""),
            ('source = "network"\n', NNGP, "ridge = 0.1\n"),
        ):
            result = self.models_of(functions + keys, data=data, kernel=kernel, regression=regression)
            timing = result["timing"]
            self.assertLess(timing["peak_resident_bytes"], 1.15 * timing["planned_bytes"])
            self.assertGreater(timing["peak_resident_bytes"], 0.6 * timing["planned_bytes"])

        # A network of many units takes more than what its function is stored in.
        result = self.models_of(
            'counts = [2]\ndraws = 1\nsource = "network"\nwidth = 40000\n',
            data=data, kernel=NNGP, regression="ridge = 0.1\n",
        )
        timing = result["timing"]
        self.assertLess(timing["peak_resident_bytes"], 1.15 * timing["planned_bytes"])
        self.assertGreater(timing["peak_resident_bytes"], 0.6 * timing["planned_bytes"])
        self.assertGreater(timing["planned_bytes"], 512 * 40000 * 8)

    def test_refuses_networks_too_wide_for_the_memory(self):
        functions = 'counts = [2]\nsource = "network"\nwidth = 16777216\n'
        config = self.config(data=DATA, kernel=NNGP, random_functions=functions)
        self.assert_refused(
            ["plan", config, "--memory-per-rank", "8GiB"],
            RESOURCES, "random functions", "random_functions.width = ", "no [random_functions]", ranks=None,
        )
        largest = 'counts = [2]\nsource = "network"\nwidth = 500000\n'  # and 100 samples
        self.run_ok(["plan", self.config(data=DATA, kernel=NNGP, random_functions=largest), "--memory-per-rank", "1GiB"])

    def test_refuses_too_many_functions_and_says_how_many_fit(self):
        command = ["plan", "case.toml", "--memory-per-rank", "1GiB"]
        self.config(data=DATA, random_functions="counts = [60, 16777216]\n")
        refused = self.assert_refused(command, RESOURCES, "no [random_functions]", ranks=None, cwd=self.folder)
        most = int(re.search(r"random_functions.counts of (\d+) or less", refused.err)[1])
        for count, code in ((most, 0), (most + 1, RESOURCES)):
            self.config(data=DATA, random_functions=f"counts = [{count}]\n")
            self.assertEqual(launch(command, cwd=self.folder).code, code)

    def test_kernel_that_predicts_nothing(self):
        result = self.models_of(data=DATA.replace('"x1*x2, x3"', '"0*x1"'))
        self.assertNotIn("relative_error", result)
        self.assertEqual(np.abs(result["error"]).max(), 0.0)
        self.assertNotIn("nan", result["out"])

    def test_plan_and_show(self):
        planned = self.run_ok(["plan", self.config(random_functions=COUNTS)]).out
        for word in ("functions at all points", "covariance of all points", "random functions"):
            self.assertIn(word, planned)
        self.models_of()
        shown = self.run_ok(["show", self.folder / "out.h5"]).out
        for word in ("random_functions", "slope_standard_error", "relative error"):
            self.assertIn(word, shown)


if __name__ == "__main__":
    unittest.main()
