"""Cameras in orbit: where on a body a pixel looks, and which pixel sees a place."""
