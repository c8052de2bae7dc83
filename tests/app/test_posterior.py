"""[posterior], the Gaussian law of f_t, from configuration to result file, against dense formulas in NumPy."""

import gzip
import unittest

import h5py
import numpy as np

from support import INPUTS, Case, idx, on_sphere, one_hot, relu_kernels

USAGE, NUMERICAL, RESOURCES = 2, 4, 5

TIMES = [0.0, 2.0, 50.0, np.inf]  # in units of 1 / lambda_max
QUANTILES = [0.1, 0.5, 0.975]
NORMAL_QUANTILES = [-1.2815515655446004, 0.0, 1.9599639845400545]
EPSILON = np.finfo(float).eps


def rounding_bound(n, condition, size):
    """Of errors of the law: N eps cond(Theta) times the size of the kernels."""
    return n * EPSILON * condition * size


CONDITION = 2e4  # of Theta, no more of which `expect` allows
BOUND = rounding_bound(Case.N, CONDITION, 10.0)


def dense_law(train, test, y, times, last_layer, ridge):
    """Mean, covariance and absolute times of f_t at the rows of test: the formulas of Lee et al. (2019)."""
    nngp, ntk = relu_kernels(train, train)
    nngp_test, ntk_test = relu_kernels(test, train)
    prior, _ = relu_kernels(test, test)
    np.fill_diagonal(prior, diagonals(test)[0])
    for kernel, exact in zip((nngp, ntk), diagonals(train)):
        np.fill_diagonal(kernel, exact)
    theta, theta_test = (nngp, nngp_test) if last_layer else (ntk, ntk_test)
    n = len(train)
    values, vectors = np.linalg.eigh(theta)
    assert values[-1] <= CONDITION * values[0], values
    times = np.asarray(times) * n / values[-1]
    mean, covariance = [], []
    for t in times:
        phi = (1 - np.exp(-t * (values + ridge) / n)) / (values + ridge)
        a = theta_test @ (vectors * phi) @ vectors.T
        noise = ridge if last_layer else 0.0
        mean.append(a @ y)
        covariance.append(
            prior - a @ nngp_test.T - nngp_test @ a.T + a @ (nngp + noise * np.eye(n)) @ a.T
        )
    return np.array(mean), np.array(covariance), times


def diagonals(x):
    """NNGP and NTK of each point with itself: arccos in relu_kernels loses half its digits there."""
    nngp = 2.0 * (x * x).sum(1) / x.shape[1] + 0.01
    ntk = nngp
    for _ in range(2):
        nngp = nngp + 0.01
        ntk = nngp + ntk
    return nngp, ntk


def table(**keys):
    names = {"times": "[0, 2, 50, inf]", "quantiles": str(QUANTILES), **keys}
    return "".join(f"{key} = {value}\n" for key, value in names.items() if value is not None)


class PosteriorCase(Case):
    def setUp(self):
        super().setUp()
        self.x, self.x_test = on_sphere(self.train_x), on_sphere(self.test_x)
        self.y = one_hot(self.train_y, self.CLASSES)

    def law_of(self, ranks=None, **tables):
        """What a run leaves in /posterior."""
        ran = self.run_ok(["run", self.config(**tables), "--overwrite"], ranks)
        with h5py.File(self.folder / "out.h5") as file:
            result = {name: file["posterior"][name][...] for name in file["posterior"]}
            result["attributes"] = dict(file["posterior"].attrs)
            result["warnings"] = ran.err
            result["phases"] = [b"".join(name).decode().strip("\0") for name in file["timing/phase"]]
            for name in file["posterior"]:
                for axis in file["posterior"][name].dims if file["posterior"][name].ndim > 1 else []:
                    self.assertEqual(len(axis), 1, name)
        return result

    def expect(self, result, times=TIMES, last_layer=False, ridge=0.0):
        mean, covariance, absolute = dense_law(self.x, self.x_test, self.y, times, last_layer, ridge)
        np.testing.assert_allclose(result["mean"], mean, rtol=0, atol=BOUND)
        variance = np.array([np.diag(c) for c in covariance])
        np.testing.assert_allclose(result["variance"], variance, rtol=0, atol=BOUND)
        if "covariance" in result:
            np.testing.assert_allclose(result["covariance"], covariance, rtol=0, atol=BOUND)
            np.testing.assert_array_equal(
                np.diagonal(result["covariance"], axis1=1, axis2=2), result["variance"]
            )
        if "quantile" in result:
            deviation = np.sqrt(result["variance"])[:, None, :, None]
            expected = result["mean"][:, None] + np.array(NORMAL_QUANTILES)[:, None, None] * deviation
            rounding = 8 * EPSILON * np.abs(expected).max()
            np.testing.assert_allclose(result["quantile"], expected, rtol=0, atol=rounding)
        return absolute


class LawTest(PosteriorCase):
    def test_all_layers_at_finite_times(self):
        result = self.law_of(posterior=table(covariance="true"))
        absolute = self.expect(result)
        np.testing.assert_allclose(result["time"], absolute, rtol=1e-10)
        np.testing.assert_array_equal(result["mean"][0], 0.0)
        np.testing.assert_array_equal(result["level"], QUANTILES)
        self.assertEqual(result["attributes"]["training"], "all_layers")
        self.assertEqual(result["attributes"]["clipped_count"], 0)
        # The check can fail: another ridge is another law.
        with self.assertRaises(AssertionError):
            self.expect(result, ridge=1e-6)

    def test_infinity_alone_needs_no_eigenvectors(self):
        for keys in ("", "covariance = true\n"):
            result = self.law_of(ranks=2, posterior=keys)
            self.expect(result, times=[np.inf])
            self.assertNotIn("quantile", result)
            self.assertIn("posterior factor", result["phases"])
            self.assertNotIn("posterior eigen", result["phases"])

    def test_last_layer_with_ridge_is_gaussian_process_regression(self):
        kernel = 'depth = 3\ntype = "nngp"\n'
        result = self.law_of(kernel=kernel, regression="ridge = 0.3\n", posterior=table())
        self.expect(result, last_layer=True, ridge=0.3)
        self.assertEqual(result["attributes"]["training"], "last_layer")
        self.assertEqual(result["attributes"]["ridge"], 0.3)
        of_ntk = self.law_of(
            regression="ridge = 0.3\n", posterior='training = "last_layer"\ntimes = "infinity"\n'
        )
        np.testing.assert_allclose(of_ntk["variance"][0], result["variance"][-1], atol=BOUND)
        with h5py.File(self.folder / "out.h5") as file:  # whose regression has the NTK
            ntk_mean = file["regression/test_prediction"][...]
        self.assertGreater(np.abs(of_ntk["mean"][0] - ntk_mean).max(), 1e-3)

    def test_time_zero_needs_no_eigenvectors(self):
        result = self.law_of(ranks=2, posterior=table(times="[0, inf]", samples=2))
        self.expect(result, times=[0.0, np.inf])
        self.assertNotIn("posterior eigen", result["phases"])
        self.assertGreater(np.abs(result["sample"][0] - result["sample"][1]).max(), 1e-3)

    def test_mean_is_the_closed_form(self):
        self.law_of(regression="ridge = 0.05\n", posterior="")
        with h5py.File(self.folder / "out.h5") as file:
            np.testing.assert_allclose(
                file["posterior/mean"][0], file["regression/test_prediction"][...], atol=BOUND
            )

    def test_eigensystem_is_shared_where_another_stage_has_it(self):
        result = self.law_of(spectrum="", dynamics="", posterior=table())
        self.expect(result)
        self.assertEqual(result["phases"].count("eigensystem"), 1)
        self.assertNotIn("posterior eigen", result["phases"])
        other = self.law_of(spectrum="", posterior=table(training='"last_layer"'))
        self.expect(other, last_layer=True)
        self.assertIn("posterior eigen", other["phases"])

    def test_certain_at_training_points(self):
        self.write("test-x", idx(self.train_x[: self.M]))
        for posterior in ("", table()):
            result = self.law_of(posterior=posterior)
            self.assertLess(result["variance"][-1].max(), BOUND)
            np.testing.assert_allclose(result["mean"][-1], self.y[: self.M], atol=BOUND)

    def test_uncertain_variances_are_reported(self):
        data = 'format = "synthetic"\nkind = "circle"\nsize = 60\ntest_size = 5\ntarget = "x1*x2"\n'
        words = "small variances of this result are not certain"
        for ridge, is_certain in ((0.0, False), (0.1, True)):
            result = self.law_of(
                data=data, kernel='depth = 3\nactivation = "erf"\n', posterior=table(),
                regression=f"ridge = {ridge}\n" if ridge else None,
            )
            self.assertEqual(result["attributes"]["variance_rounding"] < 1e-3, is_certain)
            (self.assertNotIn if is_certain else self.assertIn)(words, result["warnings"])

    def test_test_points_in_several_blocks(self):
        # 1,000 x 8 bytes a column: one rank takes 8,320 points at a time.
        data = (
            'format = "synthetic"\nkind = "gaussian"\nsize = 1000\ntest_size = 9000\n'
            'dimension = 5\ntarget = "x1*x2"\n'
        )
        result = self.law_of(
            data=data, kernel='type = "nngp"\n', regression="ridge = 0.01\n",
            posterior=f"quantiles = {QUANTILES}\n", output='file = "out.h5"\ngram = true\n',
        )
        with h5py.File(self.folder / "out.h5") as file:
            kernel, cross = file["kernel/train_train"][...], file["kernel/test_train"][...]
            prior, prediction = file["kernel/test_diagonal"][...], file["regression/test_prediction"][...]
        solved = np.linalg.solve(kernel + 0.01 * np.eye(1000), cross.T)
        variance = prior - (cross.T * solved).sum(0)
        bound = rounding_bound(1000, np.linalg.cond(kernel + 0.01 * np.eye(1000)), prior.max())
        np.testing.assert_allclose(result["variance"][0], variance, rtol=0, atol=bound)
        np.testing.assert_allclose(result["mean"][0], prediction, rtol=0, atol=bound)
        self.assertLess(bound, 1e-3 * prior.min())
        deviation = np.sqrt(result["variance"][0])[:, None]
        for level, quantile in zip(NORMAL_QUANTILES, result["quantile"][0]):
            expected = result["mean"][0] + level * deviation
            np.testing.assert_allclose(quantile, expected, rtol=0, atol=8 * EPSILON * prior.max())


class PathTest(PosteriorCase):
    SAMPLES = 500

    def test_paths_have_the_moments_of_the_law(self):
        result = self.law_of(posterior=table(samples=self.SAMPLES, covariance="true"))
        self.assertEqual(result["sample"].shape, (len(TIMES), self.SAMPLES, self.M, self.CLASSES))
        for time in range(len(TIMES)):
            deviation = np.sqrt(result["variance"][time])[:, None]
            error = result["sample"][time].mean(0) - result["mean"][time]
            self.assertLess((np.abs(error) / deviation).max(), 5 / np.sqrt(self.SAMPLES))
            # Outputs are independent and alike.
            paths = result["sample"][time] - result["mean"][time]
            count = self.SAMPLES * self.CLASSES
            empirical = np.einsum("smc,snc->mn", paths, paths) / count
            c = result["covariance"][time]
            spread = np.sqrt((np.outer(np.diag(c), np.diag(c)) + c**2) / count)
            self.assertLess((np.abs(empirical - c) / spread).max(), 5.0)
        # A path is one function followed through time, not a new draw at each.
        first, second = (result["sample"][t] - result["mean"][t] for t in (0, 1))
        self.assertGreater(np.corrcoef(first.ravel(), second.ravel())[0, 1], 0.5)

    def test_ranks_agree(self):
        keys = table(samples=3, covariance="true", seed=7)
        for regression in ("ridge = 0.0\n", "ridge = 0.2\n"):
            one = self.law_of(regression=regression, posterior=keys)
            for ranks in (2, 3):
                several = self.law_of(
                    ranks=ranks, regression=regression, posterior=keys, parallel="block_size = 3\n"
                )
                for name in ("mean", "variance", "covariance", "quantile", "sample"):
                    np.testing.assert_allclose(several[name], one[name], rtol=0, atol=BOUND)
        other = self.law_of(posterior=table(samples=3, seed=8))
        self.assertGreater(np.abs(other["sample"] - one["sample"]).max(), 1e-3)

    def test_smooth_activations_have_paths(self):
        # Their kernel between 58 points of a circle is singular to rounding.
        data = (
            'format = "synthetic"\nkind = "circle"\nsize = 8\ntest_size = 50\n'
            'target = "x1*x2"\ntargets = { encoding = "raw" }\n'
        )
        for activation in ("erf", "gelu", "gaussian"):
            for ranks in (1, 2):
                result = self.law_of(
                    ranks=ranks, data=data, kernel=f'depth = 3\nactivation = "{activation}"\n',
                    regression=None, posterior=table(samples=self.SAMPLES, covariance="true"),
                )
                jitter = result["attributes"]["sample_jitter"]
                prior = result["variance"][0]
                # (N + M) eps times the mean over N + M points, all of one norm.
                np.testing.assert_allclose(jitter, 58 * EPSILON * prior[0], rtol=1e-6)
                paths = result["sample"][0][:, :, 0]
                c = result["covariance"][0]
                spread = np.sqrt((np.outer(prior, prior) + c**2) / self.SAMPLES)
                empirical = np.einsum("sm,sn->mn", paths, paths) / self.SAMPLES
                self.assertLess((np.abs(empirical - c) / spread).max(), 5.0)
        rough = self.law_of(regression=None, posterior=table(samples=1))
        self.assertEqual(rough["attributes"]["sample_jitter"], 0.0)

    def test_noise_of_the_targets_is_in_the_paths(self):
        result = self.law_of(
            regression="ridge = 2.0\n",
            posterior=table(training='"last_layer"', samples=self.SAMPLES),
        )
        paths = result["sample"][-1] - result["mean"][-1]
        ratio = (paths**2).mean((0, 2)) / result["variance"][-1]
        bound = 5 * np.sqrt(2 / (self.SAMPLES * self.CLASSES))
        self.assertLess(np.abs(ratio - 1).max(), bound)


class InputTest(PosteriorCase):
    def test_the_example_runs_and_is_shown(self):
        output = self.folder / "out.h5"
        self.run_ok(["run", INPUTS / "posterior.toml", "--output", output])
        with h5py.File(output) as file:
            self.assertEqual(file["posterior/sample"].shape, (5, 10, 400, 1))
            self.assertTrue((file["posterior/variance"][-1] < file["posterior/variance"][0]).all())
        shown = self.run_ok(["show", output]).out
        self.assertRegex(shown, r"\nposterior\n  training +all_layers")
        self.assertIn("/posterior/quantile", shown)

    def refuse(self, code, *words, **tables):
        return self.assert_refused(["run", self.config(**tables)], code, *words)

    def test_wrong_values(self):
        for value in ("0", "1.0", "nan", "-0.5"):
            with self.subTest(value=value):
                self.refuse(USAGE, "posterior.quantiles", value, posterior=f"quantiles = [{value}]\n")
        self.refuse(USAGE, "posterior.quantiles", posterior="quantiles = [0.9, 0.1]\n")
        self.refuse(USAGE, "posterior.times", posterior="times = [1, -1]\n")
        self.refuse(USAGE, "posterior.samples", posterior="samples = -1\n")
        self.refuse(
            USAGE, "posterior.training", "nngp", "last_layer",
            kernel='type = "nngp"\n', posterior='training = "all_layers"\n',
        )

    def test_no_test_set(self):
        data = 'format = "idx"\ntrain = { inputs = "train-x.gz", targets = "train-y.gz" }\n'
        self.refuse(USAGE, "posterior", "no test set", data=data, posterior="")
        synthetic = 'format = "synthetic"\nkind = "circle"\nsize = 8\n'
        self.refuse(USAGE, "posterior", "no test set", data=synthetic, posterior="")

    def test_covariance_that_fits_no_machine(self):
        data = (
            'format = "synthetic"\nkind = "gaussian"\nsize = 500\ntest_size = 2000000\n'
            'dimension = 3\ntarget = "x1"\n'
        )
        result = self.refuse(RESOURCES, "posterior", data=data, posterior="covariance = true\n")
        self.assertIn("posterior.covariance = false", result.err)
        # 10^5 test points of 8 GiB per rank: refused by the plan as by the run.
        config = self.config(data=data.replace("2000000", "100000"), posterior="covariance = true\n")
        self.assert_refused(
            ["plan", config, "--memory-per-rank", "8GiB"], RESOURCES, "posterior.covariance = false", ranks=None
        )
        self.run_ok(["plan", self.config(data=data.replace("2000000", "100000"), posterior=""),
                     "--memory-per-rank", "8GiB"])

    def test_repeated_points(self):
        images = self.train_x.copy()
        images[7] = images[3]
        self.write("train-x.gz", gzip.compress(idx(images)))
        self.refuse(NUMERICAL, "posterior.times", "training sample 7", regression=None, posterior="")
        self.refuse(
            NUMERICAL, "dynamics.initial", "training sample 7", regression=None,
            dynamics='initial = "gaussian_process"\n',
        )
        result = self.law_of(regression=None, posterior="times = [1, inf]\n")
        self.assertTrue(np.isfinite(result["mean"]).all())


if __name__ == "__main__":
    unittest.main()
