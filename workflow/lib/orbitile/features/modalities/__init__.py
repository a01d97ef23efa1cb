"""Further modalities of scenes, such as elevation or spots of known value, as bands beside the image's."""
