"""Calibration and projection by USGS ISIS: its programs, their order, and the maps that they project to."""
