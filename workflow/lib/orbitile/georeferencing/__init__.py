"""The ways an image may come onto the map: as it is, through ISIS, by a camera, by corners."""
