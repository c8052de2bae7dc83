"""The axis of training: times of the flow, or numbers of steps of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import style
from .results import Array, Result


@dataclass
class TrainingAxis:
    """Points of training [T], how a figure calls them, and which of them have values that did not overflow."""

    values: Array
    symbol: str
    label: str
    best: float | None
    finite: Array

    def name(self, i: int) -> str:
        """Of point number i, as a legend has it."""
        return f"{self.symbol} = {style.number(self.values[i], digits=2)}"


def training_axis(result: Result) -> TrainingAxis:
    """Of a result with /dynamics."""
    steps = result.has("/dynamics/step")
    values = result.array("/dynamics/step" if steps else "/dynamics/time", axes=1)
    best = result.attribute("/dynamics", f"best_{'step' if steps else 'time'}_by_test_loss")
    has_loss = result.has("/dynamics/train_loss")
    loss = result.array("/dynamics/train_loss", axes=1) if has_loss else np.zeros(values.size)
    finite = np.flatnonzero(np.isfinite(loss))
    return TrainingAxis(values, "s" if steps else "t", "steps s" if steps else "time t", best, finite)
