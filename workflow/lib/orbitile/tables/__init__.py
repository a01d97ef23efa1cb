"""The tables that stages hand to each other, and those that users hand to us."""
