"""Changes that memlint makes to source files, none of which alters what the code does unless it says so."""
