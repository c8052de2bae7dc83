"""`ntkflow experiment finite-width-bound`, whose networks are not trained."""

import unittest

import h5py
import numpy as np
import xarray

from support import INPUTS, Case

USAGE, NUMERICAL, RESOURCES = 2, 4, 5
WIDTHS, DRAWS, EPSILONS, SEPARATIONS = [16, 64, 256], 9, [0.5, 1.0], [0.1, 0.4]


class FiniteWidthBoundTest(Case):
    def arguments(self, *settings, output="out.h5"):
        tiny = (
            f"network.widths={WIDTHS}", f"network.draws={DRAWS}", "data.size=5",
            f"experiment.epsilons={EPSILONS}", f"experiment.separations={SEPARATIONS}",
        )
        sets = [argument for setting in (*tiny, *settings) for argument in ("--set", setting)]
        return ["experiment", "finite-width-bound", INPUTS / "finite-width-bound.toml", *sets,
                "--output", self.folder / output]

    def test_result_on_any_number_of_ranks(self):
        found = []
        for ranks in (1, 2, 4):
            out = self.run_ok(self.arguments(output=f"{ranks}.h5"), ranks).out
            self.assertEqual(out.count("holds: ") + out.count("FAILS: "), 4)  # no width for ¾ of λ₀
            with h5py.File(self.folder / f"{ranks}.h5") as file:
                group = file["experiment"]
                found.append({name: data[()] for name, data in group.items() if data.dtype.kind in "fiu"})
                self.assertNotIn("steps", file["network"].attrs)
                self.assertNotIn("diverged_at", file["network"])
                self.assertEqual(group["epsilon"].attrs["confidence"], 0.9)
                self.assertEqual(group["separation"].attrs["units"], "rad")
        for name, value in found[0].items():
            self.assertTrue(np.isfinite(value).all(), name)
            for other in found[1:]:
                self.assertEqual(value.tobytes(), other[name].tobytes(), name)
        w, e, s = len(WIDTHS), len(EPSILONS), len(SEPARATIONS)
        for name, shape in {
            "entry_deviation": (w, DRAWS), "spectral_deviation": (w, DRAWS), "entry_quantile": (w,),
            "entry_width": (e,), "entry_fitted_width": (e,), "spectral_width": (e,), "arora_width": (e,),
            "bernstein_width": (e,), "eigenvalue_ratio": (s, w, DRAWS), "lambda_0": (s,), "eigenvalue_width": (s,),
            "entry_width_side": (e,), "spectral_width_side": (e,), "eigenvalue_width_side": (s,),
            "du_start_width": (s,), "du_training_width": (s,), "chernoff_width": (s,), "first_layer_lambda_0": (s,),
        }.items():
            self.assertEqual(found[0][name].shape, shape, name)
        deviation = np.sort(found[0]["entry_deviation"], axis=1)
        np.testing.assert_array_equal(found[0]["entry_quantile"], deviation[:, int(np.ceil(0.9 * DRAWS)) - 1])
        with xarray.open_dataset(self.folder / "2.h5", group="experiment", engine="h5netcdf") as data:
            self.assertEqual(list(data.width), WIDTHS)

    def test_refusals(self):
        for setting, *more, word in (
            ("network.steps=3", "does not train"),
            ("network.widths=[8,16]", "at least three"),
            ("experiment.confidence=1.0", "experiment.confidence"),
            ("experiment.epsilons=[0.0]", "experiment.epsilons"),
            ("experiment.noise=0.1", "no use for this key"),
            ("data.size=1", "at least 2 samples"),
            ("data.dimension=1", 'data.target="x1"', "2 inputs"),
        ):
            with self.subTest(setting=setting):
                self.assert_refused(self.arguments(setting, *more), USAGE, word, ranks=None)
        self.assert_refused(self.arguments('kernel.activation="identity"', "data.size=12"), NUMERICAL, "singular")
        self.assert_refused(self.arguments("network.widths=[8,16,1000000]", "kernel.depth=3"), RESOURCES, "take widths")


if __name__ == "__main__":
    unittest.main()
