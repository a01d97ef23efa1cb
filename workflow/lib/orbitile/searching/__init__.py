"""How a group's tiles are searched: in rows, found again after an interruption, told about on the way."""
