"""[dynamics] with the steps of an optimizer, from configuration to result file, against a loop in NumPy."""

import unittest

import h5py
import numpy as np

from support import Case, launch, on_sphere, one_hot, relu_kernels

USAGE = 2
STEPS = [0, 1, 2, 10, 300]
BOUND = 1e-9  # of f, whose targets are of size 1: arccos in relu_kernels keeps half the digits of a diagonal
RULES = {"gradient_descent": (1.9, 0.0), "heavy_ball": (3.5, 0.9), "nesterov": (1.3, 0.9)}
UNSTABLE = {"gradient_descent": 2.2, "heavy_ball": 4.2, "nesterov": 1.5}


def table(**keys):
    return "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


def steps_of(optimizer, rate, momentum, kernel, test_kernel, y, ridge, count):
    """f on training and test points after 0, 1, ..., count steps, by taking each."""
    n = len(kernel)
    a = before = np.zeros_like(y)
    train, test = [kernel @ a], [test_kernel @ a]
    for _ in range(count):
        ahead = a + momentum * (a - before)
        at = ahead if optimizer == "nesterov" else a
        before, a = a, ahead - rate / n * (kernel @ at + ridge * at - y)
        train.append(kernel @ a)
        test.append(test_kernel @ a)
    return np.array(train), np.array(test)


class DescentCase(Case):
    def setUp(self):
        super().setUp()
        x, test_x = on_sphere(self.train_x), on_sphere(self.test_x)
        self.y = one_hot(self.train_y, self.CLASSES)
        self.kernel = relu_kernels(x, x)[1]
        nngp = 2.0 * (x * x).sum(1) / x.shape[1] + 0.01
        ntk = nngp
        for _ in range(2):  # arccos loses half the digits where a point meets itself
            nngp = nngp + 0.01
            ntk = nngp + ntk
        np.fill_diagonal(self.kernel, ntk)
        self.test_kernel = relu_kernels(test_x, x)[1]
        self.lambda_max = np.linalg.eigvalsh(self.kernel)[-1] / self.N

    def dynamics_of(self, ranks=None, ridge=0.0, regression=True, **keys):
        """What a run leaves in /dynamics."""
        config = self.config(
            regression=f"ridge = {ridge}\n" if regression else None, dynamics=table(**keys)
        )
        ran = self.run_ok(["run", config, "--overwrite"], ranks)
        with h5py.File(self.folder / "out.h5") as file:
            group = file["dynamics"]
            result = {name: group[name][...] for name in group}
            result["attributes"] = dict(group.attrs)
            result["warnings"] = ran.err
        return result

    def expect(self, result, optimizer, rate, momentum, ridge, steps):
        train, test = steps_of(
            optimizer, rate / self.lambda_max, momentum, self.kernel, self.test_kernel, self.y, ridge, max(steps)
        )
        np.testing.assert_array_equal(result["step"], steps)
        np.testing.assert_allclose(result["time"], np.array(steps) * rate / self.lambda_max, rtol=1e-12)
        np.testing.assert_allclose(result["test_prediction"], test[steps], rtol=0, atol=BOUND)
        loss = 0.5 * ((train[steps] - self.y) ** 2).sum(2).mean(1)
        np.testing.assert_allclose(result["train_loss"], loss, rtol=0, atol=BOUND)
        return train


class RulesTest(DescentCase):
    def test_every_rule_equals_its_loop(self):
        for optimizer, (rate, beta) in RULES.items():
            momentum = None if optimizer == "gradient_descent" else beta
            for ridge, ranks, keys in ((0.0, 2, {}), (0.01, None, {"method": '"krylov"'})):
                with self.subTest(optimizer=optimizer, ridge=ridge):
                    result = self.dynamics_of(
                        ranks, ridge, optimizer=f'"{optimizer}"', learning_rate=rate, momentum=momentum,
                        steps=STEPS, **keys,
                    )
                    self.expect(result, optimizer, rate, beta, ridge, STEPS)
                    attributes = result["attributes"]
                    self.assertEqual(attributes["optimizer"], optimizer)
                    self.assertEqual(attributes["unstable_modes"], 0)
                    self.assertAlmostEqual(attributes["learning_rate"], rate / self.lambda_max, 9)
                    limit = {"gradient_descent": 2, "heavy_ball": 3.8, "nesterov": 3.8 / 2.8}[optimizer]
                    largest = self.lambda_max + ridge / self.N
                    self.assertAlmostEqual(attributes["stable_learning_rate"], limit / largest, 9)
                    self.assertEqual(attributes.get("momentum"), momentum)
                    self.assertLessEqual(attributes["error_estimate"], BOUND)
                    self.assertNotIn("diverges", result["warnings"])
        with self.assertRaises(AssertionError):  # another momentum is another answer
            self.expect(result, "nesterov", 1.3, 0.8, 0.01, STEPS)

    def test_products_alone_and_a_grid_of_steps(self):
        result = self.dynamics_of(
            2, regression=False, optimizer='"gradient_descent"', method='"krylov"',
            steps="{ start = 1, stop = 100, count = 12 }",
        )
        steps = [1, 2, 4, 5, 8, 12, 19, 28, 43, 66, 100]
        self.expect(result, "gradient_descent", 1.0, 0.0, 0.0, steps)
        best = steps[int(result["test_loss"].argmin())]
        self.assertEqual(result["attributes"]["best_step_by_test_loss"], best)
        self.assertAlmostEqual(result["attributes"]["best_time_by_test_loss"], best / self.lambda_max, 9)
        shown = self.run_ok(["show", self.folder / "out.h5"]).out
        self.assertRegex(shown, r"\n +step +time +train loss")

    def test_many_small_steps_are_the_flow(self):
        flow = self.dynamics_of(times=[1, 30])
        self.assertEqual(flow["attributes"]["optimizer"], "flow")
        self.assertNotIn("step", flow)
        error = []
        for split in (100, 200):
            descent = self.dynamics_of(
                optimizer='"gradient_descent"', learning_rate=1 / split, steps=[split, 30 * split]
            )
            np.testing.assert_allclose(descent["time"], flow["time"], rtol=1e-12)
            error.append(np.abs(descent["test_prediction"] - flow["test_prediction"]).max())
        self.assertLess(error[0], 0.01)
        self.assertAlmostEqual(error[0] / error[1], 2.0, 1)


class UnstableTest(DescentCase):
    def test_is_refused_with_its_limit(self):
        for optimizer, limit in (("gradient_descent", "2"), ("heavy_ball", "3.8"), ("nesterov", "1.35714")):
            keys = {"optimizer": f'"{optimizer}"', "learning_rate": UNSTABLE[optimizer]}
            words = (f"{UNSTABLE[optimizer]}/lambda_max", f"{limit}/lambda_max", 'dynamics.unstable = "run"')
            self.assert_refused(["run", self.config(dynamics=table(**keys))], USAGE, *words)
            self.assert_refused(["plan", self.config(dynamics=table(**keys))], USAGE, *words)
        limit = 2 / self.lambda_max
        for method in ('"spectral"', '"krylov"'):
            keys = {"optimizer": '"gradient_descent"', "time_unit": '"absolute"', "method": method}
            config = self.config(dynamics=table(**keys, learning_rate=1.0001 * limit))
            self.assert_refused(["run", config], USAGE, f"{limit:.6g}", "dynamics.learning_rate")
            self.dynamics_of(**keys, learning_rate=0.9999 * limit)
            (self.folder / "out.h5").unlink()
        # A ridge makes a rate unstable that the kernel matrix alone would not.
        ridge = 0.2 * self.N * self.lambda_max
        for method in ('"spectral"', '"krylov"'):
            keys = table(optimizer='"gradient_descent"', learning_rate=1.9, method=method)
            config = self.config(dynamics=keys, regression=f"ridge = {ridge}\n")
            self.assert_refused(["run", config], USAGE, "1.66667/lambda_max")

    def test_runs_and_says_so(self):
        steps = [0, 1, 5, 30, 10**9]
        for optimizer, (_, beta) in RULES.items():
            rate = UNSTABLE[optimizer]
            methods = ('"spectral"', '"krylov"') if beta == 0.0 else ('"krylov"',)
            for method in methods:
                with self.subTest(optimizer=optimizer, method=method):
                    result = self.dynamics_of(
                        2, optimizer=f'"{optimizer}"', learning_rate=rate, steps=steps, unstable='"run"', method=method
                    )
                    train, test = steps_of(
                        optimizer, rate / self.lambda_max, beta, self.kernel, self.test_kernel, self.y, 0.0, 300
                    )
                    for i, step in enumerate(steps[:4]):
                        size = max(1.0, np.abs(test[step]).max())
                        np.testing.assert_allclose(
                            result["test_prediction"][i], test[step], rtol=0, atol=BOUND * size
                        )
                    for name in ("test_prediction", "train_loss", "test_loss", "error_estimate"):
                        self.assertFalse(np.isnan(result[name]).any(), name)
                        self.assertTrue(np.isposinf(result[name][4]).all(), name)
                        self.assertTrue(np.isfinite(result[name][:4]).all(), name)
                    self.assertEqual(result["train_accuracy"][4], 0.0)
                    loss = ((train - self.y) ** 2).sum((1, 2))
                    rises_at = int(np.argmax(loss > loss[0]))
                    attributes = result["attributes"]
                    self.assertEqual(attributes["loss_rises_at_step"], rises_at)
                    self.assertGreaterEqual(attributes["unstable_modes"], 1)
                    self.assertEqual(attributes["overflow_step"], 10**9)
                    self.assertEqual(attributes["error_estimate"], result["error_estimate"][:4].max())
                    for word in ("diverges", f"exceeds its start at step {rises_at}", "the last recorded step, from 1000000000 on, is stored as inf"):
                        self.assertIn(word, result["warnings"])
        self.run_ok(["show", self.folder / "out.h5"])

    def test_every_step_may_overflow(self):
        result = self.dynamics_of(
            optimizer='"gradient_descent"', learning_rate=1e30, steps=[50, 10**6], unstable='"run"'
        )
        self.assertTrue(np.isposinf(result["test_prediction"]).all())
        self.assertEqual(result["attributes"]["overflow_step"], 50)


class ConfigurationTest(DescentCase):
    def test_keys_of_the_other_rule_are_refused(self):
        for keys, word in (
            (table(steps=[1]), "dynamics.steps"),
            (table(optimizer='"nesterov"', times=[1]), "dynamics.times"),
            (table(optimizer='"nesterov"', momentum=1), "dynamics.momentum"),
            (table(optimizer='"nesterov"', learning_rate=0), "dynamics.learning_rate"),
        ):
            self.assert_refused(["run", self.config(dynamics=keys)], USAGE, word)

    def test_plans_as_the_flow_does(self):
        steps = table(optimizer='"heavy_ball"', steps="{ start = 1, stop = 1e6, count = 25 }", method='"auto"')
        for keys in (steps, table(method='"auto"')):
            planned = launch(["plan", self.config(dynamics=keys)])
            self.assertEqual(planned.code, 0, planned.err)
            self.assertIn("dynamics", planned.out)


if __name__ == "__main__":
    unittest.main()
