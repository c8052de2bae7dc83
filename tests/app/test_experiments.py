"""`ntkflow experiment`, from configuration to result file and verdicts."""

import signal
import subprocess
import unittest

import h5py
import numpy as np
import xarray

from support import INPUTS, MPIEXEC, PROGRAM, TIMEOUT_SECONDS, Case, launch

USAGE, INPUT, NUMERICAL, RESOURCES, EXISTS, STOPPED = 2, 3, 4, 5, 6, 130

# Each study with two widths of eight networks each, so small that it takes moments.
W, D, STEPS = 2, 8, 4
TINY = {
    name: ["network.widths=[8,16]", f"network.draws={D}", f"network.steps={STEPS}", *settings]
    for name, settings in {
        "kernel-convergence": ["experiment.points=5"],
        "gaussian-limit": ["experiment.points=5", "experiment.quantiles=[0.25,0.5]"],
        "principal-components": ["data.train_size=20"],
        "width-scaling": ["data.size=6", "data.test_size=7"],
        "descent": ["data.size=6", "data.test_size=7", "experiment.features=[0.5,1,2]", "network.learning_rate=0.5"],
    }.items()
}
SHAPES = {
    "kernel-convergence": {
        "angle": (5,), "time": (2,), "kernel": (W, D, 2, 5), "limit": (5,), "spread": (W, 2), "drift": (W,),
    },
    "gaussian-limit": {
        "angle": (5,), "limit_time": (2,), "quantile_level": (2,), "network": (W, D, 5), "network_initial": (W, D, 5),
        "mean": (2, 5), "variance": (2, 5), "quantile": (2, 2, 5), "train_point": (4,), "train_angle": (4,),
        "train_target": (4,),
    },
    "principal-components": {
        "component": (10,), "eigenvalue": (10,), "projection": (20, 10), "time": (STEPS + 1,),
        "along": (W, D, STEPS + 1), "across": (W, D, STEPS + 1), "theory_along": (STEPS + 1,),
    },
    "width-scaling": {
        "quantity": (5,), "value": (5, W, D), "slope": (5,), "slope_error": (5,), "intercept": (5,),
        "theory_slope": (5,),
    },
    "descent": {
        "features": (3,), "features_per_sample": (3,), "ridge": (2,), "feature_error": (2, 3, D),
        "feature_error_mean": (2, 3), "feature_error_standard_error": (2, 3), "theory_error": (2, 3),
        "effective_ridge": (2, 3), "kernel_error": (2,), "network_error": (W, D), "limit_error": (W, D),
    },
}
CLAIMS = {"kernel-convergence": 1, "gaussian-limit": 3, "principal-components": 1, "width-scaling": 5, "descent": 6}


def arrays(file):
    """Every data set of numbers but those of time and place."""
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and not name.startswith("timing"):
            found[name] = item[()]

    file.visititems(keep)
    return found


class ExperimentCase(Case):
    def arguments(self, name, *settings, config=True, output="out.h5"):
        sets = [argument for setting in (*TINY[name], *settings) for argument in ("--set", setting)]
        file = [INPUTS / f"{name}.toml"] if config else []
        return ["experiment", name, *file, *sets, "--output", self.folder / output]

    def assert_finite(self, file):
        for name, value in arrays(file).items():
            if name == "experiment/limit_time":
                self.assertTrue(np.isfinite(value[0]) and value[1] == np.inf)
            else:
                self.assertTrue(np.isfinite(value).all(), f"{name}: {value}")


class ResultTest(ExperimentCase):
    def check(self, name, file, out):
        self.assertEqual(file.attrs["experiment"], name)
        self.assertEqual(file.attrs["status"], "complete")
        self.assertIn(f'name = "{name}"', file.attrs["config"])
        group = file["experiment"]
        for dataset, shape in {"width": (W,), "draw": (D,), **SHAPES[name]}.items():
            self.assertEqual(group[dataset].shape, shape, dataset)
        self.assertEqual(list(group["width"]), [8, 16])
        self.assertEqual(file["network/diverged_at"].shape, (W, D))
        self.assertTrue((file["network/diverged_at"][:] == -1).all())
        network = file["network"].attrs
        for attribute, value in (("draws", D), ("steps", STEPS), ("seed", 0), ("method", "descent")):
            self.assertEqual(network[attribute], value, attribute)
        self.assertGreater(network["stable_learning_rate"], network["learning_rate"])
        self.assertIn(network["precision"], ("single", "double"))
        for attribute in ("activation", "depth", "weight_variance", "bias_variance"):
            self.assertIn(attribute, file["kernel"].attrs)
        self.assert_finite(file)
        self.check_claims(name, file, out)

    def check_claims(self, name, file, out):
        """Stored as they are printed, with the verdict that their numbers give."""
        claim = file["claim"]
        count = CLAIMS[name]
        statements = [b"".join(row).decode().rstrip("\0 ") for row in claim["statement"][:]]
        self.assertEqual(len(statements), count)
        for k, statement in enumerate(statements):
            value, expected, tolerance = (claim[key][k] for key in ("value", "expected", "tolerance"))
            self.assertGreater(tolerance, 0)
            passed = abs(value - expected) <= tolerance
            self.assertEqual(claim["passed"][k], int(passed))
            self.assertIn(f"{'holds' if passed else 'FAILS'}: {statement} = {value:.4g}", out)
        shown = launch(["show", file.filename]).out
        for line in out.splitlines():
            if line.strip().startswith(("holds:", "FAILS:")):
                self.assertIn(line.strip(), shown)
                count -= 1
        self.assertEqual(count, 0)

    def test_every_study_on_one_and_two_ranks(self):
        for name in TINY:
            with self.subTest(study=name):
                found = []
                for ranks in (1, 2):
                    out = self.run_ok(self.arguments(name, output=f"{name}-{ranks}.h5"), ranks).out
                    with h5py.File(self.folder / f"{name}-{ranks}.h5") as file:
                        self.check(name, file, out)
                        found.append(arrays(file))
                self.assertEqual(found[0].keys(), found[1].keys())
                for dataset, value in found[0].items():
                    self.assertEqual(value.tobytes(), found[1][dataset].tobytes(), dataset)

    def test_readers_of_netcdf_open_every_group(self):
        for name in TINY:
            self.run_ok([*self.arguments(name), "--overwrite"], 2)
            with h5py.File(self.folder / "out.h5") as file:
                groups = [group for group in file if isinstance(file[group], h5py.Group)]
            self.assertLessEqual({"experiment", "claim", "network", "kernel", "data", "timing"}, set(groups))
            for engine in ("h5netcdf", "netcdf4"):
                for group in groups:
                    with self.subTest(study=name, engine=engine, group=group):
                        with xarray.open_dataset(self.folder / "out.h5", group=group, engine=engine) as data:
                            data.load()
                            if group == "experiment":
                                self.assertEqual(list(data.width), [8, 16])

    def test_physics_of_the_results(self):
        self.run_ok([*self.arguments("gaussian-limit"), "--overwrite"], 2)
        with h5py.File(self.folder / "out.h5") as file:
            group = file["experiment"]
            # The circle closes, and quantiles ascend around the mean.
            for name in ("mean", "variance"):
                np.testing.assert_allclose(group[name][:, 0], group[name][:, -1], rtol=1e-9)
            np.testing.assert_allclose(group["quantile"][:, 1], group["mean"][:], atol=1e-12)
            self.assertTrue((group["quantile"][:, 0] <= group["mean"][:]).all())
            target = np.cos(group["train_angle"][:]) * np.sin(group["train_angle"][:])
            np.testing.assert_allclose(group["train_target"][:], target, atol=1e-12)
        self.run_ok([*self.arguments("principal-components"), "--overwrite"], 2)
        with h5py.File(self.folder / "out.h5") as file:
            group = file["experiment"]
            self.assertEqual(file["data/train_label"].shape, (20,))
            np.testing.assert_allclose((group["projection"][:] ** 2).mean(0), 1, atol=1e-12)
            np.testing.assert_allclose(group["along"][:, :, 0], 0.5, atol=1e-6)
            rate = group["theory_along"].attrs["lambda"]
            self.assertEqual(rate, group["eigenvalue"][1])
            np.testing.assert_allclose(group["theory_along"][:], 0.5 * np.exp(-rate * group["time"][:]), rtol=1e-12)
            self.assertEqual(len(group["eigenvalue"].attrs["published_eigenvalues"]), 3)
        self.run_ok([*self.arguments("width-scaling"), "--overwrite"], 2)
        with h5py.File(self.folder / "out.h5") as file:
            group = file["experiment"]
            names = [b"".join(row).decode().rstrip("\0 ") for row in group["quantity_name"][:]]
            self.assertEqual(names, ["kernel_deviation", "kernel_drift", "function_gap", "linearisation_gap", "laziness"])
            for k in range(4):
                x = np.repeat(np.log2(group["width"][:]), D)
                slope, intercept = np.polyfit(x, np.log2(group["value"][k].ravel()), 1)
                self.assertAlmostEqual(group["slope"][k], slope, 9)
                self.assertAlmostEqual(group["intercept"][k], intercept, 9)


class ConfigurationTest(ExperimentCase):
    def test_without_a_file_the_study_is_that_of_inputs(self):
        for name in TINY:
            with self.subTest(study=name):
                effective = []
                for config in (True, False):
                    self.run_ok([*self.arguments(name, config=config), "--overwrite"], cwd=INPUTS)
                    with h5py.File(self.folder / "out.h5") as file:
                        effective.append(file.attrs["config"])
                self.assertEqual(*effective)

    def test_an_unknown_study_is_answered_with_those_there_are(self):
        for name in ("kernel_convergence", "all", ""):
            self.assert_refused(["experiment", name], USAGE, *TINY, ranks=None)
        self.assert_refused(["experiment"], USAGE, "NAME")

    def test_names_must_agree(self):
        self.assert_refused(
            self.arguments("width-scaling", 'experiment.name="gaussian-limit"'), USAGE, "experiment.name", "width-scaling"
        )

    def test_a_study_is_no_run_and_a_run_no_study(self):
        for command in ("run", "gram", "plan"):
            self.assert_refused(
                [command, INPUTS / "width-scaling.toml"], USAGE, "network", "ntkflow experiment", ranks=None
            )
        self.assert_refused(["experiment", "width-scaling", self.config()], USAGE, "regression", "ntkflow run", "network")

    def test_data_that_do_not_fit_the_study(self):
        for name, setting, word in (
            ("kernel-convergence", "data.dimension=3", "2 inputs"),
            ("gaussian-limit", "network.draws=1", "network.draws"),
            ("width-scaling", "data.test_size=0", "test"),
            ("width-scaling", "network.widths=[8]", "at least two"),
            ("descent", "data.test_size=0", "test"),
            ("descent", "experiment.ridge=[-1.0]", "experiment.ridge"),
            ("descent", "experiment.features=[1e9]", "experiment.features"),
            ("principal-components", "experiment.component=21", "experiment.component"),
            ("principal-components", "network.steps=0", "network.steps"),
            ("width-scaling", "kernel.depth=1", "kernel.depth"),
            ("width-scaling", 'kernel.activation="step"', "derivative"),
            ("gaussian-limit", "network.widths=[0]", "network.widths"),
            ("gaussian-limit", "experiment.quantiles=[1.0]", "experiment.quantiles"),
        ):
            with self.subTest(study=name, setting=setting):
                self.assert_refused(self.arguments(name, setting), USAGE, word, ranks=None)


class StabilityTest(ExperimentCase):
    def test_a_rate_beyond_the_limit_is_refused_with_the_limit(self):
        for name in TINY:
            with self.subTest(study=name):
                self.run_ok(self.arguments(name, output="stable.h5"))
                with h5py.File(self.folder / "stable.h5") as file:
                    stable = file["network"].attrs["stable_learning_rate"]
                (self.folder / "stable.h5").unlink()
                self.assert_refused(
                    self.arguments(name, f"network.learning_rate={1.001 * stable}"),
                    USAGE, f"{stable:.6g}", "network.learning_rate", 'network.unstable = "run"',
                    ranks=2 if name == "width-scaling" else None,
                )
                self.run_ok([*self.arguments(name, f"network.learning_rate={0.999 * stable}"), "--overwrite"])
                (self.folder / "out.h5").unlink()

    def test_divergence_is_recorded_without_nan(self):
        for name in TINY:
            for rate in (1e2, 1e9, 1e300):
                with self.subTest(study=name, rate=rate):
                    result = self.run_ok(
                        [*self.arguments(name, f"network.learning_rate={rate}", 'network.unstable="run"',
                                         "network.steps=60"), "--overwrite"], 2 if rate == 1e2 else None
                    )
                    self.assertRegex(result.err, f"warning: .* of {W * D} networks diverged, the first after step")
                    self.assertNotIn("nan", result.out)
                    with h5py.File(self.folder / "out.h5") as file:
                        self.assertTrue((file["network/diverged_at"][:] >= 0).any())
                        self.assert_finite(file)

    def test_numbers_beyond_single_precision_are_an_error(self):
        self.assert_refused(
            self.arguments("kernel-convergence", "kernel.weight_variance=1e15", "network.learning_rate=1e-70"),
            NUMERICAL, "/experiment/kernel", "kernel.weight_variance",
        )


class WorldTest(ExperimentCase):
    def test_more_memory_than_there_is(self):
        for name, setting, word in (
            ("gaussian-limit", "network.widths=[1000000]", "take widths up to "),
            ("kernel-convergence", "network.widths=[1000000]", "take widths up to "),
            ("width-scaling", "data.size=4294967296", "fewer samples"),
            ("principal-components", "network.steps=9223372036854775807", "steps"),
        ):
            with self.subTest(study=name, setting=setting):
                self.assert_refused(self.arguments(name, setting), RESOURCES, word, "available", ranks=None)
        self.assert_refused(
            self.arguments("gaussian-limit", "network.widths=[1000000]"), RESOURCES, 'network.precision = "single"'
        )

    def test_missing_data(self):
        self.assert_refused(
            self.arguments("principal-components", 'data.train={ inputs = "nowhere.gz", targets = "nowhere.gz" }'),
            INPUT, "nowhere.gz",
        )
        self.assert_refused(["experiment", "gaussian-limit", self.folder / "no.toml"], USAGE, "no.toml", ranks=None)

    def test_an_existing_file_stays(self):
        path = self.write("out.h5", "precious")
        result = launch(self.arguments("gaussian-limit"), 2)
        self.assertEqual(result.code, EXISTS, result.err)
        self.assertEqual(len(result.errors), 1, result.err)
        self.assertEqual(path.read_text(), "precious")
        # Nor is it lost to a study that is refused.
        result = launch([*self.arguments("gaussian-limit", "network.learning_rate=1e3"), "--overwrite"], 2)
        self.assertEqual(result.code, USAGE, result.err)
        self.assertEqual(path.read_text(), "precious")

    def test_quiet_means_quiet(self):
        result = self.run_ok([*self.arguments("width-scaling"), "--quiet"], 2)
        self.assertEqual(result.out + result.err, "")

    def test_a_signal_ends_the_study(self):
        long = self.arguments("kernel-convergence", "network.steps=100000000")
        many = self.arguments("kernel-convergence", "network.steps=0", "network.draws=1000000", "experiment.points=21")
        for launcher, arguments, sent in (
            ([], long, signal.SIGTERM), ([], many, signal.SIGTERM), ([], long, signal.SIGINT),
            ([MPIEXEC, "-n", "2"], long, signal.SIGUSR1),
        ):
            with self.subTest(signal=sent, launcher=launcher), subprocess.Popen(
                [*launcher, PROGRAM, *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            ) as process:
                self.assertIn("ntkflow", process.stdout.readline())
                process.send_signal(sent)
                _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
                self.assertEqual(process.returncode, STOPPED, errors)
                self.assertIn("stopped on request", errors)
                self.assertEqual(errors.count("ntkflow: error:"), 1)
                self.assertEqual([path.name for path in self.folder.glob("out.h5*")], [])


if __name__ == "__main__":
    unittest.main()
