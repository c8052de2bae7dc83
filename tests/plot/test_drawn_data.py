"""What the figures show are the numbers of the file; and the checks of pictures reject what is none."""

import warnings

import numpy as np
import support
from matplotlib.figure import Figure
from matplotlib.colors import to_rgb
from ntkflow_plot import style
from ntkflow_plot.components import LABEL_COLOURS
from ntkflow_plot.confusion import classes_of
from ntkflow_plot.curves import draw_losses
from ntkflow_plot.main import FIGURES
from ntkflow_plot.posterior import draw_posterior, settled
from ntkflow_plot.results import Result
from ntkflow_plot.samples import choose


def line(figure: Figure, label: str):
    """The points [2 × count] of the one line with this label, in any panel."""
    (found,) = [line for axes in figure.axes for line in axes.get_lines() if line.get_label() == label]
    return np.array(found.get_data())


def contrast(colour, other) -> float:
    """Of two colours, between 1 and 21, after WCAG 2.2."""

    def luminance(rgb) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(rgb)]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    dark, light = sorted((luminance(colour), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


class DrawnDataTest(support.Case):
    def figure(self, name: str, **content) -> Figure:
        with Result(self.result(**content)) as result:
            return FIGURES[name](result)

    def test_losses(self):
        time, loss = np.array([1.0, 10.0, 100.0]), np.array([3.0, 1.0, 2.0])
        file = self.result(dynamics__time=time, dynamics__test_loss=loss, data__test_target=np.zeros((5, 4)))
        with support.h5py.File(file, "a") as opened:
            opened["dynamics"].attrs["best_time_by_test_loss"] = 10.0
            opened.create_group("regression").attrs["test_mse"] = 1.1
        with Result(file) as result:
            figure = draw_losses(result)
        np.testing.assert_array_equal(line(figure, "test"), [time, loss])
        self.assertEqual(set(line(figure, "best t = 10")[0]), {10.0})
        self.assertEqual(set(line(figure, "test, t = ∞")[1]), {0.5 * 4 * 1.1})  # the loss sums over outputs

    def test_losses_of_an_optimizer_over_steps(self):
        loss = np.array([3.0, 1.0, np.inf])
        file = self.result(
            dynamics__time=np.array([0.5, 5.0, 50.0]),
            dynamics__step=np.array([1, 10, 100]),
            dynamics__train_loss=loss,
            dynamics__test_loss=loss,
        )
        with support.h5py.File(file, "a") as opened:
            opened["dynamics"].attrs["best_time_by_test_loss"] = 5.0
            opened["dynamics"].attrs["best_step_by_test_loss"] = 10
        with Result(file) as result:
            figure = draw_losses(result)
        np.testing.assert_array_equal(line(figure, "test"), [[1, 10, 100], [3.0, 1.0, np.nan]])
        self.assertEqual(set(line(figure, "best s = 10")[0]), {10.0})
        self.assertEqual(figure.axes[0].get_xlabel(), "steps s")
    def test_ridge_path(self):
        ridge = np.array([0.0, 0.01, 0.1, 1.0])
        curves = {"train_mse": ridge**2, "test_mse": 0.3 + ridge, "gcv": 0.2 + ridge}
        likelihood, error = -np.square(ridge - 0.1), np.full(4, 0.01)
        file = self.result(
            ridge_path__ridge=ridge,
            ridge_path__leave_one_out_mse=np.array([np.nan, 0.4, 0.3, 0.5]),
            ridge_path__log_marginal_likelihood=likelihood,
            ridge_path__log_marginal_likelihood_standard_error=error,
            **{"ridge_path__" + name: values for name, values in curves.items()},
        )
        with support.h5py.File(file, "a") as opened:
            opened["ridge_path"].attrs.update({"selected_ridge": 0.1, "selected_by": "leave_one_out"})
        with Result(file) as result:
            figure = FIGURES["ridge-path"](result)
        for label, name in (("training", "train_mse"), ("test", "test_mse"), ("GCV", "gcv")):
            np.testing.assert_array_equal(line(figure, label), [ridge, curves[name]])
        np.testing.assert_array_equal(line(figure, "log marginal likelihood"), [ridge, likelihood])
        for axes in figure.axes:
            (marked,) = [found for found in axes.get_lines() if found.get_label() == "best by leave-one-out: 0.1"]
            self.assertEqual(set(marked.get_xdata()), {0.1})
            transformed = axes.get_xaxis_transform().transform(np.stack([ridge, np.zeros(4)], axis=1))[:, 0]
            steps = np.diff(transformed)  # a decade each, and 0 at the left of them
            np.testing.assert_allclose(steps[1:], steps[1], rtol=1e-9)
            self.assertGreater(steps[0], 0.5 * steps[1])
        low, _ = figure.axes[0].get_ylim()
        self.assertGreater(low, 1e-4)  # the training error may fall further
        (path,) = self.draw(file, "ridge-path")
        self.assert_is_picture(path)
        (svg,) = self.draw(file, "ridge-path", kind="svg")
        self.assertIn("best by leave-one-out: 0.1", self.texts(svg))

    def test_random_functions(self):
        count = np.array([10, 100, 1000])
        error = np.outer(count**-0.5, [1.0, 4.0])
        file = self.result(
            random_functions__count=count,
            random_functions__relative_error=error,
            random_functions__test_mse=0.1 + error,
            data__train_index=np.arange(50),
        )
        with support.h5py.File(file, "a") as opened:
            opened["random_functions"].attrs.update({"slope": -0.5, "slope_from": 100})
            opened.create_group("regression").attrs["test_mse"] = 0.1
        with Result(file) as result:
            figure = FIGURES["random-functions"](result)
        left, right = figure.axes
        lines = {found.get_label(): np.array(found.get_data()) for found in left.get_lines()}
        np.testing.assert_allclose(lines["mean of the draws"], [count, 2 * count**-0.5])
        np.testing.assert_allclose(lines["each draw"][1], error.ravel())
        np.testing.assert_allclose(lines["P^(−0.5)"], [count[1:], 2 * count[1:] ** -0.5])
        self.assertEqual(set(lines["P = N"][0]), {50})
        self.assertEqual(set(line(figure, "kernel regression")[1]), {0.1})
        (path,) = self.draw(file, "random-functions")
        self.assert_is_picture(path)
        (svg,) = self.draw(file, "random-functions", kind="svg")
        self.assertIn("number of functions P", self.texts(svg))

    def test_random_functions_beside_a_kernel_that_predicts_0(self):
        file = self.result(
            random_functions__count=np.array([10, 100]),
            random_functions__error=np.ones((2, 1)),
            random_functions__test_mse=np.ones((2, 1)),
        )
        with Result(file) as result:
            figure = FIGURES["random-functions"](result)
        self.assertEqual(figure.axes[0].get_ylabel(), "error against the kernel")

    def losses(self, train_mse: float, test_mse: float) -> Figure:
        """Of two curves that end at 0.01 and 0.1, with one output."""
        file = self.result(
            dynamics__time=np.array([1.0, 10.0]),
            dynamics__train_loss=np.array([1.0, 0.01]),
            dynamics__test_loss=np.array([1.0, 0.1]),
            data__train_target=np.zeros((5, 1)),
            data__test_target=np.zeros((5, 1)),
        )
        with support.h5py.File(file, "a") as opened:
            opened.create_group("regression").attrs.update({"train_mse": train_mse, "test_mse": test_mse})
        with Result(file) as result:
            return draw_losses(result)

    def test_limits_of_the_losses_are_shown_or_named(self):
        figure = self.losses(train_mse=2 * 2e-4, test_mse=2 * 0.05)
        for label, limit in (("training, t = ∞", 2e-4), ("test, t = ∞", 0.05)):
            self.assertEqual(set(line(figure, label)[1]), {limit})
            self.assertLess(figure.axes[0].get_ylim()[0], limit)
        for limit, text in ((3e-29, "3·10⁻²⁹"), (0.0, "0")):
            figure = self.losses(train_mse=2 * limit, test_mse=2 * 0.05)
            self.assertEqual(line(figure, f"training, t = ∞: {text}").size, 0)
            self.assertEqual(figure.axes[0].get_ylim(), (0.005, 2.0))

    def test_single_points_are_seen(self):
        one = np.ones(1)
        circle = {"data__test_index": np.zeros(1, dtype=int), "data__test_target": np.ones((1, 1))}
        contents = {
            "losses": {"dynamics__time": one, "dynamics__test_loss": one},
            "accuracies": {"dynamics__time": one, "dynamics__test_accuracy": one / 2},
            "spectrum": {"spectrum__eigenvalue": one, "spectrum__target_energy": one},
            "predictions": {"dynamics__time": one, "dynamics__test_prediction": np.ones((1, 1, 1)), **circle},
            "posterior": support.posterior(np.random.default_rng(0), 1, 1),
        }
        for name, content in contents.items():
            figure = self.figure(name, config=support.circle_config(1, 4), **content)
            for axes in figure.axes:
                for drawn in axes.get_lines():
                    if np.isfinite(drawn.get_ydata()).sum() == 1:
                        with self.subTest(name, line=drawn.get_label()):
                            self.assertNotIn(drawn.get_marker(), ("", "None", None))
                            self.assertNotIsInstance(drawn.get_markevery(), float)

    def test_targets_without_energy(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            file = self.result(spectrum__eigenvalue=np.ones(3), spectrum__target_energy=np.zeros(3))
            self.draw(file, "spectrum")

    def test_lines_stand_out_from_paper(self):
        for series in style.SERIES:
            self.assertGreater(contrast(series.colour, "white"), 3)
        for colour in LABEL_COLOURS:
            self.assertGreater(contrast(colour, "white"), 3)
        self.assertLess(contrast(style.SKY, "white"), 3)  # and one that the check rejects

    def test_digits_are_as_high_as_text(self):
        content = support.principal_components(np.random.default_rng(0))
        figure = self.figure("principal-components", experiment="principal-components", **content)
        digits = figure.axes[0].collections
        self.assertEqual(len(digits), 10)
        for digit in digits:
            height = digit.get_paths()[0].get_extents().height * np.sqrt(digit.get_sizes()[0])
            self.assertGreater(height, 0.7 * 8)

    def test_energy_left_after_each_mode(self):
        energy = np.array([4.0, 0.0, 2.0, 1.0])
        figure = self.figure("spectrum", spectrum__eigenvalue=np.array([8.0, 4, 2, 1]), spectrum__target_energy=energy)
        np.testing.assert_allclose(line(figure, "of k and all later modes"), [[1, 2, 3, 4], [7, 3, 3, 1]])
        np.testing.assert_array_equal(line(figure, "of mode k"), [[1, 3, 4], [4, 2, 1]])

    def test_fraction_of_energy_and_learning_curves(self):
        energy = np.array([[3.0, 0.0], [1.0, 2.0]])  # of outputs that hold 4 and 8
        curves = np.array([[3.0, 3.0], [0.3, 1.0], [0.0, 0.1]])
        figure = self.figure(
            "spectrum",
            spectrum__eigenvalue=np.array([2.0, 1.0]),
            spectrum__target_energy=energy.sum(1),
            spectrum__target_energy_by_output=energy,
            spectrum__cumulative_target_energy=np.cumsum(energy, 0) / np.array([4.0, 8.0]),
            spectrum__time=np.array([1.0, 10.0, 100.0]),
            spectrum__mode_energy=curves,
            spectrum__energy_left=curves.sum(1) + 6,
        )
        self.assertEqual(len(figure.axes), 4)
        np.testing.assert_allclose(line(figure, "all outputs"), [[1, 2], [0.25, 0.5]])
        np.testing.assert_allclose(line(figure, "all"), [[1, 10, 100], [12, 7.3, 6.1]])
        np.testing.assert_allclose(line(figure, "mode 2"), [[1, 10, 100], [3, 1, 0.1]])
        np.testing.assert_array_equal(line(figure, "mode 1")[1], [3, 0.3, np.nan])

    def test_confusion(self):
        label, answer = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
        content = {"data__test_label": label, "regression__test_prediction": np.eye(3)[answer]}
        share = self.figure("confusion", **content).axes[0].get_images()[0].get_array()
        np.testing.assert_array_equal(share, [[0.5, 0.5, 0], [0, 1, 0], [1, 0, 0]])

    def test_confusion_of_a_single_output(self):
        """An answer beyond the classes is wrong, also beside the last class."""
        label, output = np.array([0, 1, 2, 2]), np.array([[-0.4], [1.3], [2.1], [2.5]])
        figure = self.figure("confusion", data__test_label=label, regression__test_prediction=output)
        self.assertEqual(figure.axes[0].get_title(), "3 of 4 right (75.00%)")
        share = figure.axes[0].get_images()[0].get_array()
        np.testing.assert_array_equal(share, [[1, 0, 0], [0, 1, 0], [0, 0, 0.5]])
        self.assertEqual([text.get_text() for text in figure.texts], ["Left out: 1 answer beyond the classes."])

    def test_single_outputs_are_rounded_as_the_program_does(self):
        below_half = np.nextafter(0.5, 0)
        output = np.array([0.5, 1.5, 2.5, -0.5, -1.2, below_half, 3.0])
        np.testing.assert_array_equal(classes_of(output[:, np.newaxis]), [1, 2, 3, -1, -1, 0, 3])

    def test_counts_stand_out_from_their_cells(self):
        answer = np.repeat([0, 1, 1, 0], [51, 49, 69, 31])
        figure = self.figure(
            "confusion", data__test_label=np.repeat([0, 1], 100), regression__test_prediction=np.eye(2)[answer]
        )
        image = figure.axes[0].get_images()[0]
        for text in figure.axes[0].texts:
            column, row = text.get_position()
            self.assertGreater(contrast(text.get_color(), image.to_rgba(image.get_array())[row, column, :3]), 4.5)

    def test_too_many_classes_are_no_confusion_matrix(self):
        labels = np.array([0, 1_000_000])
        done = support.plot(self.result(data__test_label=labels, regression__test_prediction=labels[:, None] * 1.0))
        self.assertIn("no figure of confusion: there are 1,000,001 classes", done.stderr)

    def test_bands_follow_the_angle(self):
        arrays = support.posterior(np.random.default_rng(0), 6, 1)
        row = np.array([3, 0, 5, 1, 4, 2])
        arrays["data__test_index"] = row
        with Result(self.result(config=support.circle_config(6, 4), **arrays)) as result:
            panel = draw_posterior(result).axes[-1]
        angle, mean = next(line.get_data() for line in panel.get_lines() if line.get_label() == "mean")
        order = np.argsort(row)
        np.testing.assert_allclose(angle, 2 * np.pi * (np.arange(6) + 0.5) / 6)
        np.testing.assert_array_equal(mean, arrays["posterior__mean"][-1, order, 0])
        top = panel.collections[0].get_paths()[0].vertices[:, 1].max()
        upper = arrays["posterior__mean"][-1, :, 0] + 2 * np.sqrt(arrays["posterior__variance"][-1])
        self.assertAlmostEqual(top, upper.max(), places=12)

    def test_coverage_of_targets_from_the_stated_law_is_the_diagonal(self):
        points = 4000
        arrays = support.posterior(np.random.default_rng(0), points, 1)
        normal = np.random.default_rng(1).normal(size=(points, 1))
        deviation = np.sqrt(arrays["posterior__variance"])[-1, :, np.newaxis]
        arrays["data__test_target"] = arrays["posterior__mean"][-1] + deviation * normal
        figure = self.figure("posterior", **arrays)
        probability, covered = line(figure, "t = ∞")
        standard_error = np.sqrt(probability * (1 - probability) / points)
        self.assertLess((np.abs(covered - probability) / standard_error).max(), 5)
        _, elsewhere = line(figure, "t = 0")  # a law three times as wide
        self.assertGreater((np.abs(elsewhere - probability) / standard_error).max(), 5)

    def test_fit_and_theory_of_width_scaling(self):
        content = support.width_scaling(np.random.default_rng(0))
        figure = self.figure("width-scaling", experiment="width-scaling", **content)
        width = content["experiment__width"]
        fit, theory = (np.array(found.get_data()) for found in figure.axes[2].get_lines()[1:3])
        np.testing.assert_allclose(fit, [width, 0.7 * width**-0.98])
        slopes = np.diff(np.log(theory[1])) / np.diff(np.log(width))
        np.testing.assert_allclose(slopes, -1.0)
        self.assertAlmostEqual(np.log(theory[1]).mean(), np.log(fit[1]).mean())

    def test_images_are_the_first_and_the_changing_ones(self):
        answer = np.zeros((4, 30), dtype=int)
        answer[1, [7, 20]] = 1
        answer[1::2, 25] = 1
        self.assertEqual(choose(answer), [0, 1, 2, 3, 4, 5, 6, 7, 20, 25])
        self.assertEqual(choose(answer[:, :3]), [0, 1, 2])

    def test_times_end_where_the_function_has_settled(self):
        predictions = np.array([0.0, 0.5, 0.995, 1.0, 1.0])[:, np.newaxis]
        self.assertEqual(settled(predictions), 2)
        self.assertEqual(settled(np.ones((3, 2))), 0)

    def test_numbers(self):
        texts = {0: "0", 1000: "1,000", 0.25: "0.25", -0.5: "−0.5", 0.00078: "0.00078", 1: "1"}
        texts |= {127371.5: "1.27·10⁵", 1e6: "10⁶", -2e-7: "−2·10⁻⁷", np.inf: "∞", 22650.2: "22,650"}
        self.assertEqual({value: style.number(value) for value in texts}, texts)


class ChecksTest(support.Case):
    """The checks of the other tests, on pictures that they must reject."""

    def picture(self, width=3.4, size=8, cut_off=False, blank=False, kind="png"):
        figure = Figure(figsize=(width, 2))
        if not blank:
            figure.add_axes([0, 0, 1, 1] if cut_off else [0.3, 0.3, 0.5, 0.5]).plot([0, 1], linewidth=9)
            figure.text(0.5, 0.9, "text", fontsize=size)
        path = self.folder / f"picture.{kind}"
        with style.matplotlib_settings():
            figure.savefig(path)
        return path

    def test_pictures(self):
        self.assert_is_picture(self.picture())
        for fault in ({"width": 4}, {"cut_off": True}, {"blank": True}):
            with self.subTest(fault), self.assertRaises(AssertionError):
                self.assert_is_picture(self.picture(**fault))

    def test_texts(self):
        self.assertIn("text", self.texts(self.picture(kind="svg", size=10)))
        with self.assertRaises(AssertionError):
            self.texts(self.picture(kind="svg", size=6))
