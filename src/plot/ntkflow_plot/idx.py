"""Rows of an IDX file, plain or gzip, whose header is big-endian: two zero bytes, type, axes, then their lengths."""

from __future__ import annotations

import gzip
import math
import pathlib
import struct
import zlib
from collections.abc import Iterable
from typing import IO

import numpy as np

from .results import Array, NotDrawn

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
LARGEST_ROW = 1 << 24  # bytes; a header that claims more is not one of images


def read_rows(path: pathlib.Path, rows: Iterable[int]) -> Array:
    """The given rows [rows × further axes].

    Raises NotDrawn when the file is not there, is no IDX file, or has not so many rows.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or head[3] == 0:
                raise NotDrawn(f"'{path}' is not an IDX file")
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            kind = np.dtype(TYPES[head[2]])
            length = math.prod(shape[1:]) * kind.itemsize
            if length > LARGEST_ROW:
                raise NotDrawn(f"a row of '{path}' is too large for an image")
            return np.stack([_read_row(file, path, row, shape, kind, length) for row in rows])
    except OSError as error:
        raise NotDrawn(f"cannot read '{path}': {error.strerror or error}") from error
    except (EOFError, struct.error, zlib.error) as error:
        raise NotDrawn(f"'{path}' is cut off or damaged") from error


def _read_row(
    file: gzip.GzipFile | IO[bytes], path: pathlib.Path, row: int, shape: tuple[int, ...], kind: np.dtype, length: int
) -> Array:
    if not 0 <= row < shape[0]:
        raise NotDrawn(f"'{path}' has {shape[0]} rows and not row {row}: it has changed since the run")
    file.seek(4 + 4 * len(shape) + row * length)
    data = file.read(length)
    if len(data) != length:
        raise EOFError
    return np.frombuffer(data, dtype=kind).reshape(shape[1:])
