"""The inference engine: from rasters through a network to arrays, each stage at work while the others are."""
