"""The time axis of a run, on which idle times are shortened, and its ticks."""

import time
from itertools import pairwise

import numpy as np

IDLE_SHARE, IDLE_SECONDS = 0.05, 60
"""Idle times of more than this share of the busy time, and of more than this many seconds, are shortened."""
IDLE_PX, MAX_IDLE_SHARE = 30, 0.3
"""Their width, and the largest share of the axis that all of them may take."""
TICK_PX = 95
STEPS = [1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30)), *(3600 * n for n in (1, 2, 3, 6, 12))]
DAY = 86400

Span = tuple[float, float]


class TimeAxis:
    """The position of moments (seconds since 1970) on an axis whose width is in px."""

    def __init__(self, spans: list[Span], width: float) -> None:
        self.blocks = busy_blocks(spans)
        busy = sum(end - start for start, end in self.blocks)
        idles = len(self.blocks) - 1
        idle_px = min(IDLE_PX, MAX_IDLE_SHARE * width / max(idles, 1))
        self._per_second = (width - idles * idle_px) / max(busy, 1)
        widths = [part for start, end in self.blocks for part in ((end - start) * self._per_second, idle_px)][:-1]
        self._px = np.concatenate([[0], np.cumsum(widths)])
        self._moments = np.ravel(self.blocks)

    def px(self, moment: float) -> float:
        """The position of a moment, in px from the left end of the axis."""
        return float(np.interp(moment, self._moments, self._px))

    @property
    def idles(self) -> list[Span]:
        """The idle times that are shortened."""
        return [(before[1], after[0]) for before, after in pairwise(self.blocks)]

    @property
    def ticks(self) -> list[tuple[float, str, str]]:
        """Moments to mark, their time of day and, where the day is new, their date; all in UTC."""
        step = next((step for step in STEPS if step * self._per_second >= TICK_PX), _whole_days(self._per_second))
        moments = [moment for block in self.blocks for moment in _ticks(block, step)]
        return list(_labelled(self._apart(moments), step))

    def _apart(self, moments: list[float]) -> list[float]:
        """Leave out ticks whose labels would touch the one before."""
        spaced: list[float] = []
        for moment in moments:
            if not spaced or self.px(moment) - self.px(spaced[-1]) >= TICK_PX * 0.7:
                spaced.append(moment)
        return spaced


def busy_blocks(spans: list[Span]) -> list[Span]:
    """The times in which jobs ran; times with little idle time between them become one."""
    blocks = _merge_spans(spans, 0)
    busy = sum(end - start for start, end in blocks)
    return _merge_spans(blocks, max(IDLE_SHARE * busy, IDLE_SECONDS))


def busy_seconds(spans: list[Span]) -> float:
    """Seconds in which at least one job ran."""
    return sum(end - start for start, end in _merge_spans(spans, 0))


def _merge_spans(spans: list[Span], gap: float) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _whole_days(per_second: float) -> float:
    """The least number of days between ticks, in seconds, where all STEPS are too short."""
    return DAY * max(1, round(TICK_PX / (DAY * per_second) + 0.5))


def _ticks(block: Span, step: float) -> list[float]:
    """Full steps inside a block; its start where it has none."""
    first = np.ceil(block[0] / step) * step
    return [float(moment) for moment in np.arange(first, block[1], step)] or [block[0]]


def _labelled(moments: list[float], step: float) -> list[tuple[float, str, str]]:
    days = [time.strftime("%Y-%m-%d", time.gmtime(moment)) for moment in moments]
    style = "%H:%M" if step % 60 == 0 else "%H:%M:%S"
    return [
        (moment, time.strftime(style, time.gmtime(moment)), day if day != before else "")
        for moment, day, before in zip(moments, days, ["", *days], strict=False)
    ]
