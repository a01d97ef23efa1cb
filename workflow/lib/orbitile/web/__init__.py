"""A page to look at a run in a browser and to judge its craters: image tiles, rows, layers (docs/page.md)."""
