"""The experiment finite-width-bound: widths that keep the kernel near its limit, measured and sufficient in theory."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .experiments import caption_of
from .results import Result

# Data set over epsilon or over lambda_0, and its name in the legend.
OVER_EPSILON = (
    ("entry_width", "measured, largest entry"),
    ("spectral_width", "measured, spectral norm"),
    ("bernstein_width", "enough for all entries, Bernstein"),
    ("arora_width", "Arora et al., constant 1"),
)
OVER_EIGENVALUE = (
    ("eigenvalue_width", "measured"),
    ("du_training_width", "Du et al., training, constant 1"),
    ("chernoff_width", "enough for ¾ of the first layer's, Chernoff"),
    ("du_start_width", "Du et al., start, first layer's, constant 1"),
)
CENSORED = "Open marks: at most the narrowest width drawn, or more than the widest."


def draw_finite_width_bound(result: Result) -> Figure | None:
    """Left the width over ε, right the width that keeps ¾ of λ₀ over λ₀."""
    if result.experiment != "finite-width-bound":
        return None
    figure = style.new_figure(style.TWO_COLUMNS, 3.6, [*caption_of(result), CENSORED])
    left, right = figure.subplots(1, 2)
    draw_widths(left, result, "/experiment/epsilon", OVER_EPSILON)
    left.set_xlabel("ε, distance from the limiting kernel")
    left.set_ylabel("width")
    draw_widths(right, result, "/experiment/lambda_0", OVER_EIGENVALUE)
    right.set_xlabel("λ₀ of the limit over its mean diagonal")
    return figure


def draw_widths(axes: Axes, result: Result, over: str, names: tuple[tuple[str, str], ...]) -> None:
    """A curve of each data set that the file has, with open marks where all that is known is a bound."""
    x = result.array(over, axes=1)
    order = np.argsort(x)
    for i, (name, label) in enumerate(names):
        path = f"/experiment/{name}"
        if not result.has(path):
            continue
        width = result.array(path, axes=1)
        side = result.array(f"{path}_side", axes=1) if result.has(f"{path}_side") else np.zeros(x.size)
        colour, dashes, marker = style.series(i)
        known = order[side[order] == 0]
        axes.plot(x[known], width[known], color=colour, linestyle=dashes, marker=marker, label=label)
        axes.plot(
            x[side != 0], width[side != 0], color=colour, linestyle="none", marker=marker, markerfacecolor="none"
        )
    style.log_scale(axes.xaxis, axes.yaxis)
    style.legend_above(axes, 1)
