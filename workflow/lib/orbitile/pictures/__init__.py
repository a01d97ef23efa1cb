"""Pictures of scenes and of whole runs, to draw results on."""
