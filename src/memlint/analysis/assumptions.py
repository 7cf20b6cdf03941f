"""What a finding about a resource takes for granted where no code was read that shows it.

A finding is reported at level ``ci`` only when it rests on none of these. Those that the analysis meets while it runs a
body are noted with the obligation; the others follow from what became of it (``memlint.rules.assumptions``).
"""

from __future__ import annotations

from enum import Enum


class Assumption(Enum):
    """One thing taken for granted; the value says it in a message."""

    # noted while a body runs
    ACQUIRES = "the call, which the test expects to fail, succeeds"
    KIND = "the arguments are of the kind that makes the call acquire"
    GOES_ON = "the thread goes on after what it serves or asks was told to end"
    NO_STAND_IN = "nothing that it is given, or that is put in its place, is a fake"
    NOT_KEPT = "the code that it is given to neither keeps nor closes it"
    MAKER_LEAVES = "the object that has made it, and keeps it, leaves it open"
    OPENED_IN_USE = "the code that it is given to makes it open something"
    # follow from what became of it
    OUTLIVES = "it is not gone with the last reference to it"
    HELD = "something keeps hold of it after the statement that makes it"
    HOLDS_SOMETHING = "there is something behind it, other than the null device"
    GOES_ON_AFTER_COMMIT = "it holds a connection after its transaction has ended"
    UNDERSTOOD = "the project's own code is understood: what it opens, when, and what closes it"
    CALL_FAILS = "a call before the release raises"
    OUTLASTS = "it does not run out by itself"
    UNREAPED = "nothing reaps the ended child later"
    PRODUCT_LEAVES = "the product, which opens and closes it, leaves it open"
    OWN_PROCESS = "the function runs in the process of the tests"
    SESSION_PROCESS = "the process that joins the group goes on after the test"
    GOES_ON_AFTER_MAIN = "the process goes on after its main function"
    PIPES_HOLD = "the pipes of a process that has ended hold something up"
    UNFINALIZED = "no finalizer ends what belongs to it"
    PLUGIN_LEAVES = "the plugin that the fixture is for leaves it open"
    LOOKED_AT = "a session takes the branch that shows the figure to somebody"
    BENEATH_STAYS = "whoever has made what it is opened over does not close that"
    DRAWN_BY_PYPLOT = "pandas draws by matplotlib, and not by a backend that the suite sets"
    NO_FIGURE_YET = "what was called before has made no figure"
    ON_THE_NETWORK = "it asks the network, and not a library that answers from memory"
    NONE_OPEN = "no session is open in this process yet"
    KEPT_ALIVE = "the server keeps the connection open after its answer"
    REAL_FILES = "the file is a real one, and not of a file system in memory"
    ASKED_FOR = "a test asks for the fixture, though none of this suite does"
    NAMED = "something calls the function, though nothing of this suite names it"
    SWITCHED_ON = "a caller asks for it, though all that are seen say no"
    CALLER_LEAVES = "what calls the function by its decorator leaves the figure open"
    NOT_TAKEN = "what it is given to on some paths does not answer for it on all"
