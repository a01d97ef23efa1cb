"""Texts of quantities in the report."""

import math


def format_duration(seconds: float) -> str:
    """Seconds in at most two units: 12.3 s, 3 min 20 s, 1 h 02 min, 2 d 3 h; "unknown" for NaN."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, whole_seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {whole_seconds:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"


def format_quantity(value: float, unit: str, unknown: str = "unknown") -> str:
    """A number with its unit, with three significant digits at least: 1,234 MB, 88.2 %, 0.0123 tiles/s."""
    if not math.isfinite(value):
        return unknown
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f} {unit}"


def format_gpu(value: float, unit: str) -> str:
    """A figure of the GPU with its unit; "no GPU" for NaN."""
    return format_quantity(value, unit, "no GPU")
