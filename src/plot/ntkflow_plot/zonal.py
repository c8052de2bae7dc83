"""The experiments boolean-cube and sphere: spectra of kernels by the degree of their eigenfunctions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from . import style
from .experiments import TYPE_TITLES, caption_of
from .results import Array, Result

SMALLEST_SHARE = 1e-5  # of the variance that is drawn
MOST_MARKS = 100
ROUNDING = 1e-17  # of the largest eigenvalue: below there is nothing to see


def positive(values: Array, least: float) -> Array:
    """Values for a logarithmic axis: what is not above `least` is left out."""
    return np.where(values > least, values, np.nan)


def panel_names(result: Result) -> tuple[list[str], list[str]]:
    kernels = result.texts("/experiment/kernel_name")
    return kernels, [TYPE_TITLES.get(name, name) for name in result.texts("/experiment/type_name")]


def draw_boolean_cube(result: Result) -> Figure | None:
    """Fractional variance over the depth in the largest dimension."""
    return draw_variance(result, "the boolean cube") if result.experiment == "boolean-cube" else None


def draw_sphere_variance(result: Result) -> Figure | None:
    """The same on the sphere."""
    return draw_variance(result, "the sphere") if result.experiment == "sphere" else None


def draw_variance(result: Result, where: str) -> Figure:
    """Fractional variance over the depth for each of the lowest degrees, in the largest dimension; the best depth is a ring, or
    a point where it is the last one searched."""
    kernels, types = panel_names(result)
    depth = result.array("/experiment/depth", axes=1)
    dimension = result.array("/experiment/dimension", axes=1)
    degrees = result.array("/experiment/degree", axes=1)[: len(style.SERIES)]
    shares = result.array("/experiment/fractional_variance", axes=5)[:, :, -1]
    best = result.array("/experiment/optimal_depth", axes=4)[:, :, -1]
    is_edge = result.array("/experiment/optimal_depth_is_edge", axes=4)[:, :, -1] > 0
    caption = [
        f"Share of the variance on {where}, d = {dimension[-1]:.0f}; ring: the best depth, filled: the last one searched is.",
        *caption_of(result),
    ]
    figure, top, panels = style.panels(
        style.TWO_COLUMNS, 0.5 + 1.9 * len(kernels), len(kernels) * len(types), len(types), caption
    )
    for i, axes in enumerate(panels):
        kernel, kind = divmod(i, len(types))
        style.log_scale(axes.xaxis, axes.yaxis)
        axes.set_title(f"{types[kind]}, {kernels[kernel]}")
        axes.set_xlabel("depth" if kernel == len(kernels) - 1 else "")
        axes.set_ylabel("fractional variance" if kind == 0 else "")
        for k in range(len(degrees)):
            colour, dashes, marker = style.series(k)
            share = positive(shares[kernel, kind, :, k], SMALLEST_SHARE)
            axes.plot(depth, share, color=colour, linestyle=dashes, marker=style.marker_of(share))
            at = int(best[kernel, kind, k])
            if at > 0 and np.isfinite(share[at - 1]):
                face = colour if is_edge[kernel, kind, k] else "none"
                axes.plot(at, share[at - 1], color=colour, marker=marker, markerfacecolor=face, linestyle="none")
        axes.set_ylim(SMALLEST_SHARE, 2)
    handles = []
    for k, degree in enumerate(degrees):
        colour, dashes, marker = style.series(k)
        handles.append(
            Line2D([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="none", label=f"degree {degree}")
        )
    top.legend(handles=handles, loc="center", ncols=len(handles) if len(handles) < 4 else 3, frameon=False)
    return figure


def draw_sphere(result: Result) -> Figure | None:
    """Eigenvalues of samples by their rank, over those of the degrees of the limit: a panel for each kernel."""
    if result.experiment != "sphere":
        return None
    kernels, types = panel_names(result)
    number = result.array("/experiment/sample", axes=1)
    sample = result.array("/experiment/sample_eigenvalue", axes=3)
    limit = result.array("/experiment/limit_eigenvalue", axes=3)
    dimension, depth = (result.attribute("/experiment/sample_eigenvalue", name, 0) for name in ("dimension", "depth"))
    caption = [
        f"{len(number):,} uniform samples, d = {dimension}, {depth} layers; marks: samples, lines: limit by degree.",
        *caption_of(result),
    ]
    columns = min(2, len(kernels))
    rows = -(-len(kernels) // columns)
    figure, top, panels = style.panels(style.TWO_COLUMNS, 0.4 + 2.2 * rows, len(kernels), columns, caption)
    for kernel, axes in enumerate(panels):
        style.log_scale(axes.xaxis, axes.yaxis)
        axes.set_title(kernels[kernel])
        axes.set_xlabel("number of the eigenvalue" if kernel + columns >= len(kernels) else "")
        axes.set_ylabel("eigenvalue of K / N" if kernel % columns == 0 else "")
        for kind in range(len(types)):
            draw_levels(axes, number, sample[kernel, kind], limit[kernel, kind], kind)
    handles = []
    for kind, name in enumerate(types):
        colour, dashes, marker = style.series(kind)
        handles.append(
            Line2D([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="none", label=name)
        )
    top.legend(handles=handles, loc="center", ncols=len(handles), frameon=False)
    return figure


def draw_levels(axes: Axes, number: Array, sample: Array, limit: Array, kind: int) -> None:
    """Sample eigenvalues as marks over the steps of their limit; of many the marks are thinned out."""
    colour, dashes, marker = style.series(kind)
    least = ROUNDING * sample.max()
    shown = np.unique(np.geomspace(1, len(number), MOST_MARKS).round().astype(int)) - 1
    axes.plot(number, positive(limit, least), color=colour, linestyle=dashes, drawstyle="steps-mid")
    axes.plot(
        number[shown], positive(sample, least)[shown], color=colour, linestyle="none", marker=marker, markersize=3,
        markerfacecolor="none", markeredgewidth=0.7,
    )
