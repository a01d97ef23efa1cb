import logging
from types import SimpleNamespace

import pytest
import torch

from orbitile.base.errors import OrbitileError
from orbitile.training import progress
from orbitile.training.monitored import MonitoredModule
from orbitile.training.progress import EpochProgress


class MadeModule(MonitoredModule):
    def describe(self, figures) -> str:
        return f"F1 {figures['f1']:.2f}"


class Clock:
    """Seconds that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def trainer(epoch: int = 0, batches: int = 10) -> SimpleNamespace:
    return SimpleNamespace(current_epoch=epoch, num_training_batches=batches, should_stop=False)


def started(clock: Clock, max_hours: float | None = None, epochs: int = 3) -> EpochProgress:
    made = EpochProgress(epochs, 0, max_hours, "training", "2 CPU cores")
    made.on_train_start(trainer(), MadeModule())
    return made


def end_epoch(made: EpochProgress, epoch: int, **figures: float) -> None:
    module = MadeModule()
    module.figures = dict(f1=0.5, box_loss=1.0) | figures
    made.on_train_epoch_end(trainer(epoch), module)


def test_lines_say_how_far_an_epoch_is(clock: Clock, caplog: pytest.LogCaptureFixture):
    """Each minute, from the first step on, which may take longer than that."""
    caplog.set_level(logging.INFO)
    made = started(clock)
    made.on_train_epoch_start(trainer(), MadeModule())
    for number, seconds in enumerate((90, 30, 40, 1)):
        clock.now += seconds
        made.on_train_batch_end(trainer(), MadeModule(), None, None, number)
    assert caplog.messages == [
        "epoch 1 of 3: step 1 of 10, 14 min left in it", "epoch 1 of 3: step 3 of 10, 6 min left in it",
    ]  # fmt: skip


def test_epochs_are_recorded_and_the_best_counts(clock: Clock, caplog: pytest.LogCaptureFixture):
    """Of equally good ones the first."""
    caplog.set_level(logging.INFO)
    made = started(clock)
    for epoch, f1 in enumerate((0.4, 0.6, 0.6)):
        clock.now += 3600
        end_epoch(made, epoch, f1=f1)
    assert made.figures["best_epoch"]["epoch"] == made.figures["epoch"] == 2
    assert (made.figures["epochs"], made.figures["hours"], made.figures["hours_on"]) == (3, 3, {"2 CPU cores": 3})
    assert caplog.messages == [
        "epoch 1 of 3: F1 0.40, 2.0 h left", "epoch 2 of 3: F1 0.60, 1.0 h left", "epoch 3 of 3: F1 0.60, 0 min left",
    ]  # fmt: skip


def test_hours_of_earlier_attempts_count(clock: Clock):
    first = started(clock)
    clock.now += 3600
    end_epoch(first, 0)
    state = first.state_dict()
    second = EpochProgress(3, 0, None, "training", "a GPU")
    second.load_state_dict(state)
    second.on_train_start(trainer(), MadeModule())
    clock.now += 1800
    end_epoch(second, 1)
    assert second.figures["hours"] == 1.5
    assert second.figures["hours_on"] == {"2 CPU cores": 1, "a GPU": 0.5}
    assert [row["epoch"] for row in second.history] == [1, 2]


def test_training_ends_when_its_time_is_up(clock: Clock):
    made, running = started(clock, max_hours=1), trainer()
    clock.now += 3599
    made.on_train_batch_end(running, MadeModule(), None, None, 0)
    assert not running.should_stop
    clock.now += 1
    made.on_train_batch_end(running, MadeModule(), None, None, 1)
    assert running.should_stop
    assert made.is_cut_short


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_refused(clock: Clock, loss: float):
    with pytest.raises(OrbitileError, match=r"^training\.learning_rate: the loss became NaN or infinite; try"):
        end_epoch(started(clock), 0, class_loss=loss)


def test_random_numbers_of_an_epoch_are_its_own(clock: Clock):
    drawn = []
    for epoch in (0, 1, 0):
        started(clock).on_train_epoch_start(trainer(epoch), MadeModule())
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[2] != drawn[1]
