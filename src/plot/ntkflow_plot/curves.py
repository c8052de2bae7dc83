"""Losses and accuracies over training."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result
from .training import training_axis

LABELS = {"train": "training", "test": "test"}
# A training loss may fall to rounding; at most so many decades below the smallest test loss are shown, or, of limits
# where there is no test loss, below the smallest loss.
DECADES_BELOW_TEST = 3
ALL_MARKED = 10  # times up to which each has a marker


def draw_losses(result: Result) -> Figure | None:
    """½ mean ‖f_t − y‖² of both sets over time, with the best time and the values at t = ∞."""
    curves = read_curves(result, "loss")
    if not curves:
        return None
    limits = {}
    for name in curves:
        mean_squared_error = result.attribute("/regression", f"{name}_mse")
        if mean_squared_error is not None and result.has(f"/data/{name}_target"):
            limits[name] = 0.5 * result.shape(f"/data/{name}_target")[1] * mean_squared_error
    lowest = lowest_loss(curves, limits)
    figure, axes = draw_curves(result, curves, limits, lowest)
    axes.set_ylabel("loss  ½ mean ‖f − y‖²")
    if lowest > 0:
        style.log_scale(axes.yaxis)
        values = np.concatenate([*curves.values(), list(limits.values())])
        axes.set_ylim(lowest / 2, values[np.isfinite(values)].max(initial=lowest) * 2)
    return figure


def lowest_loss(curves: dict[str, Array], limits: dict[str, float]) -> float:
    """The smallest loss that the axis has to show; 0 where no loss is positive."""
    smallest = {name: values[values > 0].min() for name, values in curves.items() if (values > 0).any()}
    if not smallest:
        return 0.0
    end = smallest.get("test", min(smallest.values())) * 10.0**-DECADES_BELOW_TEST
    return max(min([*smallest.values(), *(limit for limit in limits.values() if limit >= end)]), end)


def draw_accuracies(result: Result) -> Figure | None:
    """Fraction of samples classified rightly over time, where there are classes."""
    accuracy = result.attribute("/regression", "test_accuracy")
    curves = read_curves(result, "accuracy")
    if not curves:
        return None
    figure, axes = draw_curves(result, curves, {} if accuracy is None else {"test": accuracy}, lowest=0)
    axes.set_ylabel("accuracy")
    axes.set_ylim(top=1.02)
    return figure


def read_curves(result: Result, quantity: str) -> dict[str, Array]:
    """The stored curves of this quantity [T], by "train" and "test"; NaN where training overflowed."""
    paths = {name: f"/dynamics/{name}_{quantity}" for name in LABELS}
    curves = {name: result.array(path, axes=1) for name, path in paths.items() if result.has(path)}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in curves.items()}


def draw_curves(
    result: Result, curves: dict[str, Array], limits: dict[str, float], lowest: float
) -> tuple[Figure, Axes]:
    """Curves over time in one column, the best time marked, their values at t = ∞ as lines.

    A value at t = ∞ below `lowest`, which the axis will not show, stands in the legend.
    """
    figure = style.new_figure(style.ONE_COLUMN, 2.9)
    axes = figure.add_subplot()
    axis = training_axis(result)
    for index, (name, label) in enumerate(LABELS.items()):
        colour, dashes, marker = style.series(index)
        if name in curves:
            axes.plot(
                axis.values,
                curves[name],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markevery=0.1 if axis.values.size > ALL_MARKED else 1,
                label=label,
                zorder=3,
            )
        if limits.get(name, lowest) < lowest:
            below = f"{label}, t = ∞: {style.number(limits[name], digits=2)}"
            axes.plot([], [], color=colour, linestyle=":", linewidth=1, label=below)
        elif name in limits:
            axes.axhline(limits[name], color=colour, linestyle=":", linewidth=1, label=f"{label}, t = ∞")
    if axis.best is not None:
        best = f"best {axis.symbol} = {style.number(axis.best)}"
        axes.axvline(axis.best, color=style.GREY, linewidth=3, alpha=0.4, label=best)
    style.scale_by_range(axes, axis.values)
    axes.set_xlabel(axis.label)
    style.legend_above(axes, columns=2)
    return figure, axes
