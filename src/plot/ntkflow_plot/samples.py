"""Test images with the model's answer at several times."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from . import idx, style
from .confusion import classes_of
from .results import Array, NotDrawn, Result
from .training import training_axis

IMAGES = 10
TIMES = 6
ROW = 0.3  # height of a row of answers, where an image is 1 wide


def draw_samples(result: Result) -> Figure | None:
    """The first test images and those whose answer changes most, each above its answers from early to late.

    Raises NotDrawn when the images cannot be had from where the run read them.
    """
    if not result.has("/dynamics/time", "/dynamics/test_prediction", "/data/test_label", "/data/test_index"):
        return None
    training = training_axis(result)
    at = [int(training.finite[i]) for i in style.spread_out(training.finite.size, TIMES)]
    answer = classes_of(result.array("/dynamics/test_prediction", axes=3, at=at))
    names = [training.name(i) for i in at]
    if result.has("/regression/test_prediction"):
        answer = np.vstack([answer, classes_of(result.array("/regression/test_prediction", axes=2))])
        names.append("t = ∞")
    chosen = choose(answer)
    label = result.array("/data/test_label", axes=1)[chosen]
    images = read_images(result.config, result.array("/data/test_index", axes=1)[chosen], label)

    first = min(IMAGES // 2, answer.shape[1])
    caption = caption_of(first, len(chosen) - first)
    figure = style.new_figure(style.TWO_COLUMNS, 0.85 + 0.19 * len(names), [caption])
    axes = figure.add_subplot()
    rows = -ROW * (np.arange(len(names)) + 0.6)
    for column, image in enumerate(images):
        axes.imshow(image, cmap="gray_r", extent=(column + 0.06, column + 0.94, 0, 0.88))
        for y, given in zip(rows, answer[:, chosen[column]], strict=True):
            wrong = {"bbox": {"boxstyle": "square,pad=0.2", "facecolor": "white", "edgecolor": style.VERMILLION}}
            axes.text(
                column + 0.5,
                y,
                f"{given}",
                ha="center",
                va="center_baseline",
                **({} if given == label[column] else wrong),
            )
    axes.set(xlim=(0, len(chosen)), ylim=(rows[-1] - 0.6 * ROW, 0.92), aspect="equal")
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(chosen)) + 0.5, [f"class {c}" for c in label])
    axes.set_yticks(rows, names)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure


def caption_of(first: int, changing: int) -> str:
    """Says which images are shown: so many of the first, and so many whose answers change."""
    left = f"first {first} test images" if first > 1 else "first test image"
    if changing == 0:
        return f"The {left}. Boxed: wrong."
    right = f"{changing} whose answers change most" if changing > 1 else "one whose answer changes most"
    return f"Left the {left}, right {right}. Boxed: wrong."


def choose(answer: Array) -> list[int]:
    """Test images for answers [times × M]: half of them the first, half those that change most, in the file's order."""
    first = list(range(min(IMAGES // 2, answer.shape[1])))
    changes = (np.diff(answer, axis=0) != 0).sum(axis=0)
    changing = [int(i) for i in np.argsort(-changes, kind="stable") if i not in first]
    return first + sorted(changing[: IMAGES - len(first)])


def read_images(config: dict[str, Any], rows: Array, label: Array) -> Array:
    """Images [rows × height × width (× 3)] of the test set that the configuration names.

    Raises NotDrawn when it is not of images, cannot be read, or has other labels than the run saw.
    """
    data = config.get("data", {})
    if data.get("format") != "idx" or "inputs" not in data.get("test", {}):
        raise NotDrawn("the test set was not read from IDX files")
    images = idx.read_rows(_path(data["test"]["inputs"]), rows)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or min(images.shape[1:3]) < 2:
        raise NotDrawn(f"the inputs in '{data['test']['inputs']}' are not images")
    if "targets" in data["test"] and not np.array_equal(idx.read_rows(_path(data["test"]["targets"]), rows), label):
        raise NotDrawn(f"the labels in '{data['test']['targets']}' are not those of the run: the file has changed")
    return images


def _path(text: str) -> pathlib.Path:
    """A path of the stored configuration, in which "$${" stands for "${"."""
    return pathlib.Path(text.replace("$${", "${"))
