"""Where things are kept: ``events`` (rows and projections) and ``catalog`` (small mutable facts)."""
