"""The steps of the chain, one module per rule."""
