"""The same answers on every number of ranks, grid and block size."""

import unittest

import h5py
import numpy as np

from support import Case, INPUTS

LAYOUTS = [
    (1, "auto"), (2, [1, 2]), (2, [2, 1]), (3, [1, 3]), (3, [3, 1]), (4, [2, 2]), (4, [1, 4]), (4, [4, 1]), (6, [2, 3]),
    (6, [3, 2]), (6, "auto"),
]


class InvarianceTest(Case):
    def outputs(self, config, ranks, grid, block):
        self.run_ok(
            ["run", config, "--overwrite", "--quiet", "--output", self.folder / "out.h5", "--set",
             f'parallel.grid={grid if grid != "auto" else chr(34) + grid + chr(34)}', "--set",
             f"parallel.block_size={block}"],
            ranks,
        )
        with h5py.File(self.folder / "out.h5") as file:
            return {
                name: file[name][:]
                for name in ("regression/test_prediction", "dynamics/test_prediction", "spectrum/eigenvalue")
            }

    def test_predictions_do_not_depend_on_the_layout(self):
        config = self.write(
            "sample.toml",
            f"""[data]
train = {{ inputs = "{INPUTS}/mnist-sample/train-images-idx3-ubyte.gz",
           targets = "{INPUTS}/mnist-sample/train-labels-idx1-ubyte.gz" }}
test = {{ inputs = "{INPUTS}/mnist-sample/t10k-images-idx3-ubyte.gz",
          targets = "{INPUTS}/mnist-sample/t10k-labels-idx1-ubyte.gz" }}
train_size = 211
test_size = 101
preprocess = ["unit_interval", "center_features", "unit_norm"]
[kernel]
[regression]
[dynamics]
times = [0.0, 1.0, 1e3]
[spectrum]
[output]
file = "out.h5"
""".replace(",\n           ", ", ").replace(",\n          ", ", "),
        )
        reference = self.outputs(config, 1, "auto", 64)
        worst = 0.0
        for ranks, grid in LAYOUTS:
            for block in (1, 7, 64, 1000):
                with self.subTest(ranks=ranks, grid=grid, block=block):
                    for name, value in self.outputs(config, ranks, grid, block).items():
                        difference = np.abs(value - reference[name]).max() / np.abs(reference[name]).max()
                        worst = max(worst, difference)
                        self.assertLessEqual(difference, 1e-10, name)
        print(f"largest relative difference: {worst:.1e}")
        self.assertGreater(worst, 0.0)  # other layouts do round differently: an exact zero would mean that none was used


if __name__ == "__main__":
    unittest.main(verbosity=2)
