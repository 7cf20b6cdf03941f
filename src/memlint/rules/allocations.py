"""What an expression allocates, and which rule of the family grow speaks of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced

from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis.project import Module
from memlint.analysis.sites import Site
from memlint.analysis.suite import Body
from memlint.analysis.values import UNKNOWN, Data, Obj, Sequence, Value
from memlint.analysis.values import Iterator as Iterated
from memlint.model import Estimate
from memlint.rules.context import MAX_BYTES, Context, estimate_of

_EXPANSION = 4  # from this factor between the arguments and the result on, an expression blows up
_BLOW_UPS = ("dense", "outer", "pairs", "repeat")
_COPIES = {"copy.deepcopy"}
_ARRAYS = {"array", "frame", "series", "tensor", "image"}
_IN_PLACE = frozenset({"+", "-", "*", "/", "//", "**", "&", "|", "^", "<<", ">>"})
_COMMUTING = frozenset({"+", "*", "&", "|", "^"})
_DISPLAYS = ("list comprehension", "set comprehension", "dict comprehension")
_COLLECTORS = {
    "builtins.list",
    "builtins.tuple",
    "builtins.set",
    "builtins.frozenset",
    "builtins.sorted",
    "builtins.dict",
    "collections.deque",
}


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one expression makes: the code that speaks of it and its bytes. ``beside`` are those of a temporary."""

    site: Site
    code: str
    size: Estimate
    beside: Estimate | None = None
    via: Site | None = None  # where a function that is called makes it
    reused: bool = False  # NumPy, where it can, computes in the temporary and makes no second array
    certain: bool = True  # nothing on the way there depends on a condition that nobody can decide


def allocation(site: Site, ctx: Context) -> Allocation | None:
    """The large allocation that an expression is, by the thresholds of the settings; None for any other."""
    if site.mocked:
        return None
    if isinstance(site.callee, Value) and site.inner:
        return _through_call(site, ctx)
    size = made_by(site)
    if size is None or size.high >= MAX_BYTES or _shares(site):
        return None
    if is_collecting(site):
        return Allocation(site, "MEM202", size) if size.likely >= ctx.option("MEM202", "min-bytes") else None
    beside = _temporary(site)
    if beside is not None and beside.likely >= MAX_BYTES:
        return None  # positions of more cells than can be numbered are drawn another way
    if beside is not None and beside.likely < ctx.option("MEM207", "min-bytes"):
        beside = None
    if beside is None and size.likely < min(ctx.option(code, "min-bytes") for code in ("MEM201", "MEM206")):
        return None
    code = "MEM206" if _blows_up(site) else "MEM201"
    if beside is not None and code == "MEM201":
        return Allocation(site, "MEM207", size, beside, reused=_is_reused(site))
    return Allocation(site, code, size) if size.likely >= ctx.option(code, "min-bytes") else None


def made_by(site: Site) -> Estimate | None:
    """Bytes of new storage that the expression itself makes; None when it makes none that is known."""
    if isinstance(site.result, Data) and site.result.virtual:
        return None
    if not site.name.startswith("operator ") and site.name not in _DISPLAYS and site.name != "fancy index":
        makers = [entry for entry in site.entries if entry.makes is not None]
        if not makers or all(entry.lazy for entry in makers):
            return None
        if any(entry.load is not None for entry in site.entries):
            return None  # what is read has a family of its own
    copies = site.name in _COLLECTORS and isinstance(collected(site), Sequence)
    if (site.name == "operator +" or copies) and isinstance(site.result, Sequence):
        return estimate_of(
            replace(site.result, items=None, shared=True)
        )  # a new table for what lives elsewhere
    return estimate_of(site.result)


def is_collecting(site: Site) -> bool:
    """Whether it builds a container of objects from an iterator: a comprehension, ``list(map(…))``."""
    if site.name in _DISPLAYS:
        return True
    source = collected(site)
    if source is UNKNOWN or isinstance(source, Obj):
        return isinstance(site.result, Sequence)
    return isinstance(source, Iterated) and source.why != "range"


def collected(site: Site) -> Value | None:
    """What ``list()``, ``sorted()`` and their like are given."""
    if site.name not in _COLLECTORS:
        return None
    starred = site.args.get("*")
    return starred.items[0] if isinstance(starred, Sequence) and starred.items else None


def _blows_up(site: Site) -> bool:
    """Whether small or sparse data becomes large in it, or large data is doubled."""
    if site.name in _COPIES:
        return True
    models = [entry.makes for entry in site.entries if entry.makes is not None]
    if any(getattr(makes, model) is not None for makes in models for model in _BLOW_UPS):
        return True
    given = [*_data_arguments(site)]
    if any(value.virtual for value in given) and site.name.endswith(".copy"):
        return True
    known = [value.bytes.high for value in given if value.bytes is not None]
    made = site.result.bytes.high if isinstance(site.result, Data) and site.result.bytes is not None else 0
    if site.name.startswith("operator ") and not all(value.kind in _ARRAYS for value in given):
        return False
    return bool(known) and len(known) == len(given) and made >= _EXPANSION * sum(known)


def _data_arguments(site: Site) -> Iterator[Data]:
    seen: set[int] = set()
    for name, value in site.args.items():
        if isinstance(value, Data) and name != "*" and id(value) not in seen and value.shape != ():
            seen.add(id(value))
            yield value


def _shares(site: Site) -> bool:
    """``io.BytesIO(payload)`` of bytes, which it shares until it is written to."""
    given = site.args.get("initial_bytes") if site.name == "io.BytesIO" else None
    return isinstance(given, Data) and given.kind == "bytes" and given.type != "builtins.bytearray"


def _temporary(site: Site) -> Estimate | None:
    """The largest array that is made inside the expression only to be changed into its result."""
    if isinstance(site.result, Data) and site.result.kind == "sparse" and site.result.temporaries:
        made, share = made_by(site), site.result.temporaries
        return (
            Estimate(round(made.low * share), round(made.likely * share), round(made.high * share))
            if made is not None
            else None
        )
    elementwise = site.name.startswith("operator ") or any(
        entry.makes is not None and entry.makes.like is not None and not entry.lazy for entry in site.entries
    )
    if not elementwise or not isinstance(site.result, Data) or site.result.kind not in _ARRAYS:
        return None
    sizes = [made_by(inner) for node in operands(site.node) if (inner := _site_of(node, site)) is not None]
    known = [size for size in sizes if size is not None]
    return max(known, key=lambda size: size.likely) if known else None


def _is_reused(site: Site) -> bool:
    """Whether NumPy writes the result over the temporary: ``random(n) * 2 - 1`` has one array of n alive at a time.

    So it does on Linux, where an operand is an array of the result's shape and type that nothing else refers to
    (https://numpy.org/doc/1.13/release.html, "Temporary elision"); measured with NumPy 2.4: a peak of one array for
    ``rand(n) * 2``, ``rand(n) / 2``, ``arange(n) ** 2`` and ``2 * ones(n)``, of two for ``1 - rand(n)``,
    ``arange(n) * 2.5``, ``arange(n) % 9`` and ``rand(n) + rand(n)``.
    """
    node, made = site.node, site.result
    if not isinstance(node, f.Binary) or node.op not in _IN_PLACE or not isinstance(made, Data):
        return False
    inner = [found for node in operands(node) if (found := _site_of(node, site)) is not None]
    if len(inner) != 1 or (node.op not in _COMMUTING and _site_of(node.left, site) is None):
        return False
    taken = inner[0].result
    if not isinstance(taken, Data) or (taken.kind, taken.type) != ("array", made.type):
        return False
    return (taken.shape, taken.item) == (made.shape, made.item)


def operands(node: f.Expr) -> list[f.Expr]:
    """The expressions whose values an expression takes in."""
    if isinstance(node, f.Binary):
        return [node.left, node.right]
    if isinstance(node, f.Call):
        base = [node.func.base] if isinstance(node.func, f.Attr) else []
        return [*base, *(arg.value for arg in node.args)]
    return []


def _site_of(node: f.Expr, outer: Site) -> Site | None:
    """The site that an operand left behind; none of a plain name."""
    while isinstance(node, f.Unary):
        node = node.value
    if not isinstance(node, (f.Call, f.Binary)):
        return None
    found = next((site for site in outer.frame.sites if site.node is node), None)
    is_array = found is not None and isinstance(found.result, Data) and found.result.kind in _ARRAYS
    return found if is_array else None


def within_larger(site: Site, ctx: Context) -> bool:
    """Whether the expression is part of one that is reported itself."""
    for other in site.frame.sites:
        if other is site or other.statement != site.statement or not _encloses(other, site):
            continue
        if isinstance(other.result, Data) and other.result.guessed:
            continue  # shown at level audit alone
        if allocation(other, ctx) is not None:
            return True
    return False


def _encloses(outer: Site, inner: Site) -> bool:
    a, b = outer.at, inner.at
    if outer.node is inner.node or (a == b and not any(node is inner.node for node in operands(outer.node))):
        return False
    return (a[0], a[1]) <= (b[0], b[1]) and (a[2], a[3]) >= (b[2], b[3])


def _through_call(site: Site, ctx: Context) -> Allocation | None:
    """The largest thing that a function of the project makes with these arguments, unless it is reported there."""
    found: Allocation | None = None
    for inner in site.inner:
        made = allocation(inner, ctx)
        if made is not None and (found is None or made.size.likely > found.size.likely):
            found = replaced(made, certain=made.certain and inner.certain)
    if found is None or _reported_there(found, ctx):
        return None
    code = "MEM201" if found.code == "MEM207" else found.code
    return Allocation(site, code, found.size, via=found.via or found.site, certain=found.certain)


def _reported_there(found: Allocation, ctx: Context) -> bool:
    """Whether the function's own body, without these arguments, is reported at the same place.

    Or a call of it is, beneath which the product makes it: told where the suite asks for it.
    """
    origin = found.via or found.site
    return _is_reported(origin, ctx) or (origin is not found.site and _is_reported(found.site, ctx))


def _is_reported(origin: Site, ctx: Context) -> bool:
    module = origin.frame.module
    if not module.linted:
        return False
    body = next((b for b in _bodies(module, ctx) if b.function is origin.frame.function), None)
    if body is None:
        return False
    own = ctx.suite.evaluate(body)
    return any(
        site.at == origin.at and site.name == origin.name and allocation(site, ctx) is not None
        for site in own.sites
    )


def _bodies(module: Module, ctx: Context) -> Iterator[Body]:
    """Every function of a module, nested ones too."""
    stack = list(ctx.suite.of(module).bodies)
    while stack:
        body = stack.pop()
        yield body
        stack += ctx.suite.nested(body)


def is_rejected(site: Site, size: Estimate) -> bool:
    """Whether an enclosing ``pytest.raises`` says that the call itself is refused before it allocates."""
    if site.raises is None:
        return False
    if site.raises in {"MemoryError", "Exception", "BaseException"}:
        return size.likely >= MAX_BYTES
    return not site.name.startswith(("operator ", "builtins.")) and site.name not in _DISPLAYS
