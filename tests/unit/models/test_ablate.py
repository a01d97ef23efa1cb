from xml.etree import ElementTree

import pytest

from orbitile.base.errors import OrbitileError

LABELS = """<annotation><filename>a</filename>
<object><name>crater</name><bndbox><xmin>1</xmin></bndbox><confidence>6</confidence></object>
<object><name>crater</name><bndbox><xmin>2</xmin></bndbox><confidence>3</confidence></object>
<object><name>crater</name><bndbox><xmin>3</xmin></bndbox><confidence>1</confidence></object>
</annotation>"""


@pytest.fixture
def module(script):
    return script("ablate")


@pytest.mark.parametrize(("least_share", "left"), [(0.0, ["1", "2", "3"]), (0.5, ["1", "2"]), (1.0, ["1"])])
def test_labels_that_few_marked_are_left_out_and_the_others_are_sure(module, tmp_path, least_share, left):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.xml").write_text(LABELS)
    (path,) = module.sure_labels(tmp_path / "labels", least_share, tmp_path / "out").iterdir()
    tree = ElementTree.parse(path)
    assert [corner.text for corner in tree.iter("xmin")] == left
    assert not list(tree.iter("confidence"))


def test_variants_are_chosen_by_their_numbers(module):
    every = module.Ablation.read("mars-ctx-5m", None)
    titles = list(every.variants)
    assert list(module.Ablation.read("mars-ctx-5m", [0, 2]).variants) == [titles[0], titles[2]]
    with pytest.raises(OrbitileError, match=f"has those from 0 to {len(titles) - 1}"):
        module.Ablation.read("mars-ctx-5m", [len(titles)])
    with pytest.raises(OrbitileError, match="has no network moon"):
        module.Ablation.read("moon", None)


def test_figures_are_means_with_the_largest_distance_from_them(module):
    rows = [dict(validation=0.8, held_out=held_out, hours=0.5) for held_out in (0.80, 0.83)]
    text = module.table({"plain": rows, "other": [rows[1]]})
    assert "| plain | 0.800 ± 0.000 | 0.815 ± 0.015 | +0.000 | 0.50 |" in text
    assert "| other | 0.800 ± 0.000 | 0.830 ± 0.000 | +0.015 | 0.50 |" in text
