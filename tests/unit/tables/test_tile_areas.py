from hypothesis import given
from hypothesis import strategies as st

from orbitile.space.grids import Window
from orbitile.tables.tile_areas import parse_tile_area, tile_area_text

PIXELS = st.integers(1, 100_000)


@given(
    st.floats(0.01, 1e6),
    st.sets(st.integers(0, 1000), min_size=1),
    st.builds(Window, st.integers(-99, 99), PIXELS, PIXELS, PIXELS),
)
def test_what_is_said_of_tiles_is_understood(scale_m, numbers, window):
    area = parse_tile_area(tile_area_text(scale_m, sorted(numbers), window))
    assert area == (f"{scale_m:g}", window)


def test_what_is_said():
    text = tile_area_text(474, [3, 7, 8, 9], Window(0, 384, 512, 512))
    assert text == "474 m/px, tile 3, 7-9 (512 x 512 px from column 0, row 384)"


def test_other_parts_of_scenes_are_no_tiles():
    assert [parse_tile_area(text) for text in ("", "474 m/px", "band 3")] == [None] * 3
