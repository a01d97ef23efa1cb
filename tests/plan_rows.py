"""Rows of plans, made up: of an image of 10 x 10 px on a map of the Moon."""

from orbitile.tables.plan import PlanRow

MADE_UP = dict(
    inputs=[], fingerprint="1-1", georef_method="projected", error_m=None, instrument=None, kernels=None, corners=None,
    elevation=None, image_gsd_m=100.0, incidence_deg=None, crs_wkt="", transform=[100.0, 0.0, 0.0, 0.0, -100.0, 0.0],
    width=10, height=10, gsd_m=100.0, dtype="uint8", nodata=None, bands=[1], band_names=[""], body="Moon",
    request_key="", outline_lon=[], outline_lat=[],
)  # fmt: skip


def plan_row(scene: str, group: str, **columns: object) -> PlanRow:
    """The row of a scene in a group; what no column says is made up."""
    return PlanRow(**dict(path=f"{scene}.tif") | MADE_UP | dict(scene=scene, group=group) | columns)
