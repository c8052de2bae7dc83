"""The figure of each experiment: drawn, readable, with its theory and its claims, the same every time."""

import numpy as np
import support

# Texts that each figure must hold besides those of its claims.
TEXTS = {
    "descent": ("ridge 10⁻⁸", "Gaussian features, theory", "random features over samples, P/N", "width of trained"),
    "finite-width-bound": ("enough for all entries", "Arora et al., constant 1", "measured, spectral norm", "λ₀ of the limit",
                           "Open marks: at most the narrowest"),
    "kernel-convergence": ("width 500", "width 10,000", "limit of infinite width", "t = 0, at the start", "−π/2"),
    "gaussian-limit": ("width 50, 10 networks", "limit: 10, 50, 90 %, t = ∞", "training points"),
    "principal-components": ("½ exp(−λ₂ t), and 0", "component 3", "0.0457, 0.00108, 0.00078", "across f⁽²⁾"),
    "width-scaling": ("slope −0.98 ± 0.03, theory −1.00", "power of theory", "lazy-training ratio", "8,192"),
    "boolean-cube": ("NNGP, erf (4, 0)", "degree 5", "fractional variance", "d = 128"),
    "sphere": ("relu (2, 2)", "NTK", "NNGP", "number of the eigenvalue", "55 uniform samples"),
}
# Experiments with more than one figure; the first is the one that TEXTS describes.
FIGURES = {"sphere": ("sphere", "sphere-variance")}


class ExperimentsTest(support.Case):
    def experiment(self, name: str, **changes) -> str:
        arrays = support.EXPERIMENTS[name](np.random.default_rng(7)) | changes
        return self.result(f"{name}.h5", experiment=name, **arrays)

    def test_each_has_a_figure(self):
        for name in support.EXPERIMENTS:
            with self.subTest(name):
                for path in self.draw(self.experiment(name), *FIGURES.get(name, (name,))):
                    self.assertEqual(path.parent, self.folder / f"{name}-figures")
                    self.assert_is_picture(path)

    def test_each_names_its_curves_its_theory_and_its_claims(self):
        for name, words in TEXTS.items():
            with self.subTest(name):
                figures = FIGURES.get(name, (name,))
                texts = self.texts(self.draw(self.experiment(name), *figures, kind="svg")[0])
                for word in words:
                    self.assertIn(word, texts)
                self.assertIn("pass: distance number 0 of the networks from the limit: 1 (expected 1 ± 0.5)", texts)
                self.assertIn("FAIL: distance number", texts)

    def test_the_variance_on_the_sphere_is_drawn_as_that_on_the_cube(self):
        path = self.draw(self.experiment("sphere"), *FIGURES["sphere"], kind="svg")[1]
        texts = self.texts(path)
        for word in ("NNGP, erf (4, 0)", "degree 5", "fractional variance", "sphere, d = 128", "last one searched"):
            self.assertIn(word, " ".join(texts.split()))
        edges = np.ones((2, 2, 2, 8))
        file = self.experiment("sphere", experiment__optimal_depth_is_edge=edges)
        before = path.read_text()
        self.assertNotEqual(self.draw(file, *FIGURES["sphere"], kind="svg")[1].read_text(), before)

    def test_each_has_a_title_for_screen_readers(self):
        (path,) = self.draw(self.experiment("gaussian-limit"), "gaussian-limit", kind="svg")
        root = support.ElementTree.parse(path).getroot()
        self.assertEqual(root.findtext(support.SVG + "title"), "ntkflow: gaussian limit")

    def test_diverged_networks_are_left_out(self):
        diverged_at = np.full((2, 10), -1)
        file = self.experiment("kernel-convergence", network__diverged_at=diverged_at)
        (complete,) = self.draw(file, "kernel-convergence", kind="svg")
        before = complete.read_text()
        diverged_at[0, 3] = 17
        texts = self.texts(
            self.draw(
                self.experiment("kernel-convergence", network__diverged_at=diverged_at),
                "kernel-convergence",
                kind="svg",
            )[0]
        )
        self.assertIn("Left out: 1 network whose training diverged.", texts)
        self.assertNotIn("Left out", before)

    def test_widths_are_whole_numbers(self):
        """Whichever type the file holds them in."""
        for name in ("kernel-convergence", "gaussian-limit", "principal-components"):
            texts = []
            for kind in (np.int64, np.float64):
                width = support.EXPERIMENTS[name](np.random.default_rng(7))["experiment__width"].astype(kind)
                file = self.experiment(name, experiment__width=width)
                texts.append(self.texts(self.draw(file, name, kind="svg")[0]))
            with self.subTest(name):
                self.assertRegex(texts[0], "width [1-9]0+")
                self.assertEqual(*texts)

    def test_other_numbers_of_widths_have_room(self):
        for widths in (1, 3, 6):
            with self.subTest(widths):
                arrays = support.gaussian_limit(np.random.default_rng(7))
                arrays["experiment__width"] = 10 * 2 ** np.arange(widths)
                arrays["experiment__network"] = np.repeat(arrays["experiment__network"][:1], widths, axis=0)
                file = self.result(experiment="gaussian-limit", **arrays)
                self.assert_is_picture(self.draw(file, "gaussian-limit")[0])

    def test_a_file_without_explicit_bounds_has_its_figure(self):
        """As of deeper networks, for which none is known."""
        arrays = support.EXPERIMENTS["finite-width-bound"](np.random.default_rng(7))
        for name in ("bernstein_width", "chernoff_width"):
            del arrays[f"experiment__{name}"]
        file = self.result(experiment="finite-width-bound", **arrays)
        texts = self.texts(self.draw(file, "finite-width-bound", kind="svg")[0])
        self.assertNotIn("Bernstein", texts)
        self.assertIn("Arora", texts)

    def test_published_eigenvalues_stand_beside_ours(self):
        file = self.experiment("principal-components")
        with support.h5py.File(file, "a") as opened:
            opened["/experiment/eigenvalue"].attrs["published_eigenvalues"] = [0.05, 0.002, 0.001]
        texts = self.texts(self.draw(file, "principal-components", kind="svg")[0])
        words = " ".join(texts.split())  # the caption wraps
        self.assertIn("0.0457, 0.00108, 0.00078 (published, of another scale of inputs: 0.05, 0.002, 0.001).", words)

    def test_equal_results_give_equal_files(self):
        file = self.experiment("kernel-convergence")
        for kind in ("png", "svg"):
            first = self.draw(file, "kernel-convergence", kind=kind)[0].read_bytes()
            # Another folder, and other settings of the user's own matplotlib.
            (self.folder / "matplotlibrc").write_text("savefig.dpi: 50\nfont.size: 3\nlines.linewidth: 9\n")
            done = support.launch(
                file, "--format", kind, "--output", self.folder / "again", MATPLOTLIBRC=str(self.folder)
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual((self.folder / "again" / f"kernel-convergence.{kind}").read_bytes(), first)
        changed = self.experiment("kernel-convergence", experiment__limit=np.ones(101))
        self.assertNotEqual(self.draw(changed, "kernel-convergence", kind="svg")[0].read_bytes(), first)
