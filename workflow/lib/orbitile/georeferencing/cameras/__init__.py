"""Cameras in orbit: which position on a body a pixel sees, and which pixel sees a position."""
