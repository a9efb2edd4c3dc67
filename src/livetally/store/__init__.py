"""Where things are kept: ``events`` (rows, projections) and ``catalog`` (small mutable facts)."""
