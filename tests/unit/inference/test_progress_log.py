import logging
import re
from types import SimpleNamespace

import pytest

from orbitile.inference.progress_log import ProgressLog
from orbitile.jobs.pieces import JobProgress, JobWork


@pytest.mark.parametrize(
    ("tiles", "left"), [(0, "0.0 tiles/s, .*, unknown time left"), (5, "2.5 tiles/s, .*, 2 s left")]
)
def test_the_time_left_is_known_once_there_is_a_rate(caplog, tiles, left):
    meter = SimpleNamespace(tiles=tiles, seconds=2.0, detections=0, bottleneck="", capped=0,
                            figures=dict(network_busy_percent=1.0, read_mb=2.0))  # fmt: skip
    with caplog.at_level(logging.INFO):
        ProgressLog(meter, JobWork(progress=JobProgress("tiles", size=10))).log_progress()
    assert caplog.messages[0].startswith(f"{tiles} of 10 tiles")
    assert re.search(left, caplog.messages[0])
