"""Faults, by name, that a campaign must notice: a kind of input for its test."""

import os
import socket
import time
from pathlib import Path
from random import Random

FAULTS = ("refused", "accepted", "wrong", "traceback", "hang", "crash", "socket", "outside")


def check(random: Random, folder: Path) -> str:
    """Commit a fault chosen at random."""
    fault = random.choice(FAULTS)
    (folder / "input").write_text(fault)
    if fault in ("refused", "accepted"):
        return fault
    if fault == "wrong":
        raise AssertionError("2 rows of 3")
    if fault == "traceback":
        raise KeyError("lon")
    if fault == "hang":
        time.sleep(3600)
    if fault == "crash":
        os._exit(11)
    if fault == "socket":
        with socket.socket() as client:
            client.connect_ex(("127.0.0.1", 9))
    if fault == "outside":
        Path("/etc/passwd").read_text()
    return "accepted"
