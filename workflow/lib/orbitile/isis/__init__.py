"""The way through USGS ISIS, where it is installed: its programs, their order, and the maps they project to."""
