"""The experiment width-scaling: how the distances from the limit fall with the width."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from . import style
from .experiments import caption_of, converged
from .results import Array, Result

TITLES = {
    "kernel_deviation": "|kernel − limiting kernel| at the start",
    "kernel_drift": "drift of the kernel in training",
    "function_gap": "|f of network − f of limit| after training",
    "linearisation_gap": "|f of network − f of its linearisation|",
    "laziness": "lazy-training ratio",
}
NETWORKS = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "none",
    "markeredgewidth": 0.7,
    "color": style.BLUE,
    "label": "networks",
}
FIT = {"color": style.VERMILLION, "label": "fitted power of the width"}
THEORY = {"color": style.BLACK, "linestyle": "--", "label": "power of theory"}


def draw_width_scaling(result: Result) -> Figure | None:
    """A log-log panel for each quantity: every network, the fitted power law and the slope of theory."""
    if result.experiment != "width-scaling":
        return None
    names = result.texts("/experiment/quantity_name")
    width = result.array("/experiment/width", axes=1)
    value = np.where(converged(result), result.array("/experiment/value", axes=3), np.nan)
    slope, error, intercept, theory = (
        result.array(f"/experiment/{name}", axes=1) for name in ("slope", "slope_error", "intercept", "theory_slope")
    )
    columns = 2
    rows = -(-len(names) // columns)
    figure = style.new_figure(style.TWO_COLUMNS, 0.3 + 2.15 * rows, caption_of(result))
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[0.01] + [1] * rows)
    top = figure.add_subplot(grid[0, :])
    top.axis("off")
    for i, name in enumerate(names):
        axes = figure.add_subplot(grid[1 + i // columns, i % columns])
        draw_points(axes, width, value[i])
        title = TITLES.get(name, name.replace("_", " "))
        axes.set_title(title)
        axes.set_xlabel("width" if i + columns >= len(names) else "")
        if slope[i] == 0 and error[i] == 0:  # no line could be fitted
            continue
        axes.set_title(f"{title}\nslope {signed(slope[i])} ± {error[i]:.2f}, theory {signed(theory[i])}")
        fit = 2 ** (intercept[i] + slope[i] * np.log2(width))
        middle = np.exp(np.mean(np.log(fit)) - theory[i] * np.mean(np.log(width)))
        axes.plot(width, fit, **FIT)
        axes.plot(width, middle * width ** theory[i], **THEORY)
    handles = [Line2D([], [], **look) for look in (NETWORKS, FIT, THEORY)]
    top.legend(handles=handles, loc="center", ncols=len(handles), frameon=False)
    return figure


def draw_points(axes: Axes, width: Array, value: Array) -> None:
    """Values [W × D] of all networks over their widths; those that are not positive have no logarithm."""
    positive = np.where(value > 0, value, np.nan)
    axes.set_xscale("log", base=2)
    style.log_scale(axes.yaxis)
    axes.plot(np.repeat(width, value.shape[1]), positive.ravel(), **NETWORKS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())


def signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
