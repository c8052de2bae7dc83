"""The result file against an independent NumPy computation, and against the tools that users open it with."""

import json
import subprocess
import unittest

import h5py
import numpy as np
import xarray

from support import PROGRAM, SANITIZED, Case, launch, on_sphere, one_hot, relu_kernels

STAGES = {
    "regression": "ridge = 0.125\n",
    "dynamics": 'times = { start = 1e-1, stop = 1e5, count = 7, spacing = "log" }\n',
    "spectrum": "vectors = true\n",
    "output": 'file = "out.h5"\ngram = true\nmodel = true\n',
}


class Oracle:
    """Everything the program computes, by dense linear algebra in NumPy."""

    def __init__(self, case, ridge, kind="ntk"):
        x, z = on_sphere(case.train_x), on_sphere(case.test_x)
        self.y, self.test_y = one_hot(case.train_y, case.CLASSES), one_hot(case.test_y, case.CLASSES)
        pick = {"nngp": 0, "ntk": 1}[kind]
        self.k = relu_kernels(x, x)[pick]
        self.k = (self.k + self.k.T) / 2
        # arccos loses half the digits on the diagonal; there the recursion is known from the norms alone
        q = 2.0 + 0.01
        ntk = q
        for _ in range(2):
            q = q + 0.01
            ntk = q + ntk
        np.fill_diagonal(self.k, {"nngp": q, "ntk": ntk}[kind])
        self.kx = relu_kernels(z, x)[pick]
        self.ridge = ridge
        n = len(x)
        self.alpha = np.linalg.solve(self.k + ridge * np.eye(n), self.y)
        self.prediction = self.kx @ self.alpha
        self.eigenvalues, self.vectors = np.linalg.eigh(self.k)
        self.n = n

    def flow(self, t):
        """Train and test outputs at time t."""
        shifted = self.eigenvalues + self.ridge
        phi = -np.expm1(-t * shifted / self.n) / shifted
        a = self.vectors @ (phi[:, None] * (self.vectors.T @ self.y))
        return self.k @ a, self.kx @ a


class ResultsTest(Case):
    def test_everything_agrees_with_numpy(self):
        for ranks in (1, 2, 4):
            with self.subTest(ranks=ranks):
                self.run_ok(["run", self.config(**STAGES), "--overwrite"], ranks)
                oracle = Oracle(self, 0.125)
                with h5py.File(self.folder / "out.h5") as file:
                    self.check(file, oracle)

    def check(self, file, oracle):
        np.testing.assert_allclose(file["kernel/train_train"][:], oracle.k, rtol=1e-12)
        np.testing.assert_allclose(file["kernel/test_train"][:], oracle.kx, rtol=1e-12)
        np.testing.assert_allclose(file["kernel/test_diagonal"][:], oracle.k[0, 0], rtol=1e-13)
        np.testing.assert_allclose(file["regression/coefficients"][:], oracle.alpha, atol=1e-10)
        np.testing.assert_allclose(file["regression/test_prediction"][:], oracle.prediction, atol=1e-10)
        regression = file["regression"].attrs
        self.assertEqual(regression["ridge"], 0.125)
        self.assertLess(regression["backward_error"], 1e-14)
        self.assertAlmostEqual(regression["log_determinant"], np.log(oracle.eigenvalues + 0.125).sum(), places=9)
        likelihood = (
            -0.5 * (oracle.y * oracle.alpha).sum()
            - 0.5 * 3 * np.log(oracle.eigenvalues + 0.125).sum()
            - 0.5 * 3 * oracle.n * np.log(2 * np.pi)
        )
        self.assertAlmostEqual(regression["log_marginal_likelihood"], likelihood, places=8)
        self.assertAlmostEqual(regression["test_mse"], ((oracle.prediction - oracle.test_y) ** 2).mean(), places=12)
        self.assertAlmostEqual(
            regression["train_mse"], ((oracle.k @ oracle.alpha - oracle.y) ** 2).mean(), places=12
        )
        right = (oracle.prediction.argmax(1) == self.test_y).mean()
        self.assertAlmostEqual(regression["test_accuracy"], right, places=12)

        np.testing.assert_allclose(file["spectrum/eigenvalue"][:], oracle.eigenvalues[::-1] / oracle.n, atol=1e-13)
        vectors = file["spectrum/eigenvector"][:]
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(oracle.n), atol=1e-12)
        np.testing.assert_allclose(
            oracle.k @ vectors.T, vectors.T * file["spectrum/eigenvalue"][:] * oracle.n, atol=1e-11
        )
        energy = ((vectors @ oracle.y) ** 2).sum(1) / oracle.n
        np.testing.assert_allclose(file["spectrum/target_energy"][:], energy, atol=1e-12)

        times = file["dynamics/time"][:]
        np.testing.assert_allclose(times * file["dynamics/time"].attrs["lambda_max"], np.logspace(-1, 5, 7), rtol=1e-12)
        for i, t in enumerate(times):
            on_train, on_test = oracle.flow(t)
            np.testing.assert_allclose(file["dynamics/test_prediction"][i], on_test, atol=1e-10)
            self.assertAlmostEqual(file["dynamics/test_loss"][i], 0.5 * ((on_test - oracle.test_y) ** 2).sum(1).mean())
            self.assertAlmostEqual(file["dynamics/train_loss"][i], 0.5 * ((on_train - oracle.y) ** 2).sum(1).mean())
            self.assertAlmostEqual(file["dynamics/test_accuracy"][i], (on_test.argmax(1) == self.test_y).mean())
        best = file["dynamics/test_loss"][:].argmin()
        self.assertEqual(file["dynamics"].attrs["best_time_by_test_loss"], times[best])
        self.assertLess(file["dynamics"].attrs["error_estimate"], 1e-11)

    def test_every_precision_and_method_agrees_with_numpy(self):
        """Absolute bounds on the closed form and on f_t; the basis fills the space of so few samples."""
        oracle = Oracle(self, 0.125)
        cases = (  # regression, dynamics, bound of the closed form, of f_t
            ('precision = "mixed"\n', 'method = "krylov"\n', 1e-11, 1e-5),
            ('precision = "mixed"\n', 'method = "krylov"\nproducts = "regenerated"\n', 1e-11, 1e-9),
            ('precision = "mixed"\n', 'method = "spectral"\n', 1e-11, 1e-10),
            ('precision = "double"\nfactorization = "lookahead"\n', 'method = "krylov"\n', 1e-11, 1e-9),
            ('precision = "double"\nfactorization = "scalapack"\n', 'method = "krylov"\n', 1e-11, 1e-9),
            ('precision = "single"\n', 'method = "krylov"\n', 1e-3, 1e-3),
        )
        for regression, dynamics, bound, flow_bound in cases:
            for ranks in (1, 2):
                with self.subTest(regression=regression, dynamics=dynamics, ranks=ranks):
                    stages = {**STAGES, "regression": STAGES["regression"] + regression}
                    stages["dynamics"] += dynamics
                    del stages["spectrum"]
                    self.run_ok(["run", self.config(**stages), "--overwrite"], ranks)
                    with h5py.File(self.folder / "out.h5") as file:
                        self.check_flow(file, oracle, flow_bound)
                        prediction = file["regression/test_prediction"][:]
                        np.testing.assert_allclose(prediction, oracle.prediction, atol=bound)
                        attributes = file["regression"].attrs
                        self.assertIn(f'"{attributes["precision"]}"', regression)
                        self.assertEqual(len(attributes["refinement_history"]), attributes["refinement_steps"] + 1)
                        self.assertEqual(attributes["refinement_steps"] > 0, "mixed" in regression)
                        self.assertIn(f'"{file["dynamics"].attrs["method"]}"', dynamics)

    def check_flow(self, file, oracle, bound):
        estimate = file["dynamics/error_estimate"][:]
        self.assertEqual(file["dynamics"].attrs["error_estimate"], estimate.max())
        for i, t in enumerate(file["dynamics/time"][:]):
            on_train, on_test = oracle.flow(t)
            prediction = file["dynamics/test_prediction"][i]
            np.testing.assert_allclose(prediction, on_test, atol=bound)
            if file["dynamics"].attrs["method"] == "krylov":
                # NumPy's own error, of its kernel through arccos and of its eigensystem, comes on top
                self.assertLessEqual(abs(prediction - on_test).max(), estimate[i] + 1e-10)
            self.assertAlmostEqual(file["dynamics/train_loss"][i], 0.5 * ((on_train - oracle.y) ** 2).sum(1).mean(), 3)

    def test_krylov_needs_no_factor(self):
        oracle = Oracle(self, 0.0)
        for products in ("stored", "regenerated"):
            dynamics = STAGES["dynamics"] + f'method = "krylov"\nproducts = "{products}"\n'
            self.run_ok(["run", self.config(regression=None, dynamics=dynamics), "--overwrite"], 2)
            with h5py.File(self.folder / "out.h5") as file:
                self.check_flow(file, oracle, 1e-9)
                self.assertEqual(file["dynamics"].attrs["solve_count"], 0)
                self.assertEqual(file["dynamics"].attrs["products"], products)

    def test_mixed_precision_falls_back_to_double(self):
        """A linear kernel of 9 dimensions and 40 samples has rank 10: with little ridge, single cannot factor it."""
        kernel = "depth = 1\n"
        for ridge, precision in ((1e-7, "double"), (1.0, "mixed")):
            regression = f'ridge = {ridge}\nprecision = "mixed"\n'
            log = self.folder / "log.json"
            arguments = [self.config(kernel=kernel, regression=regression), "--overwrite", "--log-json", log]
            result = self.run_ok(["run", *arguments], 2)
            self.assertEqual("going on in double precision" in result.err, precision == "double")
            events = [json.loads(line) for line in log.read_text().splitlines()]
            factored = [event for event in events if event["event"] == "phase_end" and event["phase"] == "factor"]
            self.assertEqual(len(factored), 2 if precision == "double" else 1)
            with h5py.File(self.folder / "out.h5") as file:
                attributes = file["regression"].attrs
                self.assertEqual(attributes["precision"], precision)
                self.assertEqual("precision_reason" in attributes, precision == "double")
                self.assertLess(attributes["backward_error"], 1e-14)

    def test_automatic_choices_are_stored_with_their_reasons(self):
        stages = {"regression": 'precision = "auto"\n', "dynamics": STAGES["dynamics"] + 'method = "auto"\n'}
        result = self.run_ok(["run", self.config(**stages)], 2)
        with h5py.File(self.folder / "out.h5") as file:
            for group, key in (("regression", "precision"), ("dynamics", "method")):
                choice, reason = (file[group].attrs[name] for name in (key, key + "_reason"))
                self.assertIn(f"{key} {choice}: {reason}", result.out)
            self.assertIn('precision = "auto"', file.attrs["config"])

    def test_nngp_agrees_with_numpy(self):
        kernel = 'type = "nngp"\ndepth = 3\n'
        self.run_ok(["run", self.config(kernel=kernel)], 2)
        with h5py.File(self.folder / "out.h5") as file:
            np.testing.assert_allclose(
                file["regression/test_prediction"][:], Oracle(self, 0.0, "nngp").prediction, atol=1e-9
            )

    def test_kernels_of_every_depth_agree_with_numpy(self):
        x = on_sphere(self.train_x)
        for command, ranks in (("run", 2), ("gram", 3)):
            with self.subTest(command=command):
                config = self.config(regression=None, output='file = "out.h5"\ngram_depths = true\n')
                self.run_ok([command, config, "--overwrite"], ranks)
                with xarray.open_dataset(self.folder / "out.h5", group="kernel", engine="h5netcdf") as data:
                    self.assertEqual(data.train_train_by_depth.dims[0], "depth")
                    self.assertEqual(list(data.depth), [1, 2, 3])
                with h5py.File(self.folder / "out.h5") as file:
                    self.assertEqual("train_train" in file["kernel"], command == "gram")
                    kernels = file["kernel/train_train_by_depth"][:]
                off_diagonal = ~np.eye(self.N, dtype=bool)
                for depth in (1, 2, 3):
                    ntk = relu_kernels(x, x, depth)[1]
                    np.testing.assert_allclose(kernels[depth - 1][off_diagonal], ntk[off_diagonal], rtol=1e-12)
                    np.testing.assert_array_equal(kernels[depth - 1], kernels[depth - 1].T)

    def test_a_wrong_oracle_is_seen(self):
        self.run_ok(["run", self.config(**STAGES)])
        oracle = Oracle(self, 0.125)
        oracle.alpha[3, 1] *= 1 + 1e-6
        with h5py.File(self.folder / "out.h5") as file, self.assertRaises(AssertionError):
            self.check(file, oracle)

    def test_gram_command_writes_the_kernel_alone(self):
        self.run_ok(["gram", self.config(**STAGES)], 3)
        oracle = Oracle(self, 0.0)
        with h5py.File(self.folder / "out.h5") as file:
            np.testing.assert_allclose(file["kernel/train_train"][:], oracle.k, rtol=1e-12)
            np.testing.assert_allclose(file["kernel/test_train"][:], oracle.kx, rtol=1e-12)
            self.assertNotIn("regression", file)

    def test_initial_function_is_part_of_both_stages(self):
        stages = dict(STAGES)
        stages["regression"] = "ridge = 0.0\n"
        stages["dynamics"] = 'times = [0.0, 1e300]\ntime_unit = "absolute"\ninitial = "gaussian_process"\nseed = 4\n'
        stages["output"] = 'file = "out.h5"\n'
        self.run_ok(["run", self.config(**stages)], 2)
        oracle = Oracle(self, 0.0)
        with h5py.File(self.folder / "out.h5") as file:
            start, end = file["dynamics/test_prediction"][:]
            # f_infinity = f_0 + kappa K^-1 (y - f_0(X)); f_0 on the test set is what t = 0 shows
            closed_form = file["regression/test_prediction"][:]
            np.testing.assert_allclose(end, closed_form, atol=1e-9)
            increment = oracle.kx @ file["regression/coefficients"][:]
            np.testing.assert_allclose(closed_form - start, increment, atol=1e-9)
            self.assertGreater(np.abs(start).max(), 0.1)
            self.assertLess(file["dynamics/train_loss"][1], 1e-15)

    def test_predict_repeats_the_test_predictions(self):
        self.run_ok(["run", self.config(**STAGES)], 2)
        for ranks in (1, 3):
            self.run_ok(
                ["predict", self.folder / "out.h5", "--inputs", self.folder / "test-x", "--output", "new.h5",
                 "--overwrite"],
                ranks,
                cwd=self.folder,
            )
            with h5py.File(self.folder / "out.h5") as model, h5py.File(self.folder / "new.h5") as new:
                expected = model["regression/test_prediction"][:]
                np.testing.assert_allclose(new["prediction/value"][:], expected, atol=1e-11)
                np.testing.assert_array_equal(new["prediction/class"][:], expected.argmax(1))
            for engine in ("h5netcdf", "netcdf4"):
                with xarray.open_dataset(self.folder / "new.h5", group="prediction", engine=engine) as data:
                    self.assertEqual(data.value.dims, ("sample", "output"))


class ScreenTest(Case):
    """What appears on the terminal, and in the JSON log."""

    def test_the_kernel_and_its_evaluation_are_reported(self):
        kernel = 'activation = { name = "leaky_relu", negative_slope = 0.25 }\ndepth = 2\n'
        out = self.run_ok(["run", self.config(kernel=kernel)], 2).out
        self.assertRegex(out, r'\nkernel  ntk of \{ name = "leaky_relu", negative_slope = 0.25 \}, depth 2: \S+')
        with h5py.File(self.folder / "out.h5") as file:
            attributes = dict(file["kernel"].attrs)
        self.assertIn(attributes["evaluation_path"], ("fused", "layered", "reference"))
        self.assertTrue(0 < attributes["evaluation_error"] < 1e-12)
        self.assertEqual(attributes["activation"], "leaky_relu")
        self.assertEqual(attributes["activation_negative_slope"], 0.25)
        self.assertEqual(np.shape(attributes["activation_negative_slope"]), ())

    def test_info_lists_activations_in_lines_of_100_columns(self):
        lines = self.run_ok(["info"]).out.split("activations  ")[1].splitlines()
        self.assertIn("leaky_relu (negative_slope = 0.01)", " ".join(lines))
        self.assertGreater(len(lines), 1)
        for line in lines[1:]:
            self.assertTrue(line.startswith(" " * 13) and len(line) <= 100, line)

    def test_quiet_prints_nothing(self):
        result = self.run_ok(["run", self.config(), "--quiet"], 2)
        self.assertEqual(result.out, "")

    def test_rank_0_alone_prints_each_phase_once(self):
        result = self.run_ok(["run", self.config(**STAGES)], 3)
        for word in ("3 ranks x", "grid 1 x 3", "test accuracy", "flow identity", "result: ", "planned"):
            self.assertEqual(sum(word in line for line in result.out.splitlines()), 1, word)
        self.assertNotIn("\r", result.out)  # under a launcher there is no bar

    def test_bar_on_request(self):
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 1500\ndimension = 2000\ntarget = "x1"\n'
        result = launch(["run", self.config(data=data), "--progress", "bar"], 2, text=False)
        self.assertEqual(result.code, 0, result.err)
        self.assertIn(b"\r", result.out)

    def test_verbose_prints_the_effective_configuration(self):
        self.assertIn("weight_variance", self.run_ok(["run", self.config(), "--verbose"]).out)

    def test_json_log_has_one_object_per_line(self):
        self.run_ok(["run", self.config(), "--log-json", self.folder / "log.json"], 2)
        events = [json.loads(line) for line in (self.folder / "log.json").read_text().splitlines()]
        self.assertEqual(events[0]["event"], "start")
        accuracy = [event["value"] for event in events if event.get("name") == "test_accuracy"]
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(accuracy, [file["regression"].attrs["test_accuracy"]])
        phases = [event["phase"] for event in events if event["event"] == "phase_end"]
        self.assertIn("factor", phases)

    def test_settings_are_applied_over_the_file(self):
        self.run_ok(["run", self.config(), "--set", "kernel.depth=1", "--set", "regression.ridge=0.5"])
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file["kernel"].attrs["depth"], 1)
            self.assertEqual(file["regression"].attrs["ridge"], 0.5)

    def test_a_name_in_another_encoding_does_not_end_the_log(self):
        config = self.config()
        odd = bytes(self.folder) + b"/caf\xe9.toml"
        with open(odd, "wb") as file:
            file.write(config.read_bytes())
        result = subprocess.run(
            [PROGRAM, "run", odd, "--log-json", self.folder / "log.json"], capture_output=True, stdin=subprocess.DEVNULL
        )
        self.assertIn(result.returncode, (0, 2), result.stderr)  # 2 where a path must be UTF-8, but never 1
        self.assertTrue((self.folder / "log.json").exists())

    @unittest.skipIf(SANITIZED, "AddressSanitizer keeps freed memory and shadows the rest")
    def test_memory_stays_within_the_plan(self):
        """A second copy of the kernel matrix, 200 MB on one rank, would be seen."""
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 5000\ndimension = 5\ntarget = "x1"\n'
        for ranks in (1, 2):
            self.run_ok(["run", self.config(data=data), "--overwrite"], ranks)
            with h5py.File(self.folder / "out.h5") as file:
                timing = dict(file["timing"].attrs)
            matrix = 5000**2 * 8 / ranks
            self.assertLessEqual(timing["peak_resident_bytes"], 1.15 * timing["planned_bytes"])
            self.assertLess(1.15 * timing["planned_bytes"] - timing["peak_resident_bytes"], matrix)
            # The upper triangle is never written; only where there are huge pages does it take memory.
            self.assertGreater(timing["peak_resident_bytes"], matrix / 2)


class ToolsTest(Case):
    """The same file in the hands of h5dump, h5py and xarray."""

    def setUp(self):
        super().setUp()
        self.run_ok(["run", self.config(**STAGES)], 2)
        self.file = self.folder / "out.h5"

    def test_h5dump_reads_the_header(self):
        done = subprocess.run(["h5dump", "-H", self.file], capture_output=True, text=True, check=True)
        self.assertIn('DATASET "test_prediction"', done.stdout)

    def test_every_dataset_is_described(self):
        with h5py.File(self.file) as file:
            def check(name, item):
                if isinstance(item, h5py.Dataset):
                    self.assertIn("long_name", item.attrs, name)
                    self.assertIn("units", item.attrs, name)
                    for axis in item.dims:
                        self.assertTrue(len(axis) == 1 or item.attrs.get("CLASS") == b"DIMENSION_SCALE", name)

            file.visititems(check)

    def test_provenance_is_complete(self):
        with h5py.File(self.file) as file:
            attributes = dict(file.attrs)
        self.assertEqual(attributes["format"], "ntkflow")
        self.assertEqual(attributes["status"], "complete")
        self.assertEqual(attributes["mpi_ranks"], 2)
        self.assertEqual(list(attributes["grid"]), [1, 2])
        for name in ("format_version", "created", "ntkflow_version", "git_revision", "command_line", "config", "hostname",
                     "block_size", "threads_per_rank", "mpi_version", "hdf5_version", "blas_version"):
            self.assertIn(name, attributes)
        self.assertIn("weight_variance", attributes["config"])
        self.assertRegex(attributes["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_xarray_opens_every_group(self):
        for engine in ("h5netcdf", "netcdf4"):
            for group in ("/", "data", "kernel", "regression", "dynamics", "spectrum", "timing", "model"):
                with self.subTest(engine=engine, group=group), xarray.open_dataset(
                    self.file, group=group, engine=engine
                ) as data:
                    data.load()
            with xarray.open_dataset(self.file, group="dynamics", engine=engine) as data:
                self.assertEqual(data.test_prediction.dims, ("time", "test_sample", "output"))
                self.assertEqual(data.test_loss.dims, ("time",))
                self.assertAlmostEqual(float(data.time[0] * data.time.attrs["lambda_max"]), 0.1)

    def test_the_effective_configuration_repeats_the_run(self):
        with h5py.File(self.file) as file:
            text = file.attrs["config"]
            prediction = file["regression/test_prediction"][:]
        self.run_ok(["run", self.write("again.toml", text), "--output", self.folder / "again.h5"], 2)
        with h5py.File(self.folder / "again.h5") as file:
            np.testing.assert_array_equal(file["regression/test_prediction"][:], prediction)

    def test_predict_and_show_know_the_parameters_of_the_activation(self):
        kernel = 'activation = { name = "abrelu", b = 0.5, a = -0.125 }\n'
        self.run_ok(["run", self.config(**{**STAGES, "kernel": kernel}), "--overwrite"], 2)
        arguments = ["--inputs", self.folder / "test-x", "--output", self.folder / "new.h5"]
        self.run_ok(["predict", self.file, *arguments], 2)
        with h5py.File(self.file) as model, h5py.File(self.folder / "new.h5") as new:
            expected = model["regression/test_prediction"][:]
            np.testing.assert_allclose(new["prediction/value"][:], expected, atol=1e-10)
        self.assertIn('  { name = "abrelu", b = 0.5, a = -0.125 }\n', self.run_ok(["show", self.file]).out)
        with h5py.File(self.file, "a") as file:  # another slope is another kernel
            file["kernel"].attrs["activation_b"] = 0.75
        self.run_ok(["predict", self.file, *arguments, "--overwrite"], 2)
        with h5py.File(self.folder / "new.h5") as new:
            self.assertGreater(np.abs(new["prediction/value"][:] - expected).max(), 1e-3)

    def test_a_list_of_parameters_is_a_list_in_the_file(self):
        kernel = 'activation = { name = "polynomial", coefficients = %s }\ndepth = 2\n'
        for coefficients in ("[0.5]", "[0.5, 1.0, 0.25]"):
            with self.subTest(coefficients=coefficients):
                stages = {"kernel": kernel % coefficients, "regression": "ridge = 0.1\n", "output": STAGES["output"]}
                self.run_ok(["run", self.config(**stages), "--overwrite"], 2)
                with h5py.File(self.file) as file:
                    stored = file["kernel"].attrs["activation_coefficients"]
                self.assertEqual(str(list(stored)), coefficients)
                self.assertIn(f'"polynomial", coefficients = {coefficients} }}\n', self.run_ok(["show", self.file]).out)
                self.run_ok(["predict", self.file, "--inputs", self.folder / "test-x", "--output", "new.h5", "--overwrite"],
                            cwd=self.folder)

    def test_an_expression_is_kept_with_and_without_kinks(self):
        for kinks, stored in (("", None), (", kinks = [0.0]", [0.0]), (", kinks = []", [])):
            with self.subTest(kinks=kinks):
                text = "max(x, 0)" if stored != [] else "tanh(x)"
                activation = f'{{ expression = "{text}"{kinks} }}'
                stages = {"kernel": f"activation = {activation}\ndepth = 2\n", "output": STAGES["output"]}
                self.run_ok(["run", self.config(**stages), "--overwrite"], 2)
                with h5py.File(self.file) as file:
                    attributes = dict(file["kernel"].attrs)
                    expected = file["regression/test_prediction"][:]
                self.assertEqual(attributes["activation"], "expression")
                self.assertEqual(attributes["activation_expression"], text)
                self.assertEqual("activation_kinks" in attributes, stored is not None)
                self.assertEqual(list(attributes.get("activation_kinks", [])), stored or [])
                self.assertIn(f" {activation}\n", self.run_ok(["show", self.file]).out)
                for engine in ("h5netcdf", "netcdf4"):
                    xarray.open_dataset(self.file, group="kernel", engine=engine).close()
                self.run_ok(["predict", self.file, "--inputs", self.folder / "test-x", "--output", "new.h5", "--overwrite"],
                            cwd=self.folder)
                with h5py.File(self.folder / "new.h5") as new:
                    np.testing.assert_allclose(new["prediction/value"][:], expected, atol=1e-10)

    def test_show_prints_the_activation_as_a_configuration_writes_it(self):
        self.assertRegex(self.run_ok(["show", self.file]).out, r'\n  activation +"relu"\n')

    def test_show_prints_accuracy_curves_and_spectrum(self):
        out = self.run_ok(["show", self.file]).out
        for word in ("test_accuracy", "best_time_by_test_loss", "eigenvalue", "weight_variance", "GFLOP/s"):
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
