"""From bytes to facts. The only package that imports libcst, and only when a file must really be parsed."""
