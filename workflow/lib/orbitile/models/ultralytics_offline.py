"""Ultralytics as an offline library: import it from here.

Set before its first import: no look-ups, downloads, updates or telemetry, checkpoints are read
without running code in them, and its own settings file stays out of the user's home.
"""

import getpass
import logging
import os
import tempfile
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "1")
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / f"orbitile-{getpass.getuser()}"))

from ultralytics.nn.tasks import DetectionModel, torch_safe_load

logging.getLogger("ultralytics").setLevel(logging.WARNING)

__all__ = ["DetectionModel", "torch_safe_load"]
