"""The Gaussian law of f_t at test points: curves with bands on the circle, else error bars and coverage."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result
from .training import training_axis

TIMES = 3
POINTS = 30
MOST_TRAINING_MARKERS = 64


def circle_angles(result: Result, name: str) -> Array | None:
    """Angles [samples] of the "train" or "test" points of a synthetic circle; None for other data."""
    data = result.config.get("data", {})
    if data.get("kind") != "circle" or not result.has(f"/data/{name}_index"):
        return None
    row = result.array(f"/data/{name}_index", axes=1)
    turn = row / data["size"] if name == "train" else (row + 0.5) / data["test_size"]
    return 2 * math.pi * turn


def draw_predictions(result: Result) -> Figure | None:
    """f_t over the circle at several times of the flow, with the target; other data have no such picture."""
    if not result.has("/dynamics/time", "/dynamics/test_prediction", "/data/test_target"):
        return None
    angle = circle_angles(result, "test")
    if angle is None:
        return None
    order = np.argsort(angle)
    training = training_axis(result)
    figure = style.new_figure(style.ONE_COLUMN, 3.1)
    axes = figure.add_subplot()
    target = result.array("/data/test_target", axes=2)[order, 0]
    axes.plot(
        angle[order],
        target,
        color=style.BLACK,
        linewidth=3,
        alpha=0.3,
        marker=style.marker_of(angle),
        markersize=8,
        label="target",
    )
    predictions = result.array("/dynamics/test_prediction", axes=3)[training.finite][:, order, 0]
    for index, i in enumerate(style.spread_out(settled(predictions) + 1, 5)):
        colour, dashes, marker = style.series(index)
        axes.plot(
            angle[order],
            predictions[i],
            color=colour,
            linestyle=dashes,
            marker=marker if angle.size == 1 else "",
            label=training.name(training.finite[i]),
        )
    style.angle_axis(axes, 0)
    axes.set_xlabel("angle of x")
    axes.set_ylabel(output_name(result))
    style.legend_above(axes, columns=2)
    return figure


def settled(predictions: Array) -> int:
    """The first time number from which f_t [T × M] stays within 1 % of where it ends."""
    change = np.abs(predictions - predictions[-1]).max(axis=1)
    moving = np.flatnonzero(change > 0.01 * np.abs(predictions[-1]).max())
    return int(moving[-1]) + 1 if moving.size else 0


def draw_posterior(result: Result) -> Figure | None:
    """Mean and uncertainty of f_t over initialisations."""
    if not result.has("/posterior/time", "/posterior/mean", "/posterior/variance"):
        return None
    angle = circle_angles(result, "test")
    return draw_bands(result, angle) if angle is not None and angle.size > 1 else draw_error_bars(result)


def draw_bands(result: Result, angle: Array) -> Figure:
    """For each of a few times the mean over the circle, a band, sample paths, the target and the training points."""
    order = np.argsort(angle)
    time = result.array("/posterior/time", axes=1)
    at = style.spread_out(time.size, TIMES)
    width = style.TWO_COLUMNS if len(at) > 1 else style.ONE_COLUMN
    figure, top, panels = style.panels(width, 2.8 if len(at) > 1 else 3.1, len(at), len(at))
    for axes, i in zip(panels, at, strict=True):
        mean = result.array("/posterior/mean", axes=3, at=i)[order, 0]
        low, high, name = band(result, i, mean, order)
        axes.fill_between(angle[order], low, high, color=style.SKY, alpha=0.4, linewidth=0, label=name)
        if result.has("/posterior/sample"):
            paths = result.array("/posterior/sample", axes=4, at=i)[:, order, 0]
            lines = axes.plot(angle[order], paths.T, color=style.GREY, linewidth=0.6)
            lines[0].set_label("sample paths")
        axes.plot(angle[order], mean, color=style.BLUE, label="mean")
        if result.has("/data/test_target"):
            target = result.array("/data/test_target", axes=2)[order, 0]
            axes.plot(angle[order], target, color=style.VERMILLION, linestyle="--", linewidth=1, label="target")
        draw_training_points(result, axes)
        axes.set_title(f"t = {style.number(time[i])}")
        axes.set_xlabel("angle of x")
    style.angle_axis(panels[0], 0)
    panels[0].set_ylabel(output_name(result))
    handles, labels = panels[0].get_legend_handles_labels()
    top.legend(handles, labels, loc="center", ncols=5 if width == style.TWO_COLUMNS else 2, frameon=False)
    return figure


def band(result: Result, i: int, mean: Array, order: Array) -> tuple[Array, Array, str]:
    """Lower and upper end of the band at time number i for the first output, and its name."""
    if result.has("/posterior/quantile", "/posterior/level") and result.shape("/posterior/level")[0] > 1:
        level = result.array("/posterior/level", axes=1)
        quantile = result.array("/posterior/quantile", axes=4, at=i)[:, order, 0]
        low, high = level.argmin(), level.argmax()
        return quantile[low], quantile[high], f"{100 * level[low]:g} % to {100 * level[high]:g} %"
    deviation = np.sqrt(result.array("/posterior/variance", axes=2, at=i)[order])
    return mean - 2 * deviation, mean + 2 * deviation, "mean ± 2 σ"


def draw_training_points(result: Result, axes: Axes) -> None:
    angle = circle_angles(result, "train")
    if angle is not None and angle.size <= MOST_TRAINING_MARKERS and result.has("/data/train_target"):
        target = result.array("/data/train_target", axes=2)[:, 0]
        axes.plot(angle, target, linestyle="none", marker="o", color=style.BLACK, label="training points", zorder=4)


def draw_error_bars(result: Result) -> Figure:
    """Left the winning output of the first test points with ± 2 σ, right how often targets lie in central intervals."""
    time = result.array("/posterior/time", axes=1)
    mean = result.array("/posterior/mean", axes=3, at=-1)
    deviation = np.sqrt(result.array("/posterior/variance", axes=2, at=-1))
    figure = style.new_figure(style.TWO_COLUMNS, 2.8)
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    count = min(POINTS, len(mean))
    winner = mean[:count].argmax(axis=1)
    points = np.arange(count)
    left.errorbar(
        points,
        mean[points, winner],
        yerr=2 * deviation[:count],
        linestyle="none",
        marker="o",
        color=style.BLUE,
        elinewidth=1,
        capsize=2,
        label="winning output, mean ± 2 σ" if mean.shape[1] > 1 else "mean ± 2 σ",
    )
    if result.has("/data/test_target"):
        target = result.array("/data/test_target", axes=2)
        left.plot(
            points,
            target[points, winner],
            linestyle="none",
            marker="x",
            color=style.VERMILLION,
            label="its target",
            zorder=3,
        )
        draw_coverage(right, result, target)
    left.set_title(f"t = {style.number(time[-1])}", loc="right")
    left.set_xlabel("test point")
    left.set_ylabel("f")
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    return figure


def draw_coverage(axes: Axes, result: Result, target: Array) -> None:
    """Share of the test targets inside the central interval of each probability; ideal is the diagonal."""
    time = result.array("/posterior/time", axes=1)
    probability = np.linspace(0.02, 0.98, 49)
    width = np.array([NormalDist().inv_cdf((1 + p) / 2) for p in probability])
    axes.plot([0, 1], [0, 1], color=style.BLACK, linewidth=1, linestyle=":")
    for index, i in enumerate(style.spread_out(time.size, TIMES)):
        error = np.abs(target - result.array("/posterior/mean", axes=3, at=i))
        deviation = np.sqrt(result.array("/posterior/variance", axes=2, at=i))[:, np.newaxis]
        covered = [(error <= w * deviation).mean() for w in width]
        colour, dashes, _ = style.series(index)
        axes.plot(probability, covered, color=colour, linestyle=dashes, label=f"t = {style.number(time[i], digits=2)}")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("central interval of probability")
    axes.set_ylabel("targets inside")
    axes.legend(loc="best")


def output_name(result: Result) -> str:
    outputs = result.shape("/data/test_target")[1] if result.has("/data/test_target") else 1
    return "f" if outputs == 1 else f"first of {outputs} outputs"
