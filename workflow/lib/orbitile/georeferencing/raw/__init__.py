"""Raw products of orbital cameras: labels, pixels without prefixes and companding, radiometry without calibration."""
