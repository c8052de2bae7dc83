"""`ntkflow experiment` for the studies of kernels without networks, from configuration to result file and verdicts."""

import unittest

import h5py
import numpy as np
import xarray

from support import INPUTS, Case

USAGE, NUMERICAL, RESOURCES = 2, 4, 5
SAMPLE = INPUTS / "mnist-sample"


def files(part):
    return f'{{ inputs = "{SAMPLE}/{part}-images-idx3-ubyte.gz", targets = "{SAMPLE}/{part}-labels-idx1-ubyte.gz" }}'


N, M = 60, 40
DIGITS = [f"data.train={files('train')}", f"data.test={files('t10k')}", f"data.train_size={N}", f"data.test_size={M}"]
TINY = {
    "depth": [
        *DIGITS, "experiment.depths=3",
        'experiment.kernels=[{ activation = "relu" }, { activation = "erf", preset = "arora" }]',
    ],
    "learning-rate": [*DIGITS, "experiment.steps=40", "experiment.rates=[1,2.5]"],
    "early-stopping": [*DIGITS, "experiment.label_noise=0.4", "experiment.seed=2"],
    "sample-complexity": [
        "experiment.dimensions=[6,8]", "experiment.ratios=[0.25,0.5]", "experiment.draws=3", "experiment.test_size=20"
    ],
}
SHAPES = {
    "depth": {
        "kernel": (2,), "type": (2,), "depth": (3,), "test_accuracy": (2, 2, 3), "test_mse": (2, 2, 3),
        "condition": (2, 2, 3),
    },
    "learning-rate": {
        "rate": (2,), "step": (41,), "loss": (2, 41), "closed_form_loss": (2, 41), "first_beyond_start": (2,),
        "distance": (2,),
    },
    "early-stopping": {
        "time": (61,), "class": (10,), "learned": (61, 10),
        **{name: (61,) for name in (
            "train_loss", "test_loss", "test_accuracy", "ridge_train_loss", "ridge_test_loss", "ridge_test_accuracy",
            "clean_test_loss", "clean_test_accuracy", "learned_noise", "learned_modes",
        )},
    },
    "sample-complexity": {
        "dimension": (2,), "ratio": (2,), "draw": (3,), "test_mse": (2, 2, 3), "train_size": (2, 2),
        "mean_test_mse": (2, 2),
    },
}
CLAIMS = {"depth": 1, "learning-rate": 3, "early-stopping": 4, "sample-complexity": 1}
REFUSED = {
    "depth": (
        ("experiment.depths=0", USAGE, "experiment.depths"), ("experiment.ridge=-1", USAGE, "experiment.ridge"),
        ("data.test_size=0", USAGE, "test set"), ("experiment.points=5", USAGE, "no use for this key"),
        ("experiment.kernels=[]", USAGE, "experiment.kernels"), ('kernel.activation="erf"', USAGE, "no use for this table"),
        ('data.targets={ encoding = "raw" }', USAGE, "needs classes"), ("data.train_size=800", NUMERICAL, "experiment.ridge"),
    ),
    "learning-rate": (
        ("experiment.rates=[]", USAGE, "experiment.rates"), ("experiment.rates=[0]", USAGE, "experiment.rates"),
        ("experiment.rates=[2,1]", USAGE, "experiment.rates"), ("experiment.rates=[5]", USAGE, "experiment.rates"),
        ("experiment.steps=0", USAGE, "experiment.steps"), ("experiment.steps=1000", USAGE, "at most 795 steps"),
        ("experiment.seed=1", USAGE, "no use for this key"),
    ),
    "early-stopping": (
        ("experiment.label_noise=1", USAGE, "experiment.label_noise"),
        ("experiment.label_noise=-0.1", USAGE, "experiment.label_noise"), ("data.test_size=0", USAGE, "test set"),
        ('data.targets.encoding="class_index"', USAGE, "one_hot"), ("experiment.rates=[1]", USAGE, "no use for this key"),
    ),
    "sample-complexity": (
        ("experiment.dimensions=[1]", USAGE, "experiment.dimensions"), ("experiment.ratios=[2]", USAGE, "half of its corners"),
        ("experiment.ratios=[1e-3]", USAGE, "experiment.ratios"), ("experiment.draws=0", USAGE, "experiment.draws"),
        ("experiment.test_size=0", USAGE, "experiment.test_size"), ('data.format="idx"', USAGE, "no use for this table"),
        ("experiment.dimensions=[4096]", RESOURCES, "smaller dimensions"),
    ),
}


class KernelExperimentTest(Case):
    def arguments(self, name, *settings, config=True):
        sets = [argument for setting in (*TINY[name], *settings) for argument in ("--set", setting)]
        file = [INPUTS / f"{name}.toml"] if config else []
        return ["experiment", name, *file, *sets, "--output", self.folder / "out.h5"]

    def test_every_study_on_one_and_two_ranks(self):
        for name, shapes in SHAPES.items():
            found = []
            for ranks in (1, 2):
                with self.subTest(study=name, ranks=ranks):
                    out = self.run_ok([*self.arguments(name), "--overwrite"], ranks).out
                    with h5py.File(self.folder / "out.h5") as file:
                        self.assertEqual((file.attrs["experiment"], file.attrs["status"]), (name, "complete"))
                        for dataset, shape in shapes.items():
                            self.assertEqual(file["experiment"][dataset].shape, shape, dataset)
                        self.assert_claims(name, file, out)
                        found.append({key: file["experiment"][key][:] for key in shapes})
            for dataset, value in found[0].items():
                self.assertTrue(np.isfinite(value).all(), dataset)
                np.testing.assert_allclose(value, found[1][dataset], rtol=1e-7, atol=1e-9, err_msg=dataset)

    def assert_claims(self, name, file, out):
        """Stored as they are printed, with the verdict that their numbers give."""
        claim = file["claim"]
        statements = [b"".join(row).decode().rstrip("\0 ") for row in claim["statement"][:]]
        self.assertEqual(len(statements), CLAIMS.get(name, len(statements)), statements)
        for k, statement in enumerate(statements):
            value, expected, tolerance = (claim[key][k] for key in ("value", "expected", "tolerance"))
            passed = abs(value - expected) <= tolerance
            self.assertEqual(claim["passed"][k], int(passed))
            self.assertIn(f"{'holds' if passed else 'FAILS'}: {statement} = {value:.4g}", out)

    def test_readers_of_netcdf_open_every_group(self):
        for name in TINY:
            self.run_ok([*self.arguments(name), "--overwrite"])
            with h5py.File(self.folder / "out.h5") as file:
                groups = [group for group in file if isinstance(file[group], h5py.Group)]
            self.assertNotIn("network", groups)
            for group in groups:
                with self.subTest(study=name, group=group):
                    with xarray.open_dataset(self.folder / "out.h5", group=group, engine="h5netcdf") as data:
                        data.load()

    def test_without_a_file_the_study_is_that_of_inputs(self):
        for name in TINY:
            with self.subTest(study=name):
                effective = []
                for config in (True, False):
                    self.run_ok([*self.arguments(name, config=config), "--overwrite"], cwd=INPUTS)
                    with h5py.File(self.folder / "out.h5") as file:
                        effective.append(file.attrs["config"])
                self.assertEqual(*effective)

    def test_what_cannot_be_is_refused_with_the_key(self):
        for name, cases in REFUSED.items():
            for setting, code, word in cases:
                with self.subTest(study=name, setting=setting):
                    more = ["experiment.ridge=0"] if code == NUMERICAL else []
                    (self.folder / "out.h5").unlink(missing_ok=True)
                    self.assert_refused(self.arguments(name, setting, *more), code, word, ranks=None)

    def test_more_memory_than_there_is(self):
        data = 'format = "synthetic"\nkind = "sphere"\nsize = 4294967296\ntest_size = 2\ntarget = "x1, x2"\n'
        config = self.write("large.toml", f'[data]\n{data}[kernel]\n[output]\nfile = "out.h5"\n')
        self.assert_refused(["experiment", "learning-rate", config], RESOURCES, "fewer samples", ranks=None)

    def test_the_file_holds_a_named_kernel_whole(self):
        data = 'format = "synthetic"\nkind = "sphere"\ndimension = 3\nsize = 20\ntarget = "x1"\n'
        kernel = 'type = "rbf"\nlength_scale = 0.5\n'
        config = self.write("named.toml", f'[data]\n{data}[kernel]\n{kernel}[output]\nfile = "out.h5"\n')
        cubes = self.write("cubes.toml", f'[kernel]\n{kernel}[output]\nfile = "out.h5"\n')
        for name, file, settings in (
            ("learning-rate", config, ["experiment.steps=20"]), ("sample-complexity", cubes, TINY["sample-complexity"]),
        ):
            with self.subTest(study=name):
                sets = [argument for setting in settings for argument in ("--set", setting)]
                self.run_ok(["experiment", name, file, *sets, "--overwrite"])
                with h5py.File(self.folder / "out.h5") as result:
                    self.assertEqual(dict(result["kernel"].attrs), {"type": "rbf", "length_scale": 0.5})


if __name__ == "__main__":
    unittest.main()
