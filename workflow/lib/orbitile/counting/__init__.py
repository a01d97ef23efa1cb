"""What a catalogue of craters says of a surface: frequencies by size, ages, density, clustering, shapes of craters."""
