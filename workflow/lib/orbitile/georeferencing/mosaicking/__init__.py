"""Several overlapping strips of one place to one scene: which lies on top, matched levels, seams."""
