"""The experiment descent: test error of random features and of networks as they grow, beside their limits."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from . import style
from .experiments import caption_of, converged
from .results import Result

THEORY = {"color": style.BLACK, "linestyle": "--", "linewidth": 1}
LIMIT = {"color": style.BLACK, "linestyle": ":", "linewidth": 1.4}


def draw_descent(result: Result) -> Figure | None:
    """Left the error of random features over P/N for each ridge, right that of networks over their width."""
    if result.experiment != "descent":
        return None
    figure = style.new_figure(style.TWO_COLUMNS, 3.4, caption_of(result))
    grid = figure.add_gridspec(2, 2, height_ratios=[0.01, 1], width_ratios=[1.3, 1])
    top = figure.add_subplot(grid[0, :])
    top.axis("off")
    handles = draw_features(figure.add_subplot(grid[1, 0]), result)
    handles += draw_networks(figure.add_subplot(grid[1, 1]), result)
    top.legend(handles=handles, loc="center", ncols=3, frameon=False)
    return figure


def draw_features(axes: Axes, result: Result) -> list[Line2D]:
    """Means over the draws with standard errors, theory of Gaussian features, and the kernel's error."""
    ridge = result.array("/experiment/ridge", axes=1)
    ratio = result.array("/experiment/features_per_sample", axes=1)
    mean, error, theory = (
        result.array(f"/experiment/{name}", axes=2)
        for name in ("feature_error_mean", "feature_error_standard_error", "theory_error")
    )
    kernel = result.array("/experiment/kernel_error", axes=1)
    handles = []
    for r in range(ridge.size):
        colour, _, marker = style.series(r)
        axes.plot(ratio, theory[r], **THEORY)
        axes.axhline(kernel[r], **LIMIT)
        # Near the peak the standard error exceeds the mean: the bar then ends where the axis does.
        below = np.minimum(error[r], 0.9 * mean[r])
        axes.errorbar(ratio, mean[r], [below, error[r]], color=colour, linestyle="none", marker=marker, capsize=2)
        handles.append(
            Line2D([], [], color=colour, linestyle="none", marker=marker, label=f"ridge {style.number(ridge[r])}")
        )
    axes.axvline(1, color=style.GREY, linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: style.number(n)))
    axes.xaxis.set_minor_locator(NullLocator())
    style.log_scale(axes.yaxis)
    axes.set_xlabel("random features over samples, P/N")
    axes.set_ylabel("test error, mean square")
    return [
        *handles,
        Line2D([], [], label="Gaussian features, theory", **THEORY),
        Line2D([], [], label="kernel of infinite width", **LIMIT),
    ]


def draw_networks(axes: Axes, result: Result) -> list[Line2D]:
    """Every network, the means over those of a width, and the mean of the limiting flow from the same starts."""
    width = result.array("/experiment/width", axes=1)
    kept = converged(result)
    error, limit = (
        np.where(kept, result.array(f"/experiment/{name}", axes=2), np.nan)
        for name in ("network_error", "limit_error")
    )
    axes.plot(
        np.repeat(width, error.shape[1]),
        error.ravel(),
        linestyle="none",
        marker="o",
        markerfacecolor="none",
        markeredgewidth=0.5,
        color=style.PURPLE,
    )
    shown = np.flatnonzero(kept.any(1))
    axes.plot(width[shown], [np.nanmean(error[w]) for w in shown], color=style.PURPLE, linestyle="-.")
    axes.plot(width[shown], [np.nanmean(limit[w]) for w in shown], **LIMIT)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    style.log_scale(axes.yaxis)
    axes.set_xlabel("width of trained networks")
    return [Line2D([], [], color=style.PURPLE, linestyle="-.", marker="o", markerfacecolor="none", label="networks")]
