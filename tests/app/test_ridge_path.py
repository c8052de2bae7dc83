"""The ridge chosen from a list: scores, choice and what follows from it, as a user sees them."""

import unittest

import h5py
import numpy as np

from support import Case, idx, on_sphere, one_hot, relu_kernels

USAGE, NUMERICAL = 2, 4
RIDGES = [0.0, 0.001, 0.01, 0.1, 1.0, 10.0]
REGRESSION = f"ridge = {RIDGES}\n"


class RidgePathTest(Case):
    def path_of(self, ranks=None, arguments=(), **tables):
        """What a run leaves in /ridge_path and the attributes of /regression."""
        ran = self.run_ok(["run", self.config(**tables), "--overwrite", *arguments], ranks)
        with h5py.File(self.folder / "out.h5") as file:
            result = {name: file["ridge_path"][name][...] for name in file["ridge_path"]}
            result["attributes"] = dict(file["ridge_path"].attrs)
            result["regression"] = dict(file["regression"].attrs)
            result["coefficients"] = file["regression/coefficients"][...]
            result["phases"] = [b"".join(name).decode().strip("\0") for name in file["timing/phase"]]
        result["out"], result["warnings"] = ran.out, ran.err
        return result

    def expected(self):
        """Errors by dense algebra, leave-one-out by as many fits."""
        x, x_test = on_sphere(self.train_x), on_sphere(self.test_x)
        y, y_test = one_hot(self.train_y, self.CLASSES), one_hot(self.test_y, self.CLASSES)
        k, k_test = relu_kernels(x, x)[1], relu_kernels(x_test, x)[1]
        result = {"test_mse": [], "leave_one_out_mse": []}
        for ridge in RIDGES:
            a = k + ridge * np.eye(self.N)
            result["test_mse"].append(np.mean((k_test @ np.linalg.solve(a, y) - y_test) ** 2))
            missed = []
            for i in range(self.N):
                rest = np.arange(self.N) != i
                missed.append(k[i, rest] @ np.linalg.solve(a[np.ix_(rest, rest)], y[rest]) - y[i])
            result["leave_one_out_mse"].append(np.mean(np.square(missed)))
        return result

    def test_scores_and_choice_agree_with_numpy(self):
        expected = self.expected()
        for ranks in (None, 2):
            result = self.path_of(ranks, regression=REGRESSION)
            np.testing.assert_array_equal(result["ridge"], RIDGES)
            for name, values in expected.items():
                np.testing.assert_allclose(result[name], values, rtol=1e-6)  # arccos in the oracle
            best = RIDGES[int(np.argmin(expected["leave_one_out_mse"]))]
            attributes = result["attributes"]
            self.assertEqual(attributes["selected_by"], "leave_one_out")
            self.assertEqual(attributes["selected_ridge"], best)
            self.assertEqual(attributes["best_by_leave_one_out"], best)
            self.assertEqual(attributes["best_by_gcv"], RIDGES[int(np.argmin(result["gcv"]))])
            self.assertEqual(
                attributes["best_by_likelihood"], RIDGES[int(np.argmax(result["log_marginal_likelihood"]))]
            )
            self.assertEqual(attributes["method"], "spectral")
            self.assertIn("cheap", attributes["method_reason"])
            self.assertIn("best of 6 by leave-one-out error", result["out"])

    def test_the_run_is_that_of_the_chosen_ridge(self):
        for keys, tables in (
            ('ridge_scale = "mean_diagonal"\n', {"dynamics": "times = [1.0, 100.0]\n"}),
            ('select = "likelihood"\nprecision = "mixed"\n', {"spectrum": "", "posterior": "times = [3, inf]\n"}),
            ('path_method = "krylov"\n', {"dynamics": 'method = "krylov"\n'}),
        ):
            chosen = self.path_of(regression=REGRESSION + keys, **tables)
            ridge = chosen["attributes"]["selected_ridge"]
            self.assertEqual(chosen["regression"]["ridge"], ridge)
            self.assertEqual(chosen["phases"].count("eigensystem"), 0 if "krylov" in keys else 1)
            with h5py.File(self.folder / "out.h5") as file:
                later = {
                    name: file[name][...]
                    for name in ("dynamics/test_prediction", "posterior/variance", "spectrum/eigenvalue")
                    if name in file
                }
            precision = 'precision = "mixed"\n' if "mixed" in keys else ""
            config = self.config(regression=f"ridge = {ridge!r}\n{precision}".replace("np.float64", ""), **tables)
            self.run_ok(["run", config, "--overwrite"])
            with h5py.File(self.folder / "out.h5") as file:
                single = file["regression/coefficients"][...]
                self.assertNotIn("ridge_path", file)
                scale = np.abs(single).max()
                np.testing.assert_allclose(chosen["coefficients"], single, rtol=0, atol=1e-9 * scale)
                self.assertEqual(chosen["regression"]["test_mse"], file["regression"].attrs["test_mse"])
                at = np.flatnonzero(chosen["ridge"] == ridge)[0]
                np.testing.assert_allclose(chosen["test_mse"][at], file["regression"].attrs["test_mse"], rtol=1e-9)
                np.testing.assert_allclose(
                    chosen["log_marginal_likelihood"][at],
                    file["regression"].attrs["log_marginal_likelihood"],
                    rtol=1e-5 if precision else 1e-9 if "krylov" not in keys else 0.2,
                )
                self.assertTrue(later)
                for name, values in later.items():
                    np.testing.assert_allclose(values, file[name][...], rtol=0, atol=1e-9, err_msg=name)

    def test_the_test_set_has_no_part_in_the_choice(self):
        for keys in ("", 'path_method = "krylov"\n', 'select = "likelihood"\n'):
            self.write("test-y", idx(self.test_y))
            before = self.path_of(regression=REGRESSION + keys)
            self.write("test-y", idx((self.test_y + 1) % self.CLASSES))
            after = self.path_of(regression=REGRESSION + keys)
            self.assertEqual(before["attributes"]["selected_ridge"], after["attributes"]["selected_ridge"])
            self.assertGreater(np.abs(before["test_mse"] - after["test_mse"]).min(), 1e-3)
            for name in ("gcv", "log_marginal_likelihood", "train_mse"):
                np.testing.assert_array_equal(before[name], after[name])

    def test_krylov_agrees_with_the_eigenvectors(self):
        exact = self.path_of(regression=REGRESSION)
        result = self.path_of(2, regression=REGRESSION + 'path_method = "krylov"\n')
        for name in ("test_mse", "train_mse", "coefficient_norm", "test_accuracy"):
            np.testing.assert_allclose(result[name], exact[name], rtol=1e-8, atol=1e-15, err_msg=name)
        for name in ("gcv", "log_marginal_likelihood"):
            difference = np.abs(result[name] - exact[name])
            self.assertTrue((difference <= 5 * result[name + "_standard_error"]).all(), name)
        self.assertNotIn("leave_one_out_mse", result)
        self.assertEqual(result["attributes"]["selected_by"], "gcv")
        self.assertLess(result["error_estimate"].max(), 1e-9)
        self.assertNotIn("method_reason", result["attributes"])

    def test_leave_one_out_asks_for_eigenvectors(self):
        chosen = self.path_of(regression=REGRESSION + 'select = "leave_one_out"\n')
        self.assertEqual(chosen["attributes"]["method"], "spectral")
        self.assertIn("leave-one-out", chosen["attributes"]["method_reason"])

    def test_the_end_of_the_list_is_reported(self):
        self.assertIn("the last of the list", self.path_of(regression="ridge = [0.0, 1e-9]\n")["warnings"])
        self.assertIn("the first of the list", self.path_of(regression="ridge = [1e4, 1e9]\n")["warnings"])

    def test_singular_matrices(self):
        images = self.train_x.copy()
        images[1] = images[0]
        self.write("train-x.gz", idx(images))
        result = self.path_of(regression="ridge = [0.0, 0.1]\n")
        self.assertTrue(np.isnan(result["leave_one_out_mse"][0]) and np.isnan(result["gcv"][0]))
        self.assertTrue(np.isfinite(result["test_mse"]).all())
        self.assertEqual(result["attributes"]["selected_ridge"], 0.1)
        (self.folder / "out.h5").unlink()
        for keys in ("", 'path_method = "krylov"\n'):
            config = self.config(regression="ridge = [0.0]\n" + keys)
            self.assert_refused(["run", config], NUMERICAL, "no ridge can be chosen", "singular")

    def test_plan_proposes_another_criterion(self):
        data = 'format = "synthetic"\nkind = "sphere"\nsize = 20000\ndimension = 20\ntarget = "x1"\n'
        config = self.config(data=data, regression='ridge = [0.1, 1.0]\nselect = "leave_one_out"\n')
        words = 'regression.select = "gcv" with regression.path_method = "krylov"'
        self.assert_refused(["plan", config, "--memory-per-rank", "5GiB"], 5, words, ranks=None)

    def test_ridges_that_overflow_are_refused(self):
        for ridge in ("1e308", "[1e-3, 1e308]", "[1e-3, 1e16]"):
            for scale in ("mean_diagonal", "absolute"):
                with self.subTest(ridge=ridge, scale=scale):
                    config = self.config(regression=f'ridge = {ridge}\nridge_scale = "{scale}"\n')
                    if ridge.endswith("e16]") and scale == "absolute":
                        config = self.config(regression="ridge = [1e-3, 1e18]\n")
                    self.assert_refused(["run", config], USAGE, "regression.ridge", "allowed: up to")
        for keys in ("", 'path_method = "krylov"\nselect = "gcv"\n'):
            result = self.path_of(regression='ridge = [1e-3, 1e15]\nridge_scale = "mean_diagonal"\n' + keys)
            self.assertTrue(np.isfinite(result["gcv"]).all())
            mean = result["attributes"]["mean_diagonal"]
            np.testing.assert_allclose(result["ridge"], [1e-3 * mean, 1e15 * mean], rtol=1e-12)
            self.assertRegex(result["out"], r"ridge \S+ x mean diagonal = ")

    def test_bad_lists(self):
        for regression, word in (
            ("ridge = [0.1, -2.0]\n", "-2.0"),
            ("ridge = [1.0, 0.1]\n", "0.1"),
            ("ridge = []\n", "1 to 1000"),
            ('select = "gcv"\n', "nothing to choose"),
            ('ridge = [0.1, 1]\nselect = "leave_one_out"\npath_method = "krylov"\n', '"gcv" or "likelihood"'),
        ):
            with self.subTest(regression=regression):
                self.assert_refused(["run", self.config(regression=regression)], USAGE, "case.toml:", word)

    def test_without_targets(self):
        data = 'format = "idx"\ntrain = {{ inputs = "train-x.gz"{} }}\ntest = {{ inputs = "test-x"{} }}\n'
        for train, test, word in (
            ("", ', targets = "test-y"', "data.train.targets"),
            (', targets = "train-y.gz"', "", "data.test.targets"),
        ):
            self.assert_refused(
                ["run", self.config(data=data.format(train, test), regression=REGRESSION)], USAGE, word, "missing"
            )

    def test_without_a_test_set(self):
        data = 'format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
        result = self.path_of(data=data, regression=REGRESSION)
        self.assertNotIn("test_mse", result)
        self.assertIn("leave_one_out_mse", result)

    def test_plan_counts_eigenvectors_and_space(self):
        spectral = self.run_ok(["plan", self.config(regression=REGRESSION, spectrum="")]).out
        for word in ("eigensystem", "ridge path", "diagonals of the inverses", "eigenvectors for later stages"):
            self.assertIn(word, spectral)
        self.assertEqual(spectral.count("\n  gram for eigen "), 1)
        krylov = self.run_ok(["plan", self.config(regression=REGRESSION + 'path_method = "krylov"\n')]).out
        self.assertIn("path products", krylov)
        self.assertNotIn("eigenvectors", krylov)

    def test_show_prints_the_table(self):
        self.path_of(regression=REGRESSION)
        shown = self.run_ok(["show", self.folder / "out.h5"]).out
        for word in ("selected_ridge", "leave-one-out", "log likelihood"):
            self.assertIn(word, shown)

    def test_memory_stays_within_the_plan(self):
        data = (
            'format = "synthetic"\nkind = "sphere"\nsize = 1500\ntest_size = 50\ndimension = 5\n'
            'target = "x1*x2"\n'
        )
        for keys in ("", 'path_method = "krylov"\n'):
            self.path_of(data=data, regression="ridge = { start = 0.01, stop = 100, count = 9 }\n" + keys)
            with h5py.File(self.folder / "out.h5") as file:
                timing = file["timing"].attrs
                self.assertLess(timing["peak_resident_bytes"], 1.15 * timing["planned_bytes"])


if __name__ == "__main__":
    unittest.main()
