import math

import pytest
import torch

from orbitile.base.errors import OrbitileError
from orbitile.training.segmentation.optimiser import OptimiserPlan


def optimizer_of(plan):
    return plan.build([torch.nn.Parameter(torch.zeros(1))])


def rates(plan):
    """The learning rate of each step of all epochs."""
    optimizer = optimizer_of(plan)
    scheduler, course = plan.scheduler(optimizer), []
    for _ in range(plan.epochs * plan.steps_per_epoch):
        course.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler:
            scheduler.step()
    return course


@pytest.mark.parametrize(
    ("schedule", "fall"), [("constant", lambda share: 1), ("cosine", lambda share: (1 + math.cos(math.pi * share)) / 2)]
)
@pytest.mark.parametrize("warmup", [0, 2])
def test_the_rate_rises_and_falls(schedule, fall, warmup):
    plan = OptimiserPlan(learning_rate=0.1, schedule=schedule, warmup_epochs=warmup, epochs=5, steps_per_epoch=4)
    rise = 4 * warmup
    expected = [0.1 * min(1, (step + 1) / (rise + 1)) * fall(step / 20) for step in range(20)]
    assert rates(plan) == pytest.approx(expected, rel=1e-9)


def test_a_plateau_lowers_the_rate_where_nothing_gets_better():
    plan = OptimiserPlan(learning_rate=0.1, schedule="plateau", plateau_factor=0.9, plateau_patience=1)
    optimizer = optimizer_of(plan)
    plateau, course = plan.plateau(optimizer, "max"), []
    for figure in (0.5, 0.5001, 0.4, 0.4, 0.6, 0.6, 0.6):
        plateau.step(figure)
        course.append(optimizer.param_groups[0]["lr"])
    assert course == pytest.approx([0.1, 0.1, 0.1, 0.09, 0.09, 0.09, 0.081])
    assert OptimiserPlan().plateau(optimizer, "max") is None


@pytest.mark.parametrize(
    ("name", "kind", "group"),
    [
        ("adam", torch.optim.Adam, dict(weight_decay=0.01)), ("adamw", torch.optim.AdamW, dict(weight_decay=0.01)),
        ("sgd", torch.optim.SGD, dict(weight_decay=0.01, momentum=0.8)),
    ],
)  # fmt: skip
def test_optimisers(name, kind, group):
    optimizer = optimizer_of(OptimiserPlan(optimizer=name, weight_decay=0.01, momentum=0.8))
    assert type(optimizer) is kind
    assert {key: optimizer.param_groups[0][key] for key in group} == group


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(optimizer="lion"), r"segmentation_training\.optimizer: lion; allowed are adam, adamw, sgd"),
        (dict(schedule="step"), r"segmentation_training\.schedule: step; allowed are constant, cosine, plateau"),
    ],
)
def test_other_names_are_refused(change, reason):
    with pytest.raises(OrbitileError, match=reason):
        OptimiserPlan(**change)
