"""[spectrum] from configuration to result file, against dense formulas in NumPy."""

import gzip
import math
import unittest

import h5py
import numpy as np

from support import Case, idx, on_sphere, one_hot, relu_kernels

USAGE = 2
EPSILON = np.finfo(float).eps
RIDGES = [1e-3, 0.1, 10.0]
TIMES = [0.0, 1.0, 30.0]
LOSSES = [1e-9, 0.02, 0.1]
COUNT, MODES, COMPONENTS = 6, 4, 3


def table(**keys):
    values = {"effective_dimension": RIDGES, "times": TIMES, "loss": LOSSES, "modes": MODES,
              "learning_rate": 1.5, "projections": COMPONENTS, "vectors": "true", **keys}
    return "".join(f"{key} = {value}\n" for key, value in values.items() if value is not None)


def centre(matrix):
    return matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()


def cosine(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


class SpectrumCase(Case):
    def setUp(self):
        super().setUp()
        x, x_test = on_sphere(self.train_x), on_sphere(self.test_x)
        self.k = relu_kernels(x, x)[1]
        diagonal = 2.01
        exact = diagonal
        for _ in range(2):  # arccos in relu_kernels loses half its digits there
            diagonal += 0.01
            exact += diagonal
        np.fill_diagonal(self.k, exact)
        self.k_test = relu_kernels(x_test, x)[1]
        self.y = one_hot(self.train_y, self.CLASSES)
        self.values, self.vectors = (part[..., ::-1] for part in np.linalg.eigh(self.k))

    def spectrum_of(self, ranks=None, **tables):
        """What a run leaves in /spectrum and /kernel_pca."""
        ran = self.run_ok(["run", self.config(**tables), "--overwrite"], ranks)
        result = {"out": ran.out, "warnings": ran.err}
        with h5py.File(self.folder / "out.h5") as file:
            for group in ("spectrum", "kernel_pca"):
                if group in file:
                    for name, data in file[group].items():
                        result[name if group == "spectrum" else f"pca_{name}"] = data[...]
                        self.assertIn("long_name", data.attrs)
                        for axis in data.dims if not h5py.h5ds.is_scale(data.id) else []:
                            self.assertEqual(len(axis), 1, name)
                    for name, value in file[group].attrs.items():
                        result[f"{name}_attribute" if name in result else name] = value
            result["phases"] = [b"".join(name).decode().strip("\0") for name in file["timing/phase"]]
        return result

    def expect(self, result, count, is_full, rtol=1e-9):
        n = self.N
        lam = self.values / n
        energies = (self.vectors.T @ self.y) ** 2 / n  # N x C
        energy = energies.sum(1)
        close = lambda a, b, **more: np.testing.assert_allclose(a, b, **{"rtol": rtol, "atol": rtol * lam[0], **more})
        close(result["eigenvalue"], lam[:count])
        close(result["target_energy"], energy[:count])
        close(result["target_energy_by_output"], energies[:count])
        close(result["cumulative_target_energy"], (np.cumsum(energies, 0) / energies.sum(0))[:count])
        signs = np.sign((result["eigenvector"].T * self.vectors[:, :count]).sum(0))
        close(result["eigenvector"].T * signs, self.vectors[:, :count], atol=1e3 * rtol)
        close(result["max_learning_rate"], 2 / lam[0])
        close(result["alignment"], cosine(self.k, self.y @ self.y.T))
        close(result["centred_alignment"], cosine(centre(self.k), centre(self.y @ self.y.T)))

        times = np.array(TIMES) / lam[0]
        close(result["time"], times)
        close(result["mode_energy"], np.exp(-2 * times[:, None] * lam[:MODES]) * energy[:MODES])
        rest = energies[count:].sum(0)
        left = np.exp(-2 * times[:, None] * lam) * energy
        if is_full:
            close(result["null_energy"], 0 * rest)
            close(result["energy_left"], left.sum(1))
        else:
            close(result["uncaptured_energy"], rest)
            close(result["energy_left"], left[:, :count].sum(1) + rest.sum())

        np.testing.assert_array_equal(result["effective_dimension_ridge"], RIDGES)
        dimension = (self.values / (self.values + np.array(RIDGES)[:, None])).sum(1)
        if is_full:
            close(result["effective_dimension_curve"], dimension)
        else:
            self.assertTrue((result["effective_dimension_curve"] <= dimension).all())
            self.assertTrue((result["effective_dimension_upper"] >= dimension).all())

        np.testing.assert_array_equal(result["loss"], LOSSES)
        close(result["learning_rate"], 1.5 / lam[0])
        for loss, steps in zip(LOSSES, result["predicted_steps"]):
            self.check_steps(loss, steps, 1.5 / lam[0], is_full)

    def check_steps(self, loss, steps, rate, is_full):
        """Against gradient descent, a step after the other."""
        if steps < 0 and not is_full:
            return
        difference, taken = self.y.copy(), 0
        while 0.5 * (difference**2).sum() / self.N > loss and taken < 10**5:
            difference -= rate / self.N * (self.k @ difference)
            taken += 1
        (self.assertEqual if is_full else self.assertGreaterEqual)(steps, taken)

    def expect_components(self, result, is_centred, rtol=1e-8):
        """Against the eigenvectors of the dense kernel matrix, centred by formula."""
        matrix, test = self.k, self.k_test
        if is_centred:
            test = test - test.mean(1)[:, None] - matrix.mean(0) + matrix.mean()
            matrix = centre(matrix)
        values, vectors = (part[..., ::-1] for part in np.linalg.eigh(matrix))
        np.testing.assert_allclose(result["pca_eigenvalue"], values[:COMPONENTS] / self.N, rtol=rtol)
        expected = vectors[:, :COMPONENTS] * np.sqrt(values[:COMPONENTS])
        signs = np.sign((expected * result["pca_train_projection"]).sum(0))
        np.testing.assert_allclose(result["pca_train_projection"] * signs, expected, atol=1e2 * rtol)
        np.testing.assert_allclose(
            result["pca_test_projection"] * signs,
            test @ vectors[:, :COMPONENTS] / np.sqrt(values[:COMPONENTS]), atol=1e2 * rtol,
        )
        self.assertEqual(result["centred"], is_centred)


class QuantitiesTest(SpectrumCase):
    def test_full(self):
        for count in (None, COUNT):
            result = self.spectrum_of(ranks=2, spectrum=table(count=count, method='"full"', centre="true"))
            self.expect(result, count or self.N, True)
            self.expect_components(result, True)
            self.assertEqual(result["method"], "full")
            self.assertAlmostEqual(result["condition_number"] / (self.values[0] / self.values[-1]), 1, 8)
            self.assertAlmostEqual(result["smallest_eigenvalue"] * self.N, self.values[-1], 9)
        # The check can fail: another kernel has another spectrum.
        self.k[0, 0] += 1e-3
        self.values, self.vectors = (part[..., ::-1] for part in np.linalg.eigh(self.k))
        with self.assertRaises(AssertionError):
            self.expect(result, COUNT, True)

    def expect_leading(self, result, rtol, has_factor):
        self.expect(result, COUNT, False, rtol)
        self.assertEqual(result["method"], "lanczos")
        self.assertEqual(result["converged"], COUNT)
        self.assertEqual(result["residual"], result["residual_by_pair"].max())
        self.assertLess(result["residual"], 1e-10)
        self.assertLess(result["orthogonality"], 30 * self.N * EPSILON)
        self.assertNotIn("degenerate_pair", result)
        self.assertNotIn("eigensystem", result["phases"])
        self.assertEqual("smallest_eigenvalue" in result, has_factor)
        if has_factor:
            error = result["smallest_eigenvalue_error"] * self.N
            self.assertLess(abs(result["smallest_eigenvalue"] * self.N - self.values[-1]), error + 1e-12)
            self.assertLess(error, 1e-4 * self.values[-1])
        else:
            self.assertIn("they come from the factor of [regression]", result["out"])

    def test_lanczos_beside_the_factor(self):
        for ranks, is_centred in ((None, False), (2, True)):
            spectrum = table(count=COUNT, method='"lanczos"', centre=str(is_centred).lower())
            result = self.spectrum_of(ranks, regression="ridge = 0.02\n", spectrum=spectrum)
            self.expect_leading(result, 1e-9, True)
            self.expect_components(result, is_centred)
            self.assertEqual(result["exact_products"], 0)

    def test_lanczos_in_mixed_precision(self):
        for ranks in (None, 2):
            spectrum = table(count=COUNT, method='"lanczos"', centre="true")
            result = self.spectrum_of(ranks, regression='precision = "mixed"\n', spectrum=spectrum)
            self.expect_leading(result, 1e-7, True)  # |K|_F in alignments is that of rounded entries
            np.testing.assert_allclose(result["eigenvalue"] * self.N, self.values[:COUNT], rtol=1e-11)
            self.expect_components(result, True)
            self.assertGreater(result["exact_products"], 0)

    def test_lanczos_without_regression(self):
        result = self.spectrum_of(2, regression=None, spectrum=table(count=COUNT, method='"lanczos"'))
        self.expect_leading(result, 1e-9, False)
        self.expect_components(result, False)

    def test_lanczos_beside_krylov(self):
        plain = self.spectrum_of(regression=None, spectrum=table(count=COUNT, method='"lanczos"'))
        for products in ("stored", "regenerated"):
            for regression in ("", None):
                dynamics = f'times = [1.0, 100.0]\nmethod = "krylov"\nproducts = "{products}"\n'
                result = self.spectrum_of(
                    2, regression=regression, dynamics=dynamics, spectrum=table(count=COUNT, method='"lanczos"')
                )
                np.testing.assert_allclose(result["eigenvalue"], plain["eigenvalue"], rtol=1e-12)
                self.assertEqual(result["phases"].count("gram"), 1)

    def test_power(self):
        spectrum = table(count=2, method='"power"', projections=2, modes=2, tolerance=1e-11)
        result = self.spectrum_of(2, spectrum=spectrum)
        np.testing.assert_allclose(result["eigenvalue"], self.values[:2] / self.N, rtol=1e-10)
        self.assertEqual((result["method"], result["converged"]), ("power", 2))

    def test_default_ridges_and_no_test_set(self):
        data = (
            'format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
            'preprocess = ["unit_interval", "sphere"]\n'
        )
        result = self.spectrum_of(data=data, spectrum="projections = 2\n")
        np.testing.assert_allclose(result["effective_dimension_ridge"][[0, -1]], self.values[0] * np.array([1e-6, 1]))
        self.assertEqual(result["time"].size, 25)
        self.assertNotIn("predicted_steps", result)
        self.assertNotIn("pca_test_projection", result)
        dimension = result["effective_dimension_curve"]
        self.assertTrue((np.diff(dimension) < 0).all())


class ChoiceTest(SpectrumCase):
    GAUSSIAN = 'format = "synthetic"\nkind = "gaussian"\nsize = 200\ntest_size = 5\ndimension = 5\ntarget = "x1"\n'

    def chosen(self, spectrum, **tables):
        result = self.spectrum_of(data=self.GAUSSIAN, spectrum=spectrum, **tables)
        self.assertIn(f'spectrum {result["method"]}: {result["method_reason"]}', result["out"])
        return result["method"], result["method_reason"]

    def test_automatic(self):
        for expected, word, spectrum, more in (
            ("full", "all eigenvalues", "", {}),
            ("lanczos", "are few", "count = 5\n", {}),
            ("full", "not few", "count = 50\n", {}),
            ("full", "[dynamics]", "count = 5\n", {"dynamics": 'method = "spectral"\n'}),
            ("lanczos", "are few", "count = 5\n", {"dynamics": 'method = "krylov"\n'}),
            ("full", "[posterior]", "count = 5\n", {"posterior": "times = [1.0]\n"}),
            ("lanczos", "are few", "count = 5\n", {"posterior": ""}),
        ):
            with self.subTest(spectrum=spectrum, **more):
                method, reason = self.chosen(spectrum, **more)
                self.assertEqual(method, expected)
                self.assertIn(word, reason)

    def test_explicit_has_no_reason(self):
        result = self.spectrum_of(data=self.GAUSSIAN, spectrum='count = 3\nmethod = "full"\n')
        self.assertNotIn("method_reason", result)

    def test_plan_counts_learning_curves(self):
        """Each rank holds all curves, and once more in the order of the file."""
        data = self.GAUSSIAN.replace("size = 200", "size = 2000")
        times = "times = { start = 1, stop = 1e6, count = 50000 }\n"
        for method in ("full", "lanczos"):
            config = self.config(data=data, spectrum=f'count = 400\nmodes = 400\nmethod = "{method}"\n' + times)
            self.assert_refused(["plan", config, "--memory-per-rank", "320MiB"], 5, "stage 'spectrum'", ranks=None)
            out = self.run_ok(["plan", config, "--memory-per-rank", "500MiB"]).out
            self.assertRegex(out, r"learning curves of modes +305\.2 MiB")

    def test_plan_names_the_phases(self):
        spectrum = 'count = 20\nmethod = "lanczos"\nprojections = 3\ncentre = true\n'
        data = self.GAUSSIAN.replace("size = 200", "size = 20000")
        out = self.run_ok(["plan", self.config(data=data, spectrum=spectrum)]).out
        for word in ("spectrum products", "spectrum basis", "smallest eigenvalue", "kernel pca", "spectrum pairs"):
            self.assertIn(word, out)
        self.assertNotIn("eigensystem", out)
        full = self.run_ok(["plan", self.config(data=data, spectrum="")]).out
        self.assertIn("eigensystem", full)
        self.assert_refused(
            ["plan", self.config(data=data, spectrum='count = 20\nmethod = "full"\n'), "--memory-per-rank", "5GiB"],
            5, 'spectrum.method = "lanczos"', ranks=None,
        )


class InputTest(SpectrumCase):
    def refuse(self, *words, code=USAGE, **tables):
        return self.assert_refused(["run", self.config(**tables)], code, *words)

    def test_wrong_values(self):
        self.refuse("spectrum.count: found 0", spectrum="count = 0\n")
        self.refuse("spectrum.count = 41", "40", spectrum="count = 41\n")
        self.assert_refused(["plan", self.config(spectrum="count = 41\n")], USAGE, "spectrum.count = 41")
        self.refuse("spectrum.projections = 41", spectrum="projections = 41\n")
        self.refuse("spectrum.count = 41 and spectrum.projections = 41", "no more than 40", spectrum="count = 41\nprojections = 41\n")
        self.refuse("spectrum.projections", "raise count", spectrum="count = 3\nprojections = 4\n")
        for method in ("lanczos", "power"):
            self.refuse("spectrum.method", "all of them", spectrum=f'method = "{method}"\n')
        self.refuse("spectrum.method", "did you mean", spectrum='method = "lancsos"\n')
        for rate in ("2.0", "0.0", "-1", "nan"):
            self.refuse("spectrum.learning_rate", spectrum=f"learning_rate = {rate}\n")
        self.refuse("spectrum.loss", spectrum="loss = [0.1, 0.0]\n")
        self.refuse("spectrum.loss", spectrum="loss = [-0.1]\n")
        self.refuse("spectrum.effective_dimension", spectrum="effective_dimension = [-1.0]\n")
        self.refuse(
            "spectrum.effective_dimension.start",
            spectrum='effective_dimension = { start = 0.0, stop = 1.0, count = 3, spacing = "linear" }\n',
        )
        self.refuse("spectrum.times", spectrum="times = [2, 1]\n")

    def test_keys_without_effect(self):
        for keys in ("learning_rate = 1.0\n", "centre = true\n", 'method = "full"\nseed = 1\n', "count = 3\nmodes = 4\n"):
            self.refuse("case.toml:", "allowed" if "modes" not in keys else "raise count", spectrum=keys)

    def test_effective_dimension_at_the_ridge(self):
        result = self.spectrum_of(regression="ridge = 0.5\n", spectrum="")
        exact = result["effective_dimension"]
        values = self.N * result["eigenvalue"]
        np.testing.assert_allclose(exact, (values / (values + 0.5)).sum(), rtol=1e-9)
        self.assertNotIn("effective_dimension_upper", result)
        result = self.spectrum_of(regression="ridge = 0.5\n", spectrum='count = 5\nmethod = "lanczos"\n')
        self.assertLess(result["effective_dimension"], exact)
        self.assertGreater(result["effective_dimension_upper_attribute"], exact)
        shown = self.run_ok(["show", self.folder / "out.h5"]).out
        phases = shown.split("\n  phase ")[1].split("\n\n")[0].splitlines()[1:]
        self.assertIn("smallest eigenvalue", "".join(phases))
        self.assertEqual(len({len(line) for line in phases}), 1, phases)

    def test_no_targets(self):
        data = 'format = "idx"\ntrain = { inputs = "train-x.gz" }\n'
        self.refuse("targets", data=data, regression=None, spectrum="count = 3\n")

    def test_power_iteration_on_degenerate_pairs(self):
        """The eigenvalues of the cube have the multiplicities of binomial coefficients."""
        data = 'format = "synthetic"\nkind = "boolean_cube"\ndimension = 6\ntarget = "x1*x2"\n'
        result = self.spectrum_of(2, data=data, spectrum='count = 4\nmethod = "power"\n')
        self.assertEqual(result["degenerate_pair"], 1)
        self.assertIn("cannot tell eigenpair 1 from the next", result["warnings"])
        lanczos = self.spectrum_of(2, data=data, spectrum='count = 4\nmethod = "lanczos"\n')
        np.testing.assert_allclose(lanczos["eigenvalue"][1:], lanczos["eigenvalue"][1], rtol=1e-12)

    def test_condition_number_is_not_of_noise(self):
        """One sample twice: the smallest eigenvalue is zero, the factor that of K + ridge I."""
        x = self.train_x.copy()
        x[1] = x[0]
        self.write("train-x.gz", gzip.compress(idx(x)))
        result = self.spectrum_of(regression="ridge = 0.02\n", spectrum=table(count=COUNT, method='"lanczos"'))
        self.assertLessEqual(abs(result["smallest_eigenvalue"]), result["smallest_eigenvalue_error"])
        self.assertTrue(math.isinf(result["condition_number"]))

    def test_constant_kernel_is_not_divided_by(self):
        """One sample many times: rank one, and nothing is learned of what the targets differ in."""
        self.write("train-x.gz", gzip.compress(idx(np.repeat(self.train_x[:1], self.N, axis=0))))
        result = self.spectrum_of(regression=None, spectrum=table(count=COUNT, centre="true"))
        self.assertTrue(math.isinf(result["condition_number"]))
        self.assertNotIn("centred_alignment", result)
        self.assertIn("centred left out", result["out"])
        np.testing.assert_array_equal(result["pca_train_projection"], 0.0)
        np.testing.assert_array_equal(result["pca_test_projection"], 0.0)
        self.assertEqual(result["predicted_steps"][0], -1)


if __name__ == "__main__":
    unittest.main()
