"""What memlint knows: the rule book, API tables and footprints, loaded from ``rules/`` and validated."""
