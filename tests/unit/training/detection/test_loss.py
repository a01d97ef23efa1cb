import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.inference.models.ultralytics_offline import DetectionModel, TaskAlignedAssigner, v8DetectionLoss
from orbitile.training.detection.dataset import CropBatch
from orbitile.training.detection.loss import AgreementAssigner, AgreementLoss, agreement_loss, ultralytics_batch
from orbitile.training.detection.network import build_detector

SIDE = 64
NETWORKS = ("yolo11n.yaml", "yolo26n.yaml")
"""With one head and with two."""


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> DetectionModel:
    torch.manual_seed(0)
    return build_detector(request.param, 1, 10)


@pytest.fixture(scope="module")
def single_head() -> DetectionModel:
    torch.manual_seed(0)
    return build_detector(NETWORKS[0], 1, 10)


def made_batch(seed: int = 0, tiles: int = 3, boxes: int = 7, agreement: float | None = 1.0, smallest_px: float = 0.0
               ) -> CropBatch:  # fmt: skip
    """Random boxes on random tiles."""
    rng = np.random.default_rng(seed)
    size, centre = rng.uniform(0.06, 0.4, (boxes, 1)).repeat(2, axis=1), rng.uniform(0.2, 0.8, (boxes, 2))
    shares = rng.choice([0, 0.3, 1], boxes) if agreement is None else np.full(boxes, agreement)
    return CropBatch(
        torch.from_numpy(rng.integers(0, 256, (tiles, 1, SIDE, SIDE)).astype(np.uint8)),
        torch.from_numpy(np.sort(rng.integers(0, tiles, boxes))).float(),
        torch.from_numpy(np.concatenate([centre, size], axis=1)).float(), torch.from_numpy(shares).float(),
        torch.full((tiles,), smallest_px),
    )  # fmt: skip


def raw_output(network: DetectionModel, batch: CropBatch) -> dict:
    """What the network puts out, detached: its scores are leaves with gradients."""
    with torch.no_grad():
        output = network.train()(batch.image.expand(-1, 3, -1, -1).float() / 255)
    heads = output.values() if "one2many" in output else [output]
    for head in heads:
        for name in ("scores", "boxes"):
            head[name] = head[name].detach().clone().requires_grad_()
    return output


@pytest.mark.parametrize("boxes", [0, 1, 9])
def test_it_is_the_loss_of_ultralytics_where_all_is_sure(network: DetectionModel, boxes: int):
    batch = made_batch(boxes=boxes)
    plain = network.init_criterion()
    output, named = raw_output(network, batch), ultralytics_batch(batch)
    ours, _ = agreement_loss(network)(output, named)
    theirs, _ = plain(output, named)
    assert torch.equal(ours, theirs)
    assert torch.isfinite(ours).all()
    assert ours[1] > 0


def test_losses_of_two_heads_change_with_epochs_as_those_of_ultralytics(network: DetectionModel):
    loss = agreement_loss(network)
    if isinstance(loss, AgreementLoss):
        return
    weights = []
    for _ in range(10):
        loss.update()
        weights.append((loss.o2m, loss.o2o))
    assert weights[-1] == pytest.approx((0.1, 0.9))
    assert sorted(weights, reverse=True) == weights


def score_gradients(network: DetectionModel, batch: CropBatch) -> tuple[torch.Tensor, torch.Tensor, AgreementLoss]:
    """The gradients of scores (tiles, places) and of boxes (tiles, numbers, places), and the loss that made them."""
    output, loss = raw_output(network, batch), agreement_loss(network)
    loss(output, ultralytics_batch(batch))[0].sum().backward()
    scores, boxes = output["scores"].grad, output["boxes"].grad
    return scores[:, 0], torch.zeros(1) if boxes is None else boxes, loss


def test_nothing_is_learnt_where_all_is_doubtful_and_small(single_head: DetectionModel):
    scores, boxes, _ = score_gradients(single_head, made_batch(agreement=0.0, smallest_px=1e9))
    assert not scores.any()
    assert not boxes.any()


def test_doubtful_boxes_give_their_places_no_gradient(single_head: DetectionModel):
    """All other places are learnt as background."""
    scores, boxes, loss = score_gradients(single_head, made_batch(agreement=0.0))
    assert (scores == 0).equal(loss.assigner.is_ignored)
    assert 10 < loss.assigner.is_ignored.sum() < loss.assigner.is_ignored.numel() / 2
    assert not boxes.any()


def test_places_below_the_labelled_size_get_no_gradient(single_head: DetectionModel):
    """Unless a label lies there; larger ones without a label are wrong."""
    batch = made_batch(smallest_px=120.0)  # between the boxes of the two levels of coarser places
    output, loss = raw_output(single_head, batch), agreement_loss(single_head)
    loss(output, ultralytics_batch(batch))[0].sum().backward()
    gradient = output["scores"].grad[:, 0]
    ignored = loss.assigner.is_ignored
    assert not gradient[ignored].any()
    assert gradient[~ignored].all()
    assert 0 < ignored.float().mean() < 1
    assigned = loss_targets(single_head, batch)[1].bool()
    assert not (ignored & assigned).any()


def loss_targets(network: DetectionModel, batch: CropBatch, plain: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Target scores (tiles, places) and which places (tiles, places) are assigned a box."""
    loss = v8DetectionLoss(network) if plain else agreement_loss(network)
    kept = {}
    forward = loss.assigner.forward

    def keep(*arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        kept["targets"] = forward(*arguments)
        return kept["targets"]

    loss.assigner.forward = keep
    loss(raw_output(network, batch), ultralytics_batch(batch))
    return kept["targets"][2][..., 0], kept["targets"][3]


def test_targets_are_as_high_as_annotators_agree(single_head: DetectionModel):
    sure, half = (loss_targets(single_head, made_batch(agreement=share)) for share in (1.0, 0.5))
    assert torch.equal(sure[1], half[1])
    assert torch.allclose(sure[0] / 2, half[0])
    assert sure[0].any()


def test_each_box_has_its_own_agreement(single_head: DetectionModel):
    batch = made_batch(agreement=None, boxes=12)
    plain, ours = (loss_targets(single_head, batch, plain=plain)[0] for plain in (True, False))
    shares = ours[plain > 0] / plain[plain > 0]
    assert {round(share, 4) for share in shares.tolist()} == {0, 0.3, 1}
    assert not ours[plain == 0].any()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.integers(0, 9), st.integers(1, 4))
def test_the_assigner_is_that_of_ultralytics_but_for_agreement(seed: int, boxes: int, tiles: int):
    """On random boxes and scores; places, targets and the agreement that each gets, literally."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.stack(torch.meshgrid(torch.arange(8) * 8.0 + 4, torch.arange(8) * 8.0 + 4, indexing="xy"), -1)
    points = grid.reshape(-1, 2)
    half = torch.rand(tiles, len(points), 1, generator=generator) * 12 + 2
    predicted = torch.cat([points - half, points + half], dim=2)
    scores = torch.rand(tiles, len(points), 1, generator=generator)
    centre, size = (torch.rand(tiles, boxes, n, generator=generator) for n in (2, 1))
    truth = torch.cat([centre * 64 - size * 12 - 2, centre * 64 + size * 12 + 2], dim=2)
    arguments = (scores, predicted, points, torch.zeros(tiles, boxes, 1), truth, torch.ones(tiles, boxes, 1))
    options = dict(topk=10, num_classes=1, alpha=0.5, beta=6.0, stride=[8, 16, 32])
    plain, ours = TaskAlignedAssigner(**options), AgreementAssigner(**options)
    ours.agreement = torch.randint(0, 3, (tiles, boxes), generator=generator) / 2
    ours.smallest_px = torch.full((tiles,), 10.0)
    expected = plain(*(a.clone() for a in arguments))
    got = ours(*(a.clone() for a in arguments))
    for number in (0, 1, 3, 4):
        assert torch.equal(expected[number].float(), got[number].float())
    for tile in range(tiles):
        for place in range(len(points)):
            if expected[3][tile, place]:
                share = ours.agreement[tile, int(expected[4][tile, place])]
                assert got[2][tile, place, 0] == expected[2][tile, place, 0] * share
                assert bool(ours.is_ignored[tile, place]) == (share == 0)
            else:
                assert got[2][tile, place, 0] == expected[2][tile, place, 0] == 0
                assert bool(ours.is_ignored[tile, place]) == bool(2 * half[tile, place, 0] < 10)
