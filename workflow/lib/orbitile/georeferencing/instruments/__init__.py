"""The instruments whose raw products are read: a file for each, with all that is its own, and the list of them."""
