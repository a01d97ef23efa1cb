"""The inference engine: from rasters through a network to arrays, with all stages at work at once."""
