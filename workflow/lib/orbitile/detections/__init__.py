"""Detections: the tiles they come from, how they match, and suppression of duplicates."""
