"""Detectors of craters: from labelled scenes to weights."""
