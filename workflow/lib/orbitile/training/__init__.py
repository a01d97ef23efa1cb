"""From a crater table to trained weights."""
