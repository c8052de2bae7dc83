"""A result file as the figures see it: arrays and attributes by path, texts decoded, everything missing an error."""

from __future__ import annotations

import pathlib
import tomllib
from typing import Any, NamedTuple

import h5py
import numpy as np

Array = np.ndarray
FORMAT_VERSION = "1."  # how the versions begin that are understood


class ResultError(Exception):
    """The file cannot be read, is not a result file, or its parts do not fit together; one sentence."""


class NotDrawn(Exception):
    """A figure that the file has data for is left out, though nothing is wrong with the file; one sentence."""


class Claim(NamedTuple):
    """A statement that an experiment checked: it holds when |value - expected| <= tolerance."""

    statement: str
    value: float
    expected: float
    tolerance: float
    passed: bool

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        return f"{verdict}: {self.statement}: {self.value:.3g} (expected {self.expected:.3g} ± {self.tolerance:.2g})"


class Result:
    """An open result file of `ntkflow run` or `ntkflow experiment`, closed at the end of a with statement."""

    def __init__(self, path: pathlib.Path):
        """Opens and checks it.

        Raises ResultError when it is missing, not a complete result, or of a newer format.
        """
        self.path = path
        try:
            path.open("rb").close()  # of what the system refuses h5py says no more than that it failed
        except OSError as error:
            raise ResultError(f"cannot open '{path}': {error.strerror}") from error
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ResultError(f"'{path}' is not an HDF5 file, or is damaged") from error
        try:
            self._check()
        except (OSError, RuntimeError, KeyError) as error:
            raise ResultError(f"'{path}' is damaged: {error}") from error

    def _check(self) -> None:
        if self.attribute("/", "format") != "ntkflow":
            raise ResultError(
                f"'{self.path}' is not a result file of ntkflow: it has no attribute format = \"ntkflow\""
            )
        version = str(self.attribute("/", "format_version", "unknown"))
        if not version.startswith(FORMAT_VERSION):
            raise ResultError(
                f"'{self.path}' has layout version {version}, and this ntkflow-plot reads {FORMAT_VERSION}x"
            )
        status = self.attribute("/", "status", "unknown")
        if status != "complete":
            raise ResultError(f"'{self.path}' is not a complete result: its status is \"{status}\"")

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def has(self, *paths: str) -> bool:
        """Whether all of these groups or data sets exist."""
        return all(path in self._file for path in paths)

    def array(self, path: str, axes: int | None = None, at: Any = ()) -> Array:
        """A data set, or the part `at` of it (h5py indexing).

        Raises ResultError when it is absent or does not have this many axes.
        """
        data = self._file.get(path)
        if not isinstance(data, h5py.Dataset):
            raise ResultError(f"'{self.path}' has no data set {path}")
        if axes is not None and data.ndim != axes:
            raise ResultError(f"'{self.path}': {path} has {data.ndim} axes, not {axes}")
        return data[at]

    def shape(self, path: str) -> tuple[int, ...]:
        """Lengths of a data set's axes, without reading it."""
        return self._file[path].shape

    def texts(self, path: str) -> list[str]:
        """A one-dimensional array of texts, stored by characters along the last axis as netCDF does."""
        rows = self.array(path, axes=2)
        return [b"".join(row).rstrip(b"\0 ").decode("utf-8", "replace") for row in rows.astype("S1")]

    def attribute(self, path: str, name: str, default: Any = None) -> Any:
        """An attribute of a group or data set, or the default where there is none."""
        value = self._file[path].attrs.get(name, default) if path in self._file else default
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    @property
    def experiment(self) -> str | None:
        """Name of the experiment that wrote the file; None for a run."""
        return self.attribute("/", "experiment")

    @property
    def config(self) -> dict[str, Any]:
        """The effective configuration, as nested tables."""
        try:
            return tomllib.loads(self.attribute("/", "config", ""))
        except (tomllib.TOMLDecodeError, TypeError) as error:
            raise ResultError(f"'{self.path}': the stored configuration cannot be read: {error}") from error

    def claims(self) -> list[Claim]:
        """What the experiment checked, in order."""
        if not self.has("/claim"):
            return []
        numbers = [self.array(f"/claim/{name}", axes=1) for name in ("value", "expected", "tolerance", "passed")]
        return [
            Claim(statement, float(value), float(expected), float(tolerance), bool(passed))
            for statement, value, expected, tolerance, passed in zip(
                self.texts("/claim/statement"), *numbers, strict=True
            )
        ]
