"""What every job does around its stage: lock, log, pieces, failures, records."""
