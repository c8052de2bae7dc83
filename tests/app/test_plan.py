"""`ntkflow plan`, the check that `run` makes first, and automatic choices."""

import re
import subprocess
import time
import unittest

import h5py

from support import MPIEXEC, PROGRAM, SANITIZED, Case, launch

USAGE, RESOURCES = 2, 5

GIB = 1 << 30
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}


def in_bytes(text):
    number, unit = text.split()
    return float(number) * UNITS[unit]


def in_seconds(text):
    number, unit = text.split()
    return float(number) * {"s": 1, "min": 60, "h": 3600, "days": 86400}[unit]


class Plan:
    """The text that `ntkflow plan` prints, taken apart."""

    ROW = re.compile(
        r"^ +(\d+) +(\d+) x (\d+) +([\d.]+ \w+) +([\d.]+ \w+)  (\S+) +(\S+) +(yes|no: memory|no: 32-bit limit)$"
    )

    def __init__(self, text):
        self.text = text
        self.ranks = [match.groups() for match in map(self.ROW.match, text.splitlines()) if match]
        self.phases = {
            match[1].strip(): float(match[2])
            for match in re.finditer(r"^  (\S.{17}) +[\d.]+ +(?:-|[\d.]+ \w+) +([\d.]+)$", text, re.M)
        }
        self.stages = {
            match[1].strip(): in_bytes(match[2])
            for match in re.finditer(r"^  (\S.{33}) +([\d.]+ \w+)(?:  <- peak)?$", text, re.M)
        }
        self.limits = {
            match[1].strip(): (int(match[2]), int(match[3]))
            for match in re.finditer(r"^  (\S.*?) +(\d+) of (\d+)", text, re.M)
        }

    def number(self, label):
        found = re.search(re.escape(label) + r"[^:]*: (\d+)", self.text)
        return int(found[1]) if found else None


class PlanCase(Case):
    def synthetic(self, n, test=None, **tables):
        data = f'format = "synthetic"\nkind = "gaussian"\nsize = {n}\ndimension = 784\ntarget = "x1, x2, x3"\n'
        return self.config(data=data, **tables)

    def plan(self, config, *arguments, ranks=None, code=0):
        result = launch(["plan", config, *arguments], ranks)
        self.assertEqual(result.code, code, result.out + result.err)
        self.assertEqual(len(result.errors), 0 if code == 0 else 1, result.err)
        return Plan(result.out)


class PlanTextTest(PlanCase):
    def test_states_memory_work_and_limits(self):
        plan = self.plan(self.synthetic(20000), "--memory-per-rank", "16GiB")
        self.assertEqual(
            [name for name in plan.phases if name != "total"],
            ["read data", "load samples", "gram", "factor", "condition", "solve", "residual", "write"],
        )
        self.assertGreater(plan.phases["factor"], plan.phases["solve"])
        parts = sum(seconds for name, seconds in plan.phases.items() if name != "total")
        self.assertAlmostEqual(parts, plan.phases["total"], delta=0.01 * len(plan.phases))
        # 8 N^2 bytes and the samples of rows and columns, and not much beside.
        needed = 8 * 20000**2 + 2 * 20000 * 784 * 8
        self.assertGreater(plan.stages["regression"], needed)
        self.assertLess(plan.stages["regression"], 1.1 * needed)
        elements, bound = plan.limits["ScaLAPACK: local elements of the matrix"]
        self.assertEqual((elements, bound), (20000**2, 2**31 - 1))

    def test_table_of_ranks(self):
        plan = self.plan(self.synthetic(60000), "--ranks", "64", "--memory-per-rank", "4GiB")
        self.assertEqual([int(row[0]) for row in plan.ranks], [2**k for k in range(13)])
        for row in plan.ranks:
            self.assertEqual(int(row[1]) * int(row[2]), int(row[0]))
        memory = [in_bytes(row[3]) for row in plan.ranks]
        self.assertEqual(memory, sorted(memory, reverse=True))
        # 28.8 GB of matrix on one rank; four times the ranks, about a quarter of the time.
        self.assertEqual(plan.ranks[0][7], "no: 32-bit limit")
        self.assertEqual(plan.ranks[2][7], "no: memory")
        self.assertEqual(plan.ranks[6][7], "yes")
        self.assertLess(in_seconds(plan.ranks[4][4]), 0.35 * in_seconds(plan.ranks[2][4]))
        verdicts = [row[7] for row in plan.ranks]
        smallest = plan.number("smallest number of ranks")
        self.assertTrue(all((row[7] == "yes") == (int(row[0]) >= smallest) for row in plan.ranks), verdicts)

    def test_single_and_mixed_take_half(self):
        stage = {}
        for precision in ("double", "mixed", "single"):
            config = self.synthetic(30000, regression=f'precision = "{precision}"\n')
            stage[precision] = self.plan(config, "--memory-per-rank", "16GiB").stages["regression"]
        self.assertLess(stage["mixed"], 0.56 * stage["double"])
        self.assertLess(stage["mixed"], stage["single"])  # which keeps its samples a second time

    def test_krylov_adds_a_basis_and_spectral_more(self):
        stages = {}
        for method in ("krylov", "spectral"):
            config = self.synthetic(20000, dynamics=f'method = "{method}"\n')
            plan = self.plan(config, "--memory-per-rank", "64GiB")
            stages[method] = plan.stages
            self.assertEqual("krylov products" in plan.phases, method == "krylov")
            self.assertEqual("eigensystem" in plan.phases, method == "spectral")
            self.assertEqual("mirror" in plan.phases, method == "krylov")
        self.assertLess(stages["krylov"]["krylov"], 1.1 * stages["krylov"]["regression"])
        self.assertGreater(stages["spectral"]["eigensystem"], 2.5 * stages["krylov"]["regression"])

    def test_nothing_is_stored_for_regenerated_products_alone(self):
        config = self.synthetic(
            100000, regression=None, dynamics='method = "krylov"\nproducts = "regenerated"\n'
        )
        plan = self.plan(config, "--memory-per-rank", "8GiB")
        self.assertNotIn("gram", plan.phases)


class BoundaryTest(PlanCase):
    def test_largest_size_fits_and_one_more_does_not(self):
        for precision in ("double", "mixed"):
            for ranks in (1, 6, 64):
                with self.subTest(precision=precision, ranks=ranks):
                    options = ["--ranks", ranks, "--memory-per-rank", "1GiB"]
                    regression = f'precision = "{precision}"\n'
                    largest = self.plan(self.synthetic(1000, regression=regression), *options).number("largest N")
                    self.plan(self.synthetic(largest, regression=regression), *options)
                    self.plan(self.synthetic(largest + 1, regression=regression), *options, code=RESOURCES)

    def test_smallest_number_of_ranks_fits_and_one_less_does_not(self):
        config = self.synthetic(60000)
        smallest = self.plan(config, "--ranks", "100", "--memory-per-rank", "4GiB").number("smallest number of ranks")
        self.plan(config, "--ranks", smallest, "--memory-per-rank", "4GiB")
        self.plan(config, "--ranks", smallest - 1, "--memory-per-rank", "4GiB", code=RESOURCES)

    def test_refuses_local_elements_beyond_32_bits_at_the_first(self):
        self.plan(self.synthetic(46340), "--memory-per-rank", "100GiB")
        plan = self.plan(self.synthetic(46341), "--memory-per-rank", "100GiB", code=RESOURCES)
        self.assertIn("<- exceeded", plan.text)

    def test_refuses_the_workspace_of_the_eigensolver(self):
        config = self.synthetic(33000, dynamics='method = "spectral"\n')
        result = self.assert_refused(
            ["plan", config, "--memory-per-rank", "100GiB"], RESOURCES, "p?syevd", 'dynamics.method = "krylov"',
            "smallest number of ranks that fits", ranks=None,
        )
        self.assertIn("data.train_size = 327", result.err)

    def test_says_which_settings_would_fit(self):
        # 28.8 GB of double precision on two ranks of 10 GiB; 14.4 GB of mixed.
        self.assert_refused(
            ["plan", self.synthetic(60000), "--ranks", "2", "--memory-per-rank", "10GiB"], RESOURCES,
            'regression.precision = "mixed"', "smallest number of ranks", "data.train_size", ranks=None,
        )
        self.assert_refused(
            ["plan", self.synthetic(60000, dynamics='method = "spectral"\n'), "--ranks", "2", "--memory-per-rank",
             "10GiB"], RESOURCES, 'regression.precision = "mixed" with dynamics.method = "krylov"', ranks=None,
        )

    def test_grid_must_match(self):
        config = self.synthetic(1000, parallel="grid = [2, 3]\n")
        self.plan(config, "--ranks", "6")
        self.assert_refused(["plan", config, "--ranks", "5"], USAGE, "parallel.grid", ranks=None)


class AutomaticTest(PlanCase):
    REGRESSION = 'precision = "auto"\n'
    DYNAMICS = 'method = "auto"\n'

    def chosen(self, config, *arguments):
        text = self.plan(config, *arguments).text
        precision = re.search(r"^precision (\w+): (.+)$", text, re.M)
        method = re.search(r"^method (\w+): (.+)$", text, re.M)
        return precision and precision.groups(), method and method.groups()

    def test_what_the_user_chose_has_no_reason(self):
        config = self.synthetic(2000, dynamics='method = "spectral"\n')
        self.assertEqual(self.chosen(config), (None, None))

    def test_mixed_where_double_does_not_fit(self):
        config = self.synthetic(60000, regression=self.REGRESSION)
        (precision, reason), _ = self.chosen(config, "--ranks", "2", "--memory-per-rank", "10GiB")
        self.assertEqual(precision, "mixed")
        self.assertIn("double precision needs", reason)
        self.assertIn("10.0 GiB", reason)

    def test_double_where_mixed_gains_nothing(self):
        config = self.synthetic(500, regression=self.REGRESSION)
        (precision, _), _ = self.chosen(config)
        self.assertEqual(precision, "double")

    def test_krylov_where_eigenvectors_do_not_fit(self):
        config = self.synthetic(20000, dynamics=self.DYNAMICS)
        for memory, expected in (("8GiB", "krylov"), ("100GiB", "krylov")):
            _, (method, reason) = self.chosen(config, "--memory-per-rank", memory)
            self.assertEqual(method, expected)
            self.assertIn("the spectral method", reason)
            self.assertEqual("needs" in reason, memory == "8GiB")

    def test_krylov_beyond_the_32_bits_of_the_eigensolver(self):
        config = self.synthetic(40000, dynamics=self.DYNAMICS)
        _, (method, reason) = self.chosen(config, "--memory-per-rank", "200GiB")
        self.assertEqual(method, "krylov")
        self.assertIn("32-bit", reason)

    def test_spectral_with_a_spectrum(self):
        config = self.synthetic(4000, dynamics=self.DYNAMICS, spectrum="")
        _, (method, reason) = self.chosen(config)
        self.assertEqual(method, "spectral")
        self.assertIn("[spectrum]", reason)

    def test_both_at_once(self):
        config = self.synthetic(60000, regression=self.REGRESSION, dynamics=self.DYNAMICS)
        precision, method = self.chosen(config, "--ranks", "2", "--memory-per-rank", "10GiB")
        self.assertEqual((precision[0], method[0]), ("mixed", "krylov"))

    def test_run_says_what_it_chose(self):
        result = self.run_ok(["run", self.config(regression=self.REGRESSION)], 2)
        self.assertRegex(result.out, r"precision double: .+")
        self.assertIn("predicted:", result.out)


class CheckBeforeRunTest(PlanCase):
    def test_small_runs_stay_fast(self):
        self.run_ok(["run", self.config()], 1)  # brings program and libraries into memory
        start = time.monotonic()
        self.run_ok(["run", self.config(), "--overwrite"], None)
        self.assertLess(time.monotonic() - start, 30.0 if SANITIZED else 2.0)

    @unittest.skipIf(SANITIZED, "AddressSanitizer keeps much memory of its own")
    def test_planned_memory_is_what_a_run_takes(self):
        data = 'format = "synthetic"\nkind = "sphere"\nsize = 3000\ndimension = 200\ntarget = "x1"\n'
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                self.run_ok(["run", self.config(data=data), "--overwrite"], ranks)
                with h5py.File(self.folder / "out.h5") as file:
                    timing = file["timing"].attrs
                    ratio = float(timing["planned_bytes"]) / float(timing["peak_resident_bytes"])
                self.assertGreater(ratio, 0.9)
                self.assertLess(ratio, 1.2)

    @unittest.skipIf(SANITIZED, "AddressSanitizer keeps much memory of its own")
    def test_peak_is_not_that_of_the_parent(self):
        ballast = b"\1" * (300 << 20)
        self.run_ok(["run", self.config(), "--overwrite"])
        with h5py.File(self.folder / "out.h5") as file:
            self.assertLess(file["timing"].attrs["peak_resident_bytes"], len(ballast) / 2)

    @unittest.skipIf(SANITIZED, "AddressSanitizer itself needs terabytes of addresses")
    def test_rank_with_less_memory_is_named(self):
        config = self.synthetic(9000)
        limited = ["bash", "-c", 'ulimit -v 700000; exec "$@"', "limited", PROGRAM]
        start = time.monotonic()
        result = subprocess.run(
            [MPIEXEC, "-n", "1", PROGRAM, "run", config, ":", "-n", "1", *limited, "run", config],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(result.returncode, RESOURCES, result.stderr)
        sentences = [line for line in result.stderr.splitlines() if line.startswith("ntkflow: error:")]
        self.assertEqual(len(sentences), 1, result.stderr)
        self.assertIn("rank 1 has", sentences[0])
        self.assertEqual([path.name for path in self.folder.glob("out.h5*")], [])
        self.assertLess(time.monotonic() - start, 30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
