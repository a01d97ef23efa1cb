"""What all other folders use: errors, files, processes, names, provenance."""
