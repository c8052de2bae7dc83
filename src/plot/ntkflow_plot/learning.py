"""What kernels learn, how fast and from how many samples: depth, learning-rate, early-stopping, sample-complexity."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from . import style
from .experiments import TYPE_TITLES, caption_of
from .results import Result

def draw_depth(result: Result) -> Figure | None:
    """Test accuracy over depth, a panel for each type of kernel; the linear kernel of depth 1 stands in the caption."""
    if result.experiment != "depth":
        return None
    depth = result.array("/experiment/depth", axes=1)
    accuracy = result.array("/experiment/test_accuracy", axes=3)
    kernels = result.texts("/experiment/kernel_name")
    types = result.texts("/experiment/type_name")
    shown = depth > 1 if depth.size > 1 else depth > 0
    linear = ", ".join(style.number(value, 4) for value in np.unique(accuracy[..., depth == 1]))
    caption = [f"Depth 1, a linear model: {linear}."] if linear else []
    figure, top, panels = style.panels(
        style.TWO_COLUMNS, 2.6, len(types), len(types), [*caption, *caption_of(result)]
    )
    handles = []
    for k, name in enumerate(kernels):
        colour, dashes, marker = style.series(k)
        look = {"color": colour, "linestyle": dashes, "marker": marker}
        handles.append(Line2D([], [], label=name, **look))
        for axes, values in zip(panels, accuracy[k], strict=True):
            axes.plot(depth[shown], values[shown], **look)
    for axes, name in zip(panels, types, strict=True):
        axes.set_title(TYPE_TITLES.get(name, name))
        axes.set_xlabel("depth")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("test accuracy")
    top.legend(handles=handles, loc="center", ncols=min(3, len(handles)), frameon=False)
    return figure


def draw_learning_rate(result: Result) -> Figure | None:
    """Loss of descent by step for each rate: the iteration as markers on the line of the closed form."""
    if result.experiment != "learning-rate":
        return None
    rate = result.array("/experiment/rate", axes=1)
    step = result.array("/experiment/step", axes=1)
    closed = result.array("/experiment/closed_form_loss", axes=2)
    iterated = result.array("/experiment/loss", axes=2)
    figure = style.new_figure(style.TWO_COLUMNS, 3.2, caption_of(result))
    axes = figure.add_subplot()
    marked = style.spread_out(step.size, 12)
    for k, value in enumerate(rate):
        colour, dashes, marker = style.series(k)
        look = {"color": colour, "linestyle": dashes, "marker": marker}
        axes.plot(step, closed[k], color=colour, linestyle=dashes)
        axes.plot(step[marked], iterated[k][marked], color=colour, linestyle="none", marker=marker)
        axes.plot([], [], label=f"η = {style.number(value)}/λ₁", **look)
    # What diverges is shown until it is a thousand times the start.
    positive = closed[closed > 0]
    if positive.size:
        style.log_scale(axes.yaxis)
        axes.set_ylim(positive.min() / 2, min(positive.max() * 2, 1e3 * closed[:, 0].max()))
    axes.set_xlabel("step of descent (lines: closed form, markers: iteration)")
    axes.set_ylabel("loss  ½ mean ‖f − y‖²")
    style.legend_above(axes, columns=min(3, rate.size))
    return figure


def draw_early_stopping(result: Result) -> Figure | None:
    """Left the losses over time and over N/ridge, right what has been learned of classes, noise and modes."""
    if result.experiment != "early-stopping":
        return None
    time = result.array("/experiment/time", axes=1)
    figure = style.new_figure(style.TWO_COLUMNS, 3.4, caption_of(result))
    losses, learned = figure.subplots(1, 2, sharex=True)
    curves = (
        ("train_loss", "training, wrong labels"),
        ("test_loss", "test"),
        ("ridge_test_loss", "test, ridge N/t"),
        ("clean_test_loss", "test, right labels"),
    )
    for k, (name, label) in enumerate(curves):
        colour, dashes, _ = style.series(k)
        values = result.array(f"/experiment/{name}", axes=1)
        losses.plot(time, values, color=colour, linestyle=dashes, label=label)
    losses.set_ylim(bottom=0)
    losses.set_ylabel("loss  ½ mean ‖f − y‖²")
    by_class = result.array("/experiment/learned", axes=2)
    noise = result.array("/experiment/learned_noise", axes=1)
    modes = result.array("/experiment/learned_modes", axes=1)
    learned.plot(time, by_class, color=style.BLUE, linewidth=0.7)
    learned.plot([], [], color=style.BLUE, linewidth=0.7, label="energy of each class")
    learned.plot(time, noise, color=style.VERMILLION, linestyle="--", label="energy of the noise")
    learned.plot(time, modes, color=style.BLACK, linestyle=":", label="modes")
    learned.set_ylabel("learned fraction")
    best = result.attribute("/experiment/time", "best_time")
    for axes in (losses, learned):
        if best is not None:
            axes.axvline(best, color=style.GREY, linewidth=3, alpha=0.4, label=f"best t = {style.number(best)}")
        style.log_scale(axes.xaxis)
        axes.set_xlabel("time t")
        style.legend_above(axes, columns=2)
    return figure


def draw_sample_complexity(result: Result) -> Figure | None:
    """The test error for each d, left over N/d², where the curves meet, right over N/d, where they do not."""
    if result.experiment != "sample-complexity":
        return None
    dimension = result.array("/experiment/dimension", axes=1)
    size = result.array("/experiment/train_size", axes=2)
    error = result.array("/experiment/test_mse", axes=3)
    mean = result.array("/experiment/mean_test_mse", axes=2)
    caption = caption_of(result)
    four_units = result.attribute("/experiment/test_mse", "four_unit_error")
    if four_units is not None:
        caption.insert(0, f"Not drawn: the network of four units, largest error {style.number(four_units)}.")
    figure = style.new_figure(style.TWO_COLUMNS, 3.2, caption)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, power, label in zip(panels, (2, 1), ("N / d²", "N / d"), strict=True):
        for k, d in enumerate(dimension):
            colour, dashes, marker = style.series(k)
            x = size[k] / float(d) ** power
            axes.plot(x, mean[k], color=colour, linestyle=dashes, marker=marker, label=f"d = {d:,.0f}")
            axes.plot(np.repeat(x, error.shape[2]), error[k].ravel(), ".", color=colour, markersize=2)
        axes.axhline(1, color=style.BLACK, linestyle=":", linewidth=1, label="predicting 0")
        style.log_scale(axes.xaxis, axes.yaxis)
        axes.set_xlabel(label)
    panels[0].set_ylabel("test error  mean (f − x₁x₂)²")
    style.legend_above(panels[0], columns=min(3, dimension.size + 1))
    return figure
