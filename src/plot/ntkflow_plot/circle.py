"""The experiments on the circle: kernel-convergence and gaussian-limit."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from . import style
from .experiments import caption_of, converged, limit_handle, plot_networks, width_handle, width_name
from .results import Result

LIMIT_DASHES = (0, (2, 1))  # what lies on the limit shows through
QUANTILE_DASHES = ((0, (4, 1.5)), "-")  # at the end of training, at t = ∞


def draw_kernel_convergence(result: Result) -> Figure | None:
    """Kernels of all networks against the limiting one, left at the start, right after training."""
    if result.experiment != "kernel-convergence":
        return None
    angle = result.array("/experiment/angle", axes=1)
    width = result.array("/experiment/width", axes=1)
    time = result.array("/experiment/time", axes=1)
    limit = result.array("/experiment/limit", axes=1)
    kernel = result.array("/experiment/kernel", axes=4)
    kept = converged(result)

    figure, top, panels = style.panels(style.TWO_COLUMNS, 3.2, time.size, time.size, caption_of(result))
    for i, axes in enumerate(panels):
        for w in np.argsort(width):  # wide networks spread least and lie on top
            plot_networks(axes, angle, kernel[w, kept[w], i], int(w))
        axes.plot(angle, limit, color=style.BLACK, linestyle=LIMIT_DASHES, linewidth=2, zorder=3)
        axes.set_title("t = 0, at the start" if time[i] == 0 else f"t = {style.number(time[i])}, after training")
        axes.set_xlabel("angle γ of x")
    style.angle_axis(panels[0], -np.pi)
    panels[0].set_ylabel("kernel Θ(x₀, x)")
    handles = [
        *(width_handle(n, w) for w, n in enumerate(width)),
        limit_handle("limit of infinite width", LIMIT_DASHES),
    ]
    top.legend(handles=handles, loc="center", ncols=len(handles), frameon=False)
    return figure


def draw_gaussian_limit(result: Result) -> Figure | None:
    """Trained networks, a panel for each width, with quantiles of the limiting Gaussian at both times."""
    if result.experiment != "gaussian-limit":
        return None
    angle = result.array("/experiment/angle", axes=1)
    width = result.array("/experiment/width", axes=1)
    level = result.array("/experiment/quantile_level", axes=1)
    quantile = result.array("/experiment/quantile", axes=3)
    time = result.array("/experiment/limit_time", axes=1)
    network = result.array("/experiment/network", axes=3)
    kept = converged(result)

    columns = min(width.size, 2)
    rows = -(-width.size // columns)
    size = style.TWO_COLUMNS if columns == 2 else style.ONE_COLUMN
    figure, top, panels = style.panels(size, 0.6 + 2.7 * rows, width.size, columns, caption_of(result))
    for w, (axes, n) in enumerate(zip(panels, width, strict=True)):
        plot_networks(axes, angle, network[w, kept[w]], w)
        for values, dashes in zip(quantile, QUANTILE_DASHES, strict=False):
            axes.plot(angle, values.T, color=style.BLACK, linestyle=dashes, linewidth=1.4, zorder=3)
        axes.plot(
            result.array("/experiment/train_angle", axes=1),
            result.array("/experiment/train_target", axes=1),
            linestyle="none",
            marker="D",
            markersize=6,
            color=style.ORANGE,
            markeredgecolor=style.BLACK,
            zorder=4,
        )
        axes.set_title(f"{width_name(n)}, {int(kept[w].sum())} networks")
        axes.set_xlabel("angle of x" if w + columns >= width.size else "")
        axes.set_ylabel("f" if w % columns == 0 else "")
    style.angle_axis(panels[0], round(angle.min() / np.pi) * np.pi)
    names = ", ".join(f"{100 * value:g}" for value in level)
    handles = [
        *(
            limit_handle(f"limit: {names} %, t = {style.number(t)}", d)
            for t, d in zip(time, QUANTILE_DASHES, strict=False)
        ),
        Line2D(
            [],
            [],
            linestyle="none",
            marker="D",
            color=style.ORANGE,
            markeredgecolor=style.BLACK,
            label="training points",
        ),
    ]
    top.legend(handles=handles, loc="center", ncols=3 if columns == 2 else 1, frameon=False)
    return figure
