"""Errors and criteria over the ridges that one was chosen from."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result

ERRORS = {"train_mse": "training", "test_mse": "test", "leave_one_out_mse": "leave-one-out", "gcv": "GCV"}
CRITERIA = {"leave_one_out": "leave-one-out", "gcv": "GCV", "likelihood": "likelihood"}
# A training error may fall to rounding: so many decades below all other errors are shown.
DECADES_BELOW_OTHERS = 2


def draw_ridge_path(result: Result) -> Figure | None:
    """Left errors over the ridge, right the log marginal likelihood; the chosen ridge marked in both."""
    if not result.has("/ridge_path/ridge"):
        return None
    ridge = result.array("/ridge_path/ridge", axes=1)
    errors = {name: curve(result, name) for name in ERRORS if result.has(f"/ridge_path/{name}")}
    with_likelihood = result.has("/ridge_path/log_marginal_likelihood")
    figure = style.new_figure(style.TWO_COLUMNS if with_likelihood else style.ONE_COLUMN, 3.0)
    panels = figure.subplots(1, 2 if with_likelihood else 1, squeeze=False)[0]
    for index, (name, values) in enumerate(errors.items()):
        colour, dashes, marker = style.series(list(ERRORS).index(name))
        look = {"color": colour, "linestyle": dashes, "marker": marker, "zorder": 3 + index}
        panels[0].plot(ridge, values, label=ERRORS[name], **look)
        draw_band(panels[0], result, name, ridge, values, colour)
    limit_errors(panels[0], errors)
    panels[0].set_ylabel("mean squared error")
    if with_likelihood:
        likelihood = curve(result, "log_marginal_likelihood")
        panels[1].plot(ridge, likelihood, color=style.BLUE, marker="o", label="log marginal likelihood")
        draw_band(panels[1], result, "log_marginal_likelihood", ridge, likelihood, style.BLUE)
        panels[1].set_ylabel("log marginal likelihood")
    selected = result.attribute("/ridge_path", "selected_ridge")
    criterion = result.attribute("/ridge_path", "selected_by")
    for axes in panels:
        scale_ridges(axes, ridge)
        axes.set_xlabel("ridge μ")
        if selected is not None:
            label = f"best by {CRITERIA.get(criterion, criterion)}: {style.number(selected)}"
            axes.axvline(selected, color=style.GREY, linewidth=3, alpha=0.4, label=label)
        style.legend_above(axes, columns=2 if axes is panels[0] else 1)
    return figure


def scale_ridges(axes: Axes, ridge: Array) -> None:
    """A logarithmic axis where the ridges span as much; a ridge 0 left of the others, where it is linear."""
    style.scale_by_range(axes, ridge)
    if axes.get_xscale() == "log" and ridge[0] == 0:
        axes.set_xscale("symlog", linthresh=ridge[1])
        axes.set_xlim(-ridge[1] / 5, None)
        axes.xaxis.set_major_formatter(style.PlainLogFormatter())


def curve(result: Result, name: str) -> Array:
    return result.array(f"/ridge_path/{name}", axes=1)


def draw_band(axes: Axes, result: Result, name: str, ridge: Array, values: Array, colour: str) -> None:
    """One standard error to both sides, where the curve comes from random probes."""
    if result.has(f"/ridge_path/{name}_standard_error"):
        error = curve(result, f"{name}_standard_error")
        axes.fill_between(ridge, values - error, values + error, color=colour, alpha=0.2, linewidth=0)


def limit_errors(axes: Axes, errors: dict[str, Array]) -> None:
    """A logarithmic axis of the positive errors, not far below those that are not of the training set."""
    positive = {name: values[values > 0] for name, values in errors.items()}
    others = [values.min() for name, values in positive.items() if name != "train_mse" and values.size]
    everything = np.concatenate([*positive.values(), np.zeros(0)])
    if everything.size == 0:
        return
    style.log_scale(axes.yaxis)
    lowest = max(everything.min(), min(others, default=everything.min()) * 10.0**-DECADES_BELOW_OTHERS)
    axes.set_ylim(lowest / 2, everything.max() * 2)
