"""Every refusal: one clear sentence, the right exit code from every rank, no output file, no hang."""

import gzip
import os
import signal
import struct
import subprocess
import tempfile
import time
import unittest

import h5py
import numpy as np

from support import MPIEXEC, PROGRAM, SANITIZED, TIMEOUT_SECONDS, Case, idx, launch

USAGE, INPUT, NUMERICAL, RESOURCES, EXISTS, STOPPED = 2, 3, 4, 5, 6, 130


class CommandLineTest(Case):
    def test_help_and_version_succeed(self):
        for arguments in (["--help"], ["run", "--help"], ["--version"], ["info"]):
            self.assertIn("ntkflow", self.run_ok(arguments).out)

    def test_wrong_command_lines(self):
        config = self.config()
        for arguments in (
            [], ["rnu", config], ["run"], ["run", config, "--progress", "sideways"], ["run", config, "--quiet", "--verbose"],
            ["run", config, "--resume"], ["run", config, "--max-hours", "2"], ["experiment", "decsent"],
            ["predict", "m.h5", "--inputs", "x"], ["plan", config, "--memory-per-rank", "lots"],
            ["show", "m.h5", "--set", "a.b=1"], ["predict", "m.h5", "--inputs", "x", "--output", "y", "--set", "a.b=1"],
            ["plan", config, "--log-json", "log"], ["show", "m.h5", "--quiet"], ["info", "--output", "x"],
        ):
            with self.subTest(arguments=arguments[1:]):
                self.assert_refused(arguments, USAGE)

    def test_missing_configuration(self):
        self.assert_refused(["run", self.folder / "absent.toml"], USAGE, "absent.toml")
        self.assert_refused(["run", self.folder], USAGE, "folder")


class ConfigurationTest(Case):
    def refuse(self, *words, **tables):
        return self.assert_refused(["run", self.config(**tables)], USAGE, *words)

    def test_problems_are_reported_at_once_with_line_and_suggestion(self):
        result = self.refuse(
            "case.toml:", "kernel.dept", "depth", "kernel.weight_variance", "regression.ridge",
            kernel='dept = 3\nweight_variance = -1.0\n', regression='ridge = "much"\n',
        )
        self.assertGreaterEqual(result.err.count("case.toml:"), 3)

    def test_impossible_networks(self):
        self.refuse("depth", kernel="depth = 0\n")
        self.refuse("activation", "relu", kernel='activation = "rellu"\n')
        self.refuse("bias_variance", kernel="bias_variance = -0.1\n")

    def test_what_this_version_lacks_is_refused(self):
        self.refuse("solver", regression='solver = "pcg"\n')
        self.refuse("checkpoint", output='file = "out.h5"\ncheckpoint = { directory = "x" }\n')

    def test_grid_must_match_the_ranks(self):
        self.assert_refused(["run", self.config(parallel="grid = [2, 2]\n")], USAGE, "2, 2", "4")

    def test_sizes(self):
        data = self.config().read_text().split("[kernel]")[0].replace("[data]\n", "")
        self.refuse("train_size", data=data + "train_size = 0\n")
        self.assert_refused(
            ["run", self.config(data=data + "train_size = 41\n")], INPUT, "41", "40"
        )


class StopTest(Case):
    def test_a_signal_ends_the_run_at_a_safe_point(self):
        config = self.config(
            data='format = "synthetic"\nkind = "gaussian"\nsize = 2500\ndimension = 40\ntarget = "x1*x2"\n'
        )
        for launcher in ([], [MPIEXEC, "-n", "2"]):
            with subprocess.Popen(
                [*launcher, PROGRAM, "run", str(config)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            ) as process:
                self.assertIn("ntkflow", process.stdout.readline())
                process.send_signal(signal.SIGUSR1)
                _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
            self.assertEqual(process.returncode, STOPPED, errors)
            self.assertIn("stopped on request", errors)
            self.assertEqual(errors.count("ntkflow: error:"), 1)
            self.assertEqual([path.name for path in self.folder.glob("out.h5*")], [])


class DataTest(Case):
    def refuse(self, *words, code=INPUT, **options):
        return self.assert_refused(["run", self.config(**options)], code, *words)

    def test_missing_file(self):
        (self.folder / "test-x").unlink()
        self.refuse("test-x")

    def test_truncated_gzip(self):
        content = (self.folder / "train-x.gz").read_bytes()
        for keep in (12, len(content) // 2, len(content) - 4):
            with self.subTest(keep=keep):
                self.write("train-x.gz", content[:keep])
                self.refuse("train-x.gz")

    def test_corrupt_gzip(self):
        content = bytearray((self.folder / "train-x.gz").read_bytes())
        content[-6] ^= 1
        self.write("train-x.gz", bytes(content))
        self.refuse("train-x.gz")

    def test_bytes_after_the_end(self):
        self.write("train-x.gz", (self.folder / "train-x.gz").read_bytes() + b"more")
        self.refuse("train-x.gz")

    def test_wrong_magic(self):
        self.write("test-x", b"\x01\x02\x03\x04" + idx(self.test_x)[4:])
        self.refuse("test-x")

    def test_header_that_promises_more_than_the_file_has(self):
        self.write("test-x", struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**16, 2**16) + b"1234")
        self.refuse("test-x")

    def test_label_count(self):
        self.write("train-y.gz", gzip.compress(idx(self.train_y[:-1])))
        self.refuse("train-y.gz", "40", "39")

    def test_label_out_of_range(self):
        self.test_y[4] = 9
        self.write("test-y", idx(self.test_y))
        self.refuse("test-y", "9")

    def test_empty_data(self):
        self.write("train-x.gz", gzip.compress(idx(self.train_x[:0])))
        self.write("train-y.gz", gzip.compress(idx(self.train_y[:0])))
        self.refuse("train-x.gz")

    def test_zero_sample(self):
        self.train_x[17] = 0
        self.write("train-x.gz", gzip.compress(idx(self.train_x)))
        self.refuse("17")

    def test_csv(self):
        good = [[0.5, 1.0, 0], [1.5, -1.0, 1], [0.25, 2.0, 1], [3.0, 0.5, 0]]
        text = "\n".join(",".join(map(str, row)) for row in good) + "\n"
        data = 'format = "csv"\ntrain = { inputs = "train.csv" }\n'
        self.write("train.csv", text)
        self.run_ok(["run", self.config(data=data), "--overwrite"], 2)
        (self.folder / "out.h5").unlink()
        for bad in ("1.0,2.0\n", "1.0,nan,1\n", "1.0,inf,1\n", "1.0,two,1\n"):
            with self.subTest(bad=bad):
                self.write("train.csv", text + bad)
                self.refuse("train.csv", "5", data=data)

    def test_csv_columns_must_agree(self):
        self.write("train.csv", "a,b,y\n1,2,0\n3,4.5,1\n2,1,1\n")
        self.write("test.csv", "b,a,y\n1,2,0\n")
        data = 'format = "csv"\ntrain = { inputs = "train.csv" }\ntest = { inputs = "test.csv" }\n'
        self.refuse("columns", data=data)
        self.write("test.csv", "a,b,y\n1,2,0\n")
        self.run_ok(["run", self.config(data=data)], 2)

    def test_target_expression_must_be_one(self):
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 5\ndimension = 2\ntarget = "%s"\n'
        for wrong in ("x1=2", "x1*+", "x3"):
            self.refuse("data.target", data=data % wrong, code=USAGE)

    def test_hdf5(self):
        with h5py.File(self.folder / "d.h5", "w") as file:
            file["x"] = np.random.default_rng(0).normal(size=(10, 4))
            file["y"] = np.arange(10) % 2
        data = 'format = "hdf5"\ntrain = { inputs = "d.h5:/x", targets = "d.h5:/y" }\n'
        self.run_ok(["run", self.config(data=data), "--overwrite"], 2)
        (self.folder / "out.h5").unlink()
        for value in (np.nan, np.inf):
            with h5py.File(self.folder / "d.h5", "a") as file:
                file["x"][7, 2] = value
            self.refuse("7", "2", data=data)
        self.refuse("/z", data=data.replace("/x", "/z"))


class OutputTest(Case):
    def test_missing_folder(self):
        self.assert_refused(["run", self.config(output='file = "nowhere/out.h5"\n')], INPUT, "nowhere")

    def test_output_is_a_folder(self):
        (self.folder / "dir.h5").mkdir()
        result = launch(["run", self.config(output='file = "dir.h5"\n'), "--overwrite"], 2)
        self.assertEqual(result.code, INPUT, result.err)

    @unittest.skipIf(os.geteuid() == 0 and subprocess.run(["which", "setpriv"], capture_output=True).returncode != 0,
                     "root may write anywhere, and setpriv to become somebody else is missing")
    def test_folder_that_is_not_writable(self):
        locked = self.folder / "locked"
        locked.mkdir()
        locked.chmod(0o555)
        self.folder.chmod(0o755)
        prefix = ()
        if os.geteuid() == 0:
            prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        scratch = tempfile.mkdtemp()
        os.chmod(scratch, 0o777)
        result = self.assert_refused(
            ["run", self.config(output='file = "locked/out.h5"\n')], INPUT, "locked", ranks=2, prefix=prefix,
            outputs=("locked/out.h5",), env={"TMPDIR": scratch, "HOME": scratch}, cwd="/",
        )
        self.assertIn("writ", result.err)

    def test_existing_output_needs_overwrite(self):
        config = self.config()
        self.write("out.h5", "precious")
        result = launch(["run", config], 2)
        self.assertEqual(result.code, EXISTS, result.err)
        self.assertEqual(len(result.errors), 1, result.err)
        self.assertEqual((self.folder / "out.h5").read_bytes(), b"precious")
        self.run_ok(["run", config, "--overwrite"], 2)
        self.assertNotEqual((self.folder / "out.h5").read_bytes(), b"precious")

    def test_inputs_are_never_replaced(self):
        config = self.config()
        content = config.read_bytes()
        (self.folder / "link.h5").symlink_to(config)
        for output in (config, self.folder / "link.h5", self.folder / "test-x"):
            result = launch(["run", config, "--output", output, "--overwrite"], 2)
            self.assertEqual(result.code, USAGE, result.err)
            self.assertEqual(len(result.errors), 1, result.err)
        self.assertEqual(config.read_bytes(), content)
        self.run_ok(["run", self.config(output='file = "out.h5"\nmodel = true\n')], 2)
        model = self.folder / "out.h5"
        result = launch(["predict", model, "--inputs", self.folder / "test-x", "--output", model, "--overwrite"], 2)
        self.assertEqual(result.code, USAGE, result.err)
        self.run_ok(["show", model])

    def test_log_is_not_written_over_anything(self):
        config = self.config()
        content = config.read_bytes()
        self.assert_refused(["run", config, "--log-json", config, "--overwrite"], USAGE, "case.toml")
        self.assertEqual(config.read_bytes(), content)
        self.assert_refused(["run", config, "--log-json", self.folder / "test-x"], EXISTS, "test-x")
        self.assert_refused(["run", config, "--log-json", self.folder / "no" / "log"], INPUT, "folder")
        self.assertFalse((self.folder / "no").exists())

    def test_full_disk(self):
        """A limit on file sizes makes a write fail as a full disk does, on whichever rank meets it."""
        # 72 MB of kernel matrix against 32 MiB; MPI's own shared-memory files stay below the limit.
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 3000\ndimension = 5\ntarget = "x1"\n'
        config = self.config(data=data, regression=None, output='file = "out.h5"\ngram = true\n')
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                start = time.monotonic()
                limited = ["bash", "-c", 'ulimit -f 32768; exec "$@"', "limited", PROGRAM]
                result = subprocess.run(
                    [MPIEXEC, "-n", str(ranks), *limited, "run", config], capture_output=True, text=True, timeout=60
                )
                self.assertEqual(result.returncode, RESOURCES, result.stderr)
                sentences = [line for line in result.stderr.splitlines() if line.startswith("ntkflow: error:")]
                self.assertEqual(len(sentences), 1, result.stderr)
                self.assertIn("out.h5", sentences[0])
                self.assertEqual([path.name for path in self.folder.glob("out.h5*")], [])
                self.assertLess(time.monotonic() - start, 40)


class NumericalTest(Case):
    def test_duplicates_without_ridge(self):
        self.train_x[31] = self.train_x[5]
        self.write("train-x.gz", gzip.compress(idx(self.train_x)))
        for ranks in (1, 2, 4):
            with self.subTest(ranks=ranks):
                result = self.assert_refused(
                    ["run", self.config()], NUMERICAL, "order 32", "sample 31 is the same as sample 5", "ridge", ranks=ranks
                )
                ridge = result.errors[0].split("regression.ridge = ")[1].split()[0]
                accepted = self.run_ok(["run", self.config(), "--set", f"regression.ridge={ridge}"], ranks)
                self.assertIn("repeats", accepted.err)
                self.assertNotIn("singular to working precision", accepted.err)
                (self.folder / "out.h5").unlink()

    def test_suggested_ridge_is_in_the_unit_of_the_configuration(self):
        self.train_x[31] = self.train_x[5]
        self.write("train-x.gz", gzip.compress(idx(self.train_x)))
        relative = 'ridge_scale = "mean_diagonal"\n'
        result = self.assert_refused(["run", self.config(regression=relative)], NUMERICAL)
        ridge = result.errors[0].split("regression.ridge = ")[1].split()[0]
        accepted = self.run_ok(["run", self.config(regression=relative), "--set", f"regression.ridge={ridge}"], 2)
        self.assertNotIn("singular to working precision", accepted.err)

    def test_not_a_number_is_never_a_result(self):
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 30\ndimension = 3\ntarget = "x1*1e300"\n'
        self.assert_refused(
            ["run", self.config(data=data, regression='precision = "single"\n')], NUMERICAL, "not finite", "double"
        )

    def test_smaller_ridge_is_warned_about(self):
        self.train_x[31] = self.train_x[5]
        self.write("train-x.gz", gzip.compress(idx(self.train_x)))
        result = launch(["run", self.config(), "--set", "regression.ridge=1e-14"], 2)
        self.assertTrue(
            (result.code == 0 and "singular to working precision" in result.err) or result.code == NUMERICAL, result.err
        )


class StoredFileTest(Case):
    """Files given to show and predict."""

    def test_show_refuses_what_is_not_ours(self):
        self.assert_refused(["show", self.folder / "absent.h5"], INPUT, "absent.h5")
        self.assert_refused(["show", self.folder / "test-x"], INPUT, "test-x")
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["x"] = [1.0]
        self.assert_refused(["show", self.folder / "other.h5"], INPUT, "not a result file")

    def test_predict_needs_a_model_and_matching_inputs(self):
        self.run_ok(["run", self.config()], 2)
        arguments = ["predict", self.folder / "out.h5", "--output", self.folder / "new.h5", "--inputs"]
        self.assert_refused([*arguments, self.folder / "test-x"], INPUT, "no model", outputs=("new.h5",))
        self.run_ok(["run", self.config(output='file = "out.h5"\nmodel = true\n'), "--overwrite"], 2)
        self.write("wide", idx(np.ones((5, 4, 4))))
        self.assert_refused([*arguments, self.folder / "wide"], INPUT, "16", "9", outputs=("new.h5",))
        self.assert_refused([*arguments, self.folder / "absent"], INPUT, "absent", outputs=("new.h5",))
        self.write("zero", idx(np.zeros((5, 3, 3))))
        self.assert_refused([*arguments, self.folder / "zero"], INPUT, "zero", outputs=("new.h5",))
        self.assert_refused([*arguments, self.folder / "test-x", "--format", "png"], USAGE, "png", outputs=("new.h5",))

    def test_predict_refuses_kernels_that_make_no_sense(self):
        self.run_ok(["run", self.config(output='file = "out.h5"\nmodel = true\n')], 2)
        model = (self.folder / "out.h5").read_bytes()
        for name, value, word in (
            ("type", None, "'type'"), ("type", "ntq", "'ntq'"), ("type", 1, "'type'"), ("first_layer", "", "first_layer"),
            ("activation", None, "'activation'"), ("activation", 3.0, "'activation'"), ("activation", "rellu", "rellu"),
            ("activation", "expression", "activation_expression"), ("activation_slope", 0.1, "slope"),
            ("activation_slope", "0.1", "activation_slope"), ("activation_slope", [1, 2], "activation_slope"),
            ("activation_slope", [[1.0], [2.0]], "activation_slope"), ("depth", 0, "depth"), ("depth", 2**32 + 3, "depth"),
            ("depth", 3.0, "depth"), ("weight_variance", np.nan, "weight_variance"), ("bias_variance", [0.1], "bias_variance"),
        ):
            with self.subTest(name=name, value=value):
                self.write("bad.h5", model)
                with h5py.File(self.folder / "bad.h5", "a") as file:
                    file["kernel"].attrs.pop(name, None)
                    if value is not None:
                        file["kernel"].attrs[name] = value
                self.assert_refused(
                    ["predict", self.folder / "bad.h5", "--inputs", self.folder / "test-x", "--output",
                     self.folder / "new.h5"], INPUT, word, outputs=("new.h5",)
                )
                self.assertIn(launch(["show", self.folder / "bad.h5"]).code, (0, INPUT))

    def test_predict_reads_csv(self):
        self.run_ok(["run", self.config(output='file = "out.h5"\nmodel = true\n')], 2)
        rows = "\n".join(",".join(map(str, row)) for row in self.test_x.reshape(self.M, -1))
        self.write("new.csv", rows + "\n")
        self.run_ok(
            ["predict", self.folder / "out.h5", "--inputs", self.folder / "new.csv", "--format", "csv", "--output",
             self.folder / "new.h5"], 2
        )
        with h5py.File(self.folder / "out.h5") as model, h5py.File(self.folder / "new.h5") as new:
            np.testing.assert_allclose(new["prediction/value"][:], model["regression/test_prediction"][:], atol=1e-11)


class ResourceTest(Case):
    BIG = 'format = "synthetic"\nkind = "gaussian"\nsize = 2000000\ndimension = 10\ntarget = "x1"\n'

    def test_more_memory_than_there_is(self):
        result = self.assert_refused(["run", self.config(data=self.BIG)], RESOURCES, "smallest number of ranks", ranks=2)
        self.assertIn("GiB", result.err)

    def test_plan_says_the_same_without_data(self):
        result = launch(["plan", self.config(data=self.BIG), "--ranks", "64", "--memory-per-rank", "16GiB"])
        self.assertEqual(result.code, RESOURCES)
        self.assertIn("smallest number of ranks", result.err)
        self.assertIn("32-bit limit", result.out)
        self.run_ok(["plan", self.config(), "--ranks", "64", "--memory-per-rank", "16GiB"])

    def test_sizes_that_no_machine_holds(self):
        for change in ("size=1099511627776", "dimension=1048576"):
            result = self.assert_refused(
                ["plan", self.config(data=self.BIG), "--set", "data." + change, "--set", "data.size=1099511627776"],
                RESOURCES, ranks=None,
            )
            self.assertNotIn("-9", result.out + result.err)

    def test_matrices_of_all_depths_need_more_than_one(self):
        data = self.BIG.replace("2000000", "2000")
        plan = ["plan", self.config(data=data, regression=None, kernel="depth = 10\n"), "--memory-per-rank", "400MiB"]
        self.run_ok([*plan, "--set", "output.gram=true"])
        result = self.assert_refused([*plan, "--set", "output.gram_depths=true"], RESOURCES, "kernel by depth", ranks=None)
        self.assertIn("smallest number of ranks that fits", result.err)
        deep = [*plan, "--set", "output.gram_depths=true", "--set", "kernel.depth=2147483647", "--set", "data.size=268435456"]
        self.assertNotIn("-9", self.assert_refused(deep, RESOURCES, ranks=None).err)

    def test_blocks_beyond_the_matrix_cost_nothing(self):
        self.run_ok(
            ["run", self.config(spectrum="vectors = true\n", dynamics="times = [1.0]\n"), "--set",
             "parallel.block_size=2147483647"], 3
        )

    def test_a_batch_of_times_respects_the_test_set(self):
        data = self.BIG.replace("2000000", "100") + "test_size = 2000000\n"
        self.run_ok(["plan", self.config(data=data, dynamics="", regression=None), "--memory-per-rank", "3GiB"])


class ThreadsTest(Case):
    def test_more_threads_than_cores_are_warned_about_once(self):
        result = self.run_ok(["run", self.config(), "--set", "parallel.threads=512"], 2)
        self.assertEqual(result.err.count("512 threads per rank"), 1, result.err)
        quiet = self.run_ok(["run", self.config(), "--overwrite"], 1)
        self.assertNotIn("threads per rank", quiet.err)


class OneRankTest(Case):
    """A rank that fails alone or is killed takes the others with it, in seconds."""

    @unittest.skipIf(SANITIZED, "AddressSanitizer itself needs terabytes of addresses")
    def test_rank_short_of_memory_ends_all(self):
        """One rank may address less memory than a batch of times needs: it throws while the other waits in a collective."""
        config = self.config(
            data='format = "synthetic"\nkind = "gaussian"\nsize = 1000\ndimension = 5\n'
            'target = "x1, x2, x3, x4, x5, x1*x2"\n',
            regression=None,
            dynamics='times = { start = 1.0, stop = 1e3, count = 5000, spacing = "log" }\n',
        )
        limited = ["bash", "-c", 'ulimit -v 1000000; exec "$@"', "limited", PROGRAM]
        start = time.monotonic()
        result = subprocess.run(
            [MPIEXEC, "-n", "1", PROGRAM, "run", config, ":", "-n", "1", *limited, "run", config],
            capture_output=True, text=True, timeout=100,
        )
        self.assertEqual(result.returncode, RESOURCES, result.stderr)
        sentences = [line for line in result.stderr.splitlines() if line.startswith("ntkflow: error:")]
        self.assertEqual(len(sentences), 1, result.stderr)
        self.assertIn("memory", sentences[0])
        self.assertEqual([path.name for path in self.folder.glob("out.h5*")], [])
        self.assertLess(time.monotonic() - start, 60)

    def test_killed_rank_ends_all(self):
        data = 'format = "synthetic"\nkind = "gaussian"\nsize = 3000\ndimension = 50\ntarget = "x1"\n'
        process = subprocess.Popen(
            [MPIEXEC, "-n", "2", PROGRAM, "run", self.config(data=data, spectrum='count = "all"\n')],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(200):
                time.sleep(0.05)
                ranks = subprocess.run(
                    ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
                ).stdout.split()
                if len(ranks) == 2:
                    break
            time.sleep(1.0)
            os.kill(int(ranks[1]), 9)
            self.assertNotEqual(process.wait(timeout=20), 0)
        finally:
            process.kill()
            process.wait()
        self.assertFalse((self.folder / "out.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
