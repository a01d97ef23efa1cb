"""How precise a finished catalogue is, by a person who judges a sample of it, and what two experts both lack."""
