"""Tensors to start from: those that fit, with first layers for other numbers of bands."""

import pytest
import torch

from orbitile.training.start_weights import fitting_tensors, kernels_for_bands


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_equal_bands_give_what_they_gave_before(bands):
    torch.manual_seed(0)
    kernels, grey = torch.rand(4, 3, 5, 5), torch.rand(1, 1, 9, 9)
    before = torch.nn.functional.conv2d(grey.expand(-1, 3, -1, -1), kernels)
    after = torch.nn.functional.conv2d(grey.expand(-1, bands, -1, -1), kernels_for_bands(kernels, bands))
    assert torch.allclose(before, after, atol=1e-5)
    assert (kernels_for_bands(kernels, bands) is kernels) == (bands == 3)


def test_only_what_fits_is_taken():
    state = dict(first=torch.zeros(2, 1, 3, 3), second=torch.zeros(4), third=torch.zeros(4), count=torch.tensor(0))
    tensors = dict(first=torch.ones(2, 3, 3, 3), second=torch.ones(5), third=torch.ones(4).half(), other=torch.ones(1))
    fitting = fitting_tensors(state, tensors, "first")
    assert set(fitting) == {"first", "third"}
    assert torch.equal(fitting["first"], torch.full((2, 1, 3, 3), 3.0))
    assert fitting["third"].dtype == torch.float32
