"""The Python half of the rules: one module a family, each rule a small function over the shared analyses."""
