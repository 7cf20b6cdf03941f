"""API tables: what a library's calls do to memory. One TOML file a library; format in rules/README.md."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import read_toml


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Base of every table: immutable, and strict about unknown keys."""


Operand = str | list[str]
# in the order in which they are tried
SIZE_MODELS = (
    "shape",
    "count",
    "range",
    "like",
    "outer",
    "pairs",
    "repeat",
    "sum",
    "dense",
    "data",
    "fixed",
    "file",
)
ANY_USE = "*"  # as a starting method: any call of a method, or being handed to a call


class Condition(Struct, frozen=True):
    """A test of one argument as written in the call. All operators named in it must hold."""

    param: str
    equals: list[str | int | float | bool] | None = None  # literal value is one of these
    not_equals: list[str | int | float | bool] | None = None  # literal value is known and none of these
    contains: list[str] | None = None  # a literal string holds one of these
    startswith: list[str] | None = None
    endswith: list[str] | None = None
    given: bool | None = None  # the argument is (not) passed; a literal None counts as not passed
    is_none: bool | None = None  # a literal None is (not) passed, where that differs from leaving it out
    # it, or an item of its list, is one of these, or an instance of one: "subprocess.PIPE"
    name: list[str] | None = None
    # abstract kind of the value: "int", "str", "path", "buffer", "array", "sequence", "endless", or "object": any other
    kind: list[str] | None = None


class Load(Struct, frozen=True):
    """The call reads stored data into memory whole."""

    what: Literal["table", "array", "file", "model", "dataset"]
    source: str | None = None  # parameter that names the file; "self" for a method of a file or path
    bounds: list[str] = []  # parameters that bound what is read, when given (and not None or False)
    expansion: float = 1.0  # bytes in memory per byte on disk
    expansion_by_suffix: dict[str, float] = {}  # ".csv.gz" = 30.0


class Makes(Struct, frozen=True, dict=True):
    """The call makes something whose bytes follow from its arguments. Exactly one size model is named."""

    kind: Literal[
        "array", "frame", "series", "sparse", "tensor", "image", "bytes", "str", "list", "range", "buffer"
    ]
    # size models; every string is a parameter name, "self", or "*" for the positional arguments together
    shape: Operand | None = None  # a shape tuple or an int; a list names one parameter per dimension
    count: Operand | None = None  # a number of elements; several are multiplied
    range: list[str] | None = None  # [start, stop, step] as of builtins.range
    like: str | None = None  # as large as this argument
    outer: list[str] | None = None  # elements of the first × elements of the second …
    pairs: list[str] | None = None  # rows of the first × rows of the second (cdist), item_bytes each
    repeat: str | None = None  # this argument …
    times: Operand | None = None  # … this many times
    each: bool = (
        False  # a sequence of times, or of one dimension, says how often each item comes: they are added
    )
    sum: str | None = None  # the items of this sequence argument together
    dense: str | None = None  # the dense form of this (sparse) argument
    file: str | None = None  # the file that this argument names (see load)
    data: str | None = None  # whatever this argument holds (DataFrame(data))
    fixed: str | None = None  # always about this many bytes, "250 MB"
    # element size
    dtype: str | None = None  # parameter that names the dtype
    default_dtype: str | None = None  # "float64"; for kind bytes always 1 byte
    item_bytes: float | None = None
    square: bool = False  # one int means n × n
    scale: float = 1.0  # factor on the result
    minus: int = 0  # elements fewer (diff)
    axes: dict[str, str] = {}  # frame: rows = "index", columns = "columns"
    row_bytes: float = 0.0  # sparse: bytes for each row of the shape, whatever it holds
    density: str | None = None  # sparse: parameter with the share of elements stored, item_bytes each
    cell_temporaries: float = 0.0  # sparse: bytes for every element, stored or not, while it is made
    temporaries: float = 0.0  # bytes alive beside the result while it is made, per byte of the result
    # its memory comes with the first write of each page: until then it reads as zeros, or holds nothing of meaning
    pages: Literal["zero", "junk"] | None = None

    @cached_property
    def model(self) -> tuple[str, Any]:
        """The size model that is named, and its operand; None for the operand where none is."""
        named = ((name, getattr(self, name)) for name in SIZE_MODELS)
        return next(((name, operand) for name, operand in named if operand is not None), ("", None))


class Workers(Struct, frozen=True):
    """The call starts worker processes or threads."""

    count: str | None = None  # parameter with their number; -1 and None mean the machine's cores
    default: int | Literal["cores"] | None = None  # when the argument is not passed
    kind: Literal["process", "thread"] = "process"
    # re-imports the suite's modules, shares by fork, a bare interpreter
    carries: Literal["imports", "fork", "bare"] = "imports"
    bytes: str | None = None  # footprint of one worker when it is not Python of this suite (a JVM, a browser)


class CallEntry(Struct, frozen=True):
    """One callable, or several that behave alike."""

    names: list[str]
    # positional parameters in order, as far as the entry needs them; methods without self
    params: list[str] = []
    defaults: dict[str, int | float | str | bool] = {}  # what a parameter holds when it is not passed
    when: list[Condition] = []  # the entry holds only if all are true
    unless: list[Condition] = []  # the entry does not hold if one is true
    returns: str | None = None  # qualified type of the result; "self"; "item of self"
    load: Load | None = None
    makes: Makes | None = None
    acquire: str | None = None  # name of a resource: calling this owes its release
    # parameter whose resource this call discharges wholly; "all:NAME" every one of that resource
    releases: str | None = None
    owner: Literal["closing", "enter_context", "callback", "finalizer", "atexit"] | None = None
    owner_param: str | None = None  # what the owner takes over, or the callable it will call
    guess: bool = False  # it acquires only if an argument is of a kind that the call does not show
    borrows: bool = False  # keeps what it is given and leaves its release to the giver
    workers: Workers | None = None
    attribute: bool = False  # it is not called but read, like a property: response.content
    endless: bool = False  # an iterator without end
    unbounded: bool = False  # an iterator whose length is not known and may be huge (file, cursor)
    lazy: bool = False  # makes no data yet (scan_csv, open_dataset, memmap)
    reduces: bool = False  # the result is small whatever the input (sum, len, head)
    combinations: (
        Literal["product", "permutations", "combinations", "combinations_with_replacement", "powerset"] | None
    ) = None
    retains: Literal["process", "output", "diagnostics"] | None = None  # keeps memory beyond the test
    undo: list[str] = []  # calls that undo a retaining one (gc.enable for gc.disable)
    confidence: Literal["high", "medium", "low"] | None = None
    source: str | None = None  # where a fact that is not obvious comes from
    note: str | None = None

    @property
    def has_effect(self) -> bool:
        """Whether the call by itself loads, acquires, starts or retains something, whatever its arguments are."""
        return bool(
            self.load
            or self.acquire
            or self.workers
            or self.endless
            or self.combinations
            or (self.retains and self.retains != "output")
            or (self.makes and (self.makes.fixed or self.makes.dense))
        )


_RUNNING_ON = "MEM4"  # rules of processes, threads, servers and clusters: no reference keeps them going


class Resource(Struct, frozen=True, kw_only=True):
    """A type whose instances must be released."""

    name: str  # qualified type name, the one that acquiring calls and factories return
    title: str  # for messages: "process", "in-memory SQLite database"
    rule: str  # code of a finding in a test body, helper or module
    partial_rule: str = "MEM306"  # code when only some groups are discharged
    # all groups must be discharged, each by any of: a method ("wait"), a method of an attribute
    # ("stdout.close"), a function that is given it or an attribute of it ("os.killpg")
    release: list[list[str]]
    released_by: list[str] = []  # functions that, given it, discharge it wholly: "os.close"
    polled: list[str] = []  # methods that discharge it wholly as the test of a while loop: "poll"
    # it is owed from one of these methods on (Thread.start), not from the constructor; "*" is any use, and beside
    # other names that it is given away or handed to a call
    started_by: list[str] = []
    idle: list[str] = []  # methods that ask for nothing, so that they open nothing either
    with_: Literal["releases", "nothing", "unusable"] = msgspec.field(name="with", default="releases")
    registry: bool = False  # a module-level registry keeps it alive without any reference (pyplot figures)
    children: list[str] = []  # types got from it that must be released too (engine → session)
    owned_by: list[str] = []  # releasing one of these types that was made with it releases it
    over: str | None = None  # a parameter: what it is opened over, whose own close ends it too
    ended_through: list[str] = []  # types made over it, whose release ends it too
    finalized: bool = False  # finalizers end what it holds once nothing refers to it
    bytes: str | None = None  # what one costs while it lives
    ended_by_use: bool = False  # whoever is given it reads it to its end, which releases it
    # what becomes of one that is forgotten: "closed" when CPython closes it with its last reference, "kept" when
    # something else holds it (a thread of its own, a registry); None where nobody has looked
    forgotten: Literal["kept", "closed"] | None = None
    confidence: Literal["high", "medium", "low"] = "high"  # of the finding when it is never released
    advice: str | None = None  # what to write instead, one sentence
    source: str | None = None

    @property
    def outlives(self) -> bool:
        """Whether one that is forgotten stays all the same: by what the table says, or by its kind."""
        if self.forgotten is not None:
            return self.forgotten == "kept"
        return self.registry or self.rule.startswith(_RUNNING_ON)


class ApiTable(Struct, frozen=True):
    """One file of ``rules/apis``."""

    library: str
    version: str | None = None  # the release that the facts were checked against
    # inner modules in which the library's own code finds the names of a module: pandas = ["pandas.core.api"]
    reexports: dict[str, list[str]] = {}
    call: list[CallEntry] = []
    resource: list[Resource] = []


def read_api_table(path: Path) -> ApiTable:
    """Read and validate one table. Its entries get the names that ``reexports`` adds.

    Raises knowledge.toml.BadToml with file and place when it does not fit the format.
    """
    table = read_toml(path, ApiTable)
    if not table.reexports:
        return table
    calls = [
        msgspec.structs.replace(entry, names=_spellings(entry.names, table.reexports)) for entry in table.call
    ]
    return msgspec.structs.replace(table, call=calls)


def _spellings(names: list[str], reexports: dict[str, list[str]]) -> list[str]:
    """The names, each also under the modules that re-export it."""
    found = dict.fromkeys(names)
    for name in names:
        module, _, last = name.rpartition(".")
        found.update(dict.fromkeys(f"{inner}.{last}" for inner in reexports.get(module, ())))
    return list(found)


@lru_cache(maxsize=8)
def shipped_tables(extra: tuple[Path, ...] = ()) -> tuple[ApiTable, ...]:
    """All tables of ``rules/apis`` and then those of the extra rule folders' ``apis``."""
    folders = [rules_dir() / "apis", *(folder / "apis" for folder in extra)]
    return tuple(read_api_table(path) for folder in folders for path in sorted(folder.glob("*.toml")))


def as_plain(value: Any) -> Any:
    """The table as builtins, for tests and ``explain``."""
    return msgspec.to_builtins(value)
