"""The report on a run: its records as tables, as pictures and as one page."""
