"""Inference over a group's tiles: row by row, resumed after an interruption, with its progress in the log."""
