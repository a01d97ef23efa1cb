from dataclasses import replace

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments import registry
from orbitile.georeferencing.instruments.ctx import CTX
from orbitile.georeferencing.instruments.registry import (
    INSTRUMENTS,
    find_instrument,
    instrument_names,
    read_product,
)


def test_names_and_labels_are_of_one_instrument_each():
    assert instrument_names() == ["CTX", "HIRISE", "LROC_NACL", "LROC_NACR", "MDIS_NAC"]
    assert len({tuple(instrument.label_values.items()) for instrument in INSTRUMENTS}) == len(INSTRUMENTS)
    assert [find_instrument(name) for name in instrument_names()] == list(INSTRUMENTS)


def test_an_unknown_name_is_refused_with_those_in_the_list():
    with pytest.raises(OrbitileError, match=r"raw images of 'THEMIS' cannot be read; those of CTX, HIRISE, .* can"):
        find_instrument("THEMIS")


@pytest.mark.parametrize("instrument_id", ["CTX", "ctx", '"CTX"'])
def test_products_bear_their_instrument_s_name_and_format(archive, monkeypatch, instrument_id):
    path = archive.ctx(np.zeros((2, 5056), np.uint8), INSTRUMENT_ID=instrument_id)
    assert read_product(path).instrument == "CTX"
    assert read_product(path).format is CTX.raw
    monkeypatch.setattr(registry, "INSTRUMENTS", (replace(CTX, name="CONTEXT"),))
    assert read_product(path).instrument == "CONTEXT"


@pytest.mark.parametrize(
    "keywords, says",
    [
        (dict(INSTRUMENT_ID="MARCI", DATA_SET_ID='"MRO-M-MARCI-2-EDR-L0-V1.0"'), "INSTRUMENT_ID is MARCI"),
        (dict(INSTRUMENT_ID="LROC", FRAME_ID="WAC"), "INSTRUMENT_ID is LROC WAC"),
        (dict(INSTRUMENT_ID=None), "INSTRUMENT_ID is missing"),
    ],
)
def test_raw_products_of_other_instruments_are_refused(archive, keywords, says):
    with pytest.raises(OrbitileError, match=f"{says}; raw images of {', '.join(instrument_names())} can be read"):
        read_product(archive.ctx(np.zeros((2, 5056), np.uint8), **keywords))
