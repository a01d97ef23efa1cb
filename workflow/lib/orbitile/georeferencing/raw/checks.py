"""Checks of a raw product before its pixels are read: its file is complete, and it is the file of its label."""

import logging

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import RawProduct

log = logging.getLogger(__name__)


def check_file(product: RawProduct) -> None:
    """Refuse a product whose file is missing, shorter than its label says, or another product's."""
    _check_size(product)
    _check_identity(product)
    if product.path == product.label.path and product.label.end > product.layout.first_byte:
        log.warning(
            "%s: the label ends at byte %d, but its ^IMAGE points to byte %d: the first pixels are text of the label",
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
    attached = PvlLabel.find_attached(product.path)
    image_id = attached.text("PRODUCT_ID") if attached is not None and attached.has("PRODUCT_ID") else None
    matches = _has_name_of_label(product) if image_id is None else image_id == product.product_id
    if not matches:
        raise OrbitileError(
            f"{product.label.path}: is the label of {product.product_id}, but the image {product.path} "
            f"{f'is {image_id}' if image_id else 'has another name'}; give the label of this image"
        )


def _has_name_of_label(product: RawProduct) -> bool:
    """Whether an image has the name in its label: FILE_NAME, or else one that begins with the product's id."""
    label = product.label
    name = label.text("FILE_NAME") if label.has("FILE_NAME") else ""
    if name:
        return product.path.name.lower() == name.lower()
    return product.path.stem.lower().startswith(product.product_id.lower())
