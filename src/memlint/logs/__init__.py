"""What a CI log says about how a job ended: signs from a table, weighed by what pytest's own lines say around them.

Read in this order: ``lines`` (bytes to clean lines), ``signs`` (the table ``rules/log-signs.toml``), ``sessions``
(which pytest session, file and test a line belongs to), ``classify`` (the verdict). All of it in one pass and in
constant memory.
"""

from memlint.logs.classify import Evidence, Verdict, classify
from memlint.logs.lines import LogError, read_lines
from memlint.logs.sessions import Running
from memlint.logs.signs import SignBook, load_signs

__all__ = ["Evidence", "LogError", "Running", "SignBook", "Verdict", "classify", "load_signs", "read_lines"]
