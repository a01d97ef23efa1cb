"""From an image that a camera took to pixels on a map."""
