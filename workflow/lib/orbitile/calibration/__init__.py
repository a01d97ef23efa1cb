"""What scores are worth: probabilities, bounds of the share of false rows, completeness by size."""
