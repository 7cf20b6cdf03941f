"""What evaluation leaves behind: the calls and other expressions that matter for memory, with what is known of them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from memlint import facts as f
from memlint.analysis.project import Module
from memlint.analysis.values import ONE, UNKNOWN, ClassValue, Num, Value
from memlint.knowledge.apis import CallEntry

Where = Literal["module", "class", "default", "decorator", "body"]


class Site(Struct, eq=False):
    """One evaluated expression. ``name`` is the qualified name of what is called."""

    node: f.Expr
    at: f.Span
    name: str
    entries: tuple[CallEntry, ...]
    args: dict[str, Value]
    result: Value
    receiver: Value
    frame: Frame
    where: Where
    repeats: Num | None  # how often the enclosing loops run it; None when not known
    raises: str | None  # the exception that an enclosing pytest.raises expects
    mocked: bool = False
    statement: int = 0  # line of the statement it stands in
    consumer: str = ""  # what takes the result at once: "del", "return", a callee's name
    inner: tuple[Site, ...] = ()  # sites of the project's function that it calls
    callee: Value = UNKNOWN
    certain: bool = True  # no condition that nobody can decide stands around it
    untouched: bool = False  # it takes address space, and nobody writes its pages

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.at[0]

    def let_go(self) -> None:
        """Forget the values: an object that a call has made names the call."""
        self.result = self.receiver = self.callee = UNKNOWN
        self.args, self.inner = {}, ()


class LoopSite(Struct, eq=False):
    """A loop without a bound that can be seen, or one that grows something."""

    kind: Literal["while-true", "endless"]
    node: f.While | f.For
    frame: Frame
    where: Where
    statement: int
    guarded: bool = False  # by a try or suppress outside the loop, which an exception may end it through


class Growth(Struct, eq=False):
    """A container that a loop fills: ``count`` elements in the end."""

    at: f.Span
    name: str
    how: str  # append, add, "[]="
    count: Num | None
    element: Value
    frame: Frame
    where: Where
    statement: int
    source: Value = UNKNOWN  # what the innermost loop iterates over
    loops: tuple[f.For | f.While, ...] = ()  # the loops around it, outermost first
    certain: bool = True  # it happens in every round


class Accumulation(Struct, eq=False):
    """A loop that rebuilds what it has gathered with one more piece: ``frame = pd.concat([frame, row])``."""

    at: f.Span
    name: str
    how: str  # the qualified name of the joining function, or "tuple +", "bytes +" …
    count: Num | None
    frame: Frame
    where: Where
    loops: tuple[f.Node, ...] = ()  # around it, as far as the name is older than they are


class Rebinding(Struct, eq=False):
    """A name that a loop binds anew to something large."""

    name: str
    node: f.Expr
    value: Value
    repeats: Num | None
    frame: Frame
    freed: bool = False  # deleted before the next round


class Frame(Struct, eq=False):
    """The execution of one body: its names and what was met while evaluating it."""

    module: Module
    symbol: str
    function: f.Function | None = None
    owner: ClassValue | None = None
    parent: Frame | None = None  # the enclosing function's frame
    env: dict[str, Value] = field(default_factory=dict)
    caller: Frame | None = None
    depth: int = 0
    where: Where = "body"
    loops: list[Value] = field(default_factory=list)  # what the enclosing loops iterate over
    loop_lengths: list[Num | None] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    mocked: set[str] = field(default_factory=set)
    created: dict[str, int] = field(default_factory=dict)  # name → depth of loops where it was bound
    sites: list[Site] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    endless: list[LoopSite] = field(default_factory=list)
    accumulations: list[Accumulation] = field(default_factory=list)
    rebindings: list[Rebinding] = field(default_factory=list)
    loop_nodes: list[f.For | f.While] = field(default_factory=list)
    branches: int = 0  # conditions around the statement, within the outermost loop
    guards: int = 0  # try statements and suppressing contexts around it
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    statement: int = 0
    globals: set[str] = field(default_factory=set)
    nested: list[Value] = field(default_factory=list)  # functions defined in it

    def let_go(self) -> None:
        """Forget what was met and what the names stand for, when nobody asks any more: sites name their frame."""
        for site in self.sites:
            for inner in site.inner:
                if inner.frame is not self and inner.frame.sites:
                    inner.frame.let_go()
            site.let_go()
        self.parent = self.caller = None
        self.env.clear()
        for met in (self.sites, self.growths, self.endless, self.accumulations, self.rebindings):
            met.clear()
        for values in (self.loops, self.returns, self.yields, self.nested):
            values.clear()

    @property
    def repeats(self) -> Num | None:
        """How often the innermost loop body runs; None when that is not known."""
        total: Num | None = ONE
        for length in self.loop_lengths:
            if length is None or total is None:
                return None
            total = total * length
        return total

    def note(self, **fields: Any) -> Site:
        """Record a site met here."""
        site = Site(
            frame=self,
            where=self.where,
            repeats=self.repeats,
            raises=self.raises[-1] if self.raises else None,
            statement=self.statement,
            certain=not self.branches,
            **fields,
        )
        self.sites.append(site)
        return site
