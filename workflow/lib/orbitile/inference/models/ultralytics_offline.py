"""Ultralytics as an offline library: import it from here.

Set before its first import: no look-ups, downloads, updates or telemetry, and its own settings file stays out of
the user's home. Checkpoints and descriptions of networks are read without running code in them.
"""

import logging
import os
import tempfile
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / f"orbitile-{os.getuid()}"))

from ultralytics.cfg import get_cfg
from ultralytics.nn import tasks
from ultralytics.nn.modules import OBB, Detect, Pose, RTDETRDecoder, Segment, WorldDetect, YOLOEDetect
from ultralytics.nn.tasks import (
    DetectionModel,
    RTDETRDetectionModel,
    parse_model,
    torch_safe_load,
    yaml_model_load,
)
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss
from ultralytics.utils.tal import TaskAlignedAssigner, make_anchors

logging.getLogger("ultralytics").setLevel(logging.WARNING)
tasks.SAFE_LOAD = True
"""Descriptions of networks, in a checkpoint or elsewhere, shall not be run as code either."""

__all__ = [
    "OBB",
    "Detect",
    "DetectionModel",
    "E2ELoss",
    "Pose",
    "RTDETRDecoder",
    "RTDETRDetectionModel",
    "Segment",
    "TaskAlignedAssigner",
    "WorldDetect",
    "YOLOEDetect",
    "get_cfg",
    "make_anchors",
    "parse_model",
    "torch_safe_load",
    "v8DetectionLoss",
    "yaml_model_load",
]
