"""When Python looks for garbage in cycles: seldom, since facts, trees and values are made by the million.

Facts and syntax trees hold no cycles at all, and what an evaluation makes lives until its part of the files is done.
The collector would walk all of it again and again: a quarter of the time of judging a large suite.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 100_000  # objects that may be part of a cycle: some 20 MB


@contextmanager
def uncollected() -> Iterator[None]:
    """While it lasts cycles stay; nothing else changes: what no longer has a name is still let go at once."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def set_aside() -> Iterator[None]:
    """While it lasts, what there is now is not looked at by :func:`gc.collect`; what comes later is."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def collect_if_many() -> None:
    """Let go of what cycles hold, once enough has gathered, and do not look again at what is left over."""
    if gc.get_count()[0] > _MANY:
        gc.collect()
        gc.freeze()


def leave_to_the_system() -> None:
    """At the end of the process do not look for garbage: all of its memory goes at once."""
    atexit.register(gc.freeze)
