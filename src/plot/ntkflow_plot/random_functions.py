"""Models of random functions against kernel regression."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result


def draw_random_functions(result: Result) -> Figure | None:
    """Left the distance from kernel regression over the number of functions P, right the test error."""
    if not result.has("/random_functions/count"):
        return None
    count = result.array("/random_functions/count", axes=1)
    # Where the kernel predicts 0, no error is relative to it.
    is_relative = result.has("/random_functions/relative_error")
    error = result.array(f"/random_functions/{'relative_error' if is_relative else 'error'}", axes=2)
    test_mse = result.array("/random_functions/test_mse", axes=2)
    samples = result.shape("/data/train_index")[0] if result.has("/data/train_index") else None
    figure = style.new_figure(style.TWO_COLUMNS, 2.9)
    left, right = figure.subplots(1, 2)
    draw_draws(left, count, error, "of the draws")
    slope = result.attribute("/random_functions", "slope")
    if slope is not None:
        first = result.attribute("/random_functions", "slope_from")
        from_here = count[count >= first]
        middle = np.exp(np.log(error[count >= first]).mean() - slope * np.log(from_here).mean())
        label = f"P^({style.number(slope)})"
        left.plot(from_here, middle * from_here**slope, color=style.BLACK, linestyle=":", linewidth=1, label=label)
    left.set_ylabel(f"{'relative ' if is_relative else ''}error against the kernel")
    draw_draws(right, count, test_mse, "of the draws")
    exact = result.attribute("/regression", "test_mse")
    if exact is not None and exact > 0:
        right.axhline(exact, color=style.VERMILLION, linestyle="--", linewidth=1, label="kernel regression")
    right.set_ylabel("test mean squared error")
    for axes in (left, right):
        if samples is not None and count[0] <= samples <= count[-1]:
            axes.axvline(samples, color=style.GREY, linewidth=3, alpha=0.4, label="P = N")
        axes.set_xlabel("number of functions P")
        style.log_scale(axes.yaxis)
        style.scale_by_range(axes, count)
        style.legend_above(axes, columns=2)
    return figure


def draw_draws(axes: Axes, count: Array, values: Array, label: str) -> None:
    """The geometric mean over the draws as a line, each draw as a point."""
    shown = np.where(values > 0, values, np.nan)
    axes.plot(count, np.exp(np.log(shown).mean(axis=1)), color=style.BLUE, marker="o", label=f"mean {label}")
    if values.shape[1] > 1:
        axes.plot(
            np.repeat(count, values.shape[1]),
            shown.ravel(),
            color=style.INDIGO,
            linestyle="none",
            marker=".",
            markersize=3,
            label="each draw",
        )
