"""Cuts the sample in this folder out of the full MNIST: the first images and labels, in file order, nothing changed.

usage: make_sample.py FOLDER_WITH_THE_FOUR_FILES [OUTPUT_FOLDER]

The output is the same for the same zlib: no name and no time goes into the gzip files.
"""

import gzip
import pathlib
import struct
import sys

SAMPLES = {"train": 2000, "t10k": 1000}
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049


def cut(content: bytes, count: int) -> bytes:
    """The first `count` items of an IDX file of bytes, with its header saying so."""
    (magic,) = struct.unpack(">I", content[:4])
    dimensions = {IMAGES_MAGIC: 3, LABELS_MAGIC: 1}[magic]
    shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
    item_bytes = 1
    for length in shape[1:]:
        item_bytes *= length
    body = content[4 + 4 * dimensions :]
    assert len(body) == shape[0] * item_bytes and count <= shape[0]
    return struct.pack(f">{dimensions + 1}I", magic, count, *shape[1:]) + body[: count * item_bytes]


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    source = pathlib.Path(sys.argv[1])
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).parent
    for part, count in SAMPLES.items():
        for kind in ("images-idx3", "labels-idx1"):
            name = f"{part}-{kind}-ubyte.gz"
            with gzip.open(source / name) as full:
                content = cut(full.read(), count)
            with open(target / name, "wb") as file:
                with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
                    packed.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
