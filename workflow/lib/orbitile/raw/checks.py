"""What is checked of a raw product before its pixels are read: that its file is whole and its own."""

import hashlib
import logging
from collections.abc import Iterator

import numpy as np

from orbitile.errors import OrbitileError
from orbitile.raw.label import Label
from orbitile.raw.products import RawProduct

log = logging.getLogger(__name__)

PIECE_LINES = 1024
"""Lines summed up at once for a checksum."""


def check_file(product: RawProduct) -> None:
    """Refuse a product whose file is missing, shorter than its label says, or another product's."""
    _check_size(product)
    _check_identity(product)
    if product.path == product.label.path and product.label.end > product.layout.first_byte:
        log.warning(
            "%s: the label ends at byte %d but says that pixels begin at byte %d: the first pixels are its text",
            product.path, product.label.end, product.layout.first_byte,
        )  # fmt: skip


def _check_size(product: RawProduct) -> None:
    expected = product.layout.first_byte + product.height * product.layout.line_bytes
    try:
        size = product.path.stat().st_size
    except OSError as error:
        raise OrbitileError(
            f"{product.path}: cannot be read ({error.strerror}), but {product.label.path} describes it; put the "
            "image beside its label"
        ) from error
    if size < expected:
        raise OrbitileError(
            f"{product.path}: truncated: its label describes {product.height} lines up to byte {expected}, but the "
            f"file has {size} bytes; fetch it again"
        )


def _check_identity(product: RawProduct) -> None:
    """Compare a detached label with the label in the image itself, or else with the image's name."""
    if not product.label.is_detached:
        return
    own = Label.attached(product.path)
    found = own.text("PRODUCT_ID") if own is not None and own.has("PRODUCT_ID") else None
    same = _is_name_of(product) if found is None else found == product.product_id
    if not same:
        raise OrbitileError(
            f"{product.label.path}: is the label of {product.product_id}, but the image {product.path} is "
            f"{found or 'called otherwise'}; give the label of this image"
        )


def _is_name_of(product: RawProduct) -> bool:
    """Whether an image is called as its label says: FILE_NAME, or else its name begins with the product's."""
    label = product.label
    name = label.text("FILE_NAME") if label.has("FILE_NAME") else ""
    if name:
        return product.path.name.lower() == name.lower()
    return product.path.stem.lower().startswith(product.product_id.lower())


def check_sum(product: RawProduct) -> None:
    """Compare an image with MD5_CHECKSUM or CHECKSUM (the sum of its samples modulo 2^32), reading it all.

    OrbitileError with both values if they differ, or if the label has neither.
    """
    key = next((key for key in ("IMAGE.MD5_CHECKSUM", "IMAGE.CHECKSUM") if product.label.has(key)), None)
    if key is None:
        raise OrbitileError(f"{product.label.path}: the label has no MD5_CHECKSUM or CHECKSUM to compare with")
    if key.endswith("MD5_CHECKSUM"):
        expected, found = product.label.text(key).lower(), _md5(product)
    else:
        expected, found = f"{product.label.whole(key):08X}", f"{_sum_of_samples(product):08X}"
    if expected != found:
        raise OrbitileError(f"{product.path}: its checksum is {found}, but its label says {expected}; fetch it again")


def _md5(product: RawProduct) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for lines in _lines(product):
        digest.update(lines)
    return digest.hexdigest()


def _sum_of_samples(product: RawProduct) -> int:
    dtype = np.dtype(product.layout.dtype)
    return sum(int(lines.view(dtype).sum(dtype=np.uint64)) for lines in _lines(product)) % 2**32


def _lines(product: RawProduct) -> Iterator[np.ndarray]:
    """The lines of an image with all their columns, some at a time: bytes (lines, line_bytes)."""
    layout, shape = product.layout, (product.height, product.layout.line_bytes)
    every = np.memmap(product.path, np.uint8, "r", layout.first_byte, shape)
    for row in range(0, product.height, PIECE_LINES):
        yield np.ascontiguousarray(every[row : row + PIECE_LINES])
