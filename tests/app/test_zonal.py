"""`ntkflow experiment boolean-cube` and `sphere`, and the cubes that are too large for a run, which name the former."""

import math
import unittest

import h5py
import numpy as np
import xarray

from support import INPUTS, Case, relu_kernels

USAGE, RESOURCES = 2, 5
TINY = {
    "boolean-cube": ["experiment.dimensions=[4,9]", "experiment.depths=3", "experiment.degree=4"],
    "sphere": ["experiment.dimensions=[3,5]", "experiment.depths=3", "experiment.degree=12", "experiment.samples=150"],
}
K = {"boolean-cube": 3, "sphere": 4}  # kernels of the inputs


class ZonalTest(Case):
    def arguments(self, name, *settings, output="out.h5"):
        sets = [argument for setting in (*TINY[name], *settings) for argument in ("--set", setting)]
        return ["experiment", name, INPUTS / f"{name}.toml", *sets, "--output", self.folder / output]

    def test_results_on_one_and_two_ranks(self):
        for name in TINY:
            found = []
            for ranks in (1, 2):
                out = self.run_ok(self.arguments(name, output=f"{name}-{ranks}.h5"), ranks).out
                with self.subTest(name, ranks=ranks), h5py.File(self.folder / f"{name}-{ranks}.h5") as file:
                    group = file["experiment"]
                    shape = (K[name], 2, 2, 3, 13 if name == "sphere" else 5)
                    for data in ("eigenvalue", "eigenvalue_error", "fractional_variance"):
                        self.assertEqual(group[data].shape, shape, data)
                    self.assertEqual(list(group["depth"]), [1, 2, 3])
                    self.assertTrue((file["claim/passed"][:] == 1).all(), out)
                    self.assertNotIn("network", file)
                    self.assertNotIn("FAILS", out)
                    found.append({key: value[()] for key, value in group.items() if value.dtype.kind in "fi"})
            for data, value in found[0].items():
                np.testing.assert_allclose(value, found[1][data], rtol=0, atol=1e-13 * value.max(), err_msg=data)

    def test_readers_of_netcdf_open_every_group(self):
        for name in TINY:
            self.run_ok(self.arguments(name, output=f"{name}.h5"), 2)
            for engine in ("h5netcdf", "netcdf4"):
                for group in ("experiment", "claim", "timing"):
                    with self.subTest(name, engine=engine, group=group):
                        with xarray.open_dataset(self.folder / f"{name}.h5", group=group, engine=engine) as data:
                            data.load()

    def test_eigenvalues_are_those_of_the_whole_matrix(self):
        """Of relu on the cube of dimension 4, by NumPy."""
        self.run_ok(self.arguments("boolean-cube"))
        x = np.array([[1.0 if i >> j & 1 else -1.0 for j in range(4)] for i in range(16)])
        with h5py.File(self.folder / "out.h5") as file:
            eigenvalue = file["experiment/eigenvalue"][0, :, 0, 2]
            multiplicity = file["experiment/multiplicity"][0]
        self.assertEqual(list(multiplicity), [math.comb(4, k) for k in range(5)])
        nngp, ntk = relu_kernels(x, x, bias_variance=2.0)
        for kernel, found in ((ntk, eigenvalue[0]), (nngp, eigenvalue[1])):
            expected = np.sort(np.repeat(found, multiplicity.astype(int)))
            np.testing.assert_allclose(np.linalg.eigvalsh(kernel / 16), expected, atol=1e-13 * expected[-1])

    def test_what_cannot_be_is_refused(self):
        for name, setting, words in (
            ("boolean-cube", "experiment.dimensions=[300]", ("experiment.dimensions", "256")),
            ("boolean-cube", "experiment.samples=10", ("experiment.samples", "no use")),
            ("boolean-cube", "experiment.kernels=[]", ("experiment.kernels",)),
            ("boolean-cube", 'experiment.kernels=[{activation="step"}]', ("derivative",)),
            ("sphere", "experiment.degree=1000", ("experiment.degree", "128")),
            ("sphere", "kernel.depth=2", ("kernel", "no use")),
        ):
            with self.subTest(name, setting=setting):
                self.assert_refused(self.arguments(name, setting), USAGE, *words, ranks=None)
        self.assert_refused(
            self.arguments("sphere", "experiment.samples=100000000"), RESOURCES, "available", "fewer samples", ranks=None
        )

    def test_a_cube_too_large_for_a_matrix_names_the_exact_route(self):
        def cube(dimension):
            data = f'format = "synthetic"\nkind = "boolean_cube"\ndimension = {dimension}\n'
            return self.config(data=data, output='file = "out.h5"\ngram = true\n')

        for command in ("run", "gram", "plan"):
            for dimension in (25, 100):
                with self.subTest(command, dimension=dimension):
                    self.assert_refused(
                        [command, cube(dimension)], USAGE, "data.dimension", "ntkflow experiment boolean-cube", ranks=None
                    )
            with self.subTest(command, dimension=22):
                self.assert_refused(
                    [command, cube(22)], RESOURCES, "does not fit", "ntkflow experiment boolean-cube", ranks=None
                )


if __name__ == "__main__":
    unittest.main()
