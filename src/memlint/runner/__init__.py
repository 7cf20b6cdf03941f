"""The companion isolated runner: one process a unit, measured as a whole tree, recorded in a journal.

Read in this order: ``journal`` (the record format), ``units`` (what runs in one process), ``executor`` (the
one small interface behind which a unit runs), ``local`` (this machine's executor, with ``meters`` and
``verdicts``), ``supervisor`` (what runs when, and what is written). Nothing here imports the analysis or the
project under test.
"""
