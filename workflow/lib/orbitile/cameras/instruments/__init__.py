"""Cameras of the instruments whose raw products are read: from a product's label and SPICE kernels."""
