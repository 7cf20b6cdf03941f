"""MEM2: memory made in bulk. MEM201, MEM202, MEM206 and MEM207; the others are in modules of their own."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.iterators import iterate
from memlint.analysis.known_content import is_compared
from memlint.analysis.objects import dtype_bytes
from memlint.analysis.sites import Growth, Rebinding, Site
from memlint.analysis.sources import Source, weigh
from memlint.analysis.users import given_by_all
from memlint.analysis.values import NONE, UNKNOWN, Data, Literal, Num, Obj, Sequence, Value
from memlint.analysis.values import Iterator as Iterated
from memlint.model import Confidence, Estimate, Related
from memlint.rules import cases, loops, workers
from memlint.rules.allocations import (
    Allocation,
    allocation,
    collected,
    is_collecting,
    is_rejected,
    within_larger,
)
from memlint.rules.context import BEYOND_BELIEF, Context, Draft, estimate_of
from memlint.rules.devices import is_on_accelerator
from memlint.rules.load import FOR_TESTS, is_at_home, is_passing
from memlint.rules.registry import rule
from memlint.rules.rows import (
    as_some_row_has_it,
    filled_in_some_row,
    is_of_a_loops_rows,
    made_in_some_row,
    size_of,
)
from memlint.units import format_bytes

_MODULES = (cases, loops, workers)  # whose rules the import registers
_NEVER_BUILT = 10**12  # objects; a count beyond any machine's memory is a count of something else
_TRIFLING = 32_000_000  # bytes; as many objects as a rule forbids may still be this light
_WIDEST = 8  # bytes of an element, where the dtype is not known
_LEAST_OBJECT = 36  # bytes: a small integer and its place in a list
_COMBINATIONS = {
    "product",
    "permutations",
    "combinations",
    "combinations_with_replacement",
    "powerset",
    "ParameterGrid",
}


# --- one expression -------------------------------------------------------------------------------------------


@rule("MEM201", "MEM206", "MEM207")
def large_allocation(site: Site, ctx: Context) -> Iterator[Draft]:
    """One expression that makes something large."""
    if ctx.at_collection(site):
        return  # what is built at import is the matter of MEM104 and MEM304
    found = allocation(site, ctx)
    if found is None or found.code == "MEM202" or is_rejected(site, found.size):
        return
    if within_larger(site, ctx) or (found := as_some_row_has_it(found, ctx)) is None:
        return
    confidence = Confidence.LOW if _is_of_an_unused_default(found, ctx) else _confidence(found, ctx)
    yield Draft(
        found.code, site.at, _message(found), _advice(found), confidence, found.size, tuple(_related(found))
    )


def _confidence(found: Allocation, ctx: Context) -> Confidence | None:
    site = found.site
    if site.name.startswith("operator ") and site.name[-1] in "+-/&|" and found.code == "MEM201":
        return Confidence.LOW  # its operands are large themselves, and reported where they are made
    if any(entry.confidence == "low" for entry in site.entries) or _is_elsewhere(found, ctx):
        return Confidence.LOW
    if isinstance(site.result, Data) and site.result.guessed:
        return Confidence.LOW
    if (found.via or site).untouched:
        return Confidence.LOW  # address space alone
    if found.size.likely >= BEYOND_BELIEF and site.raises is None:
        return Confidence.LOW
    may_be_small = found.code != "MEM207" and found.size.low < ctx.option(found.code, "min-bytes")
    if may_be_small and is_of_a_loops_rows(site.frame.function, site.statement):
        return Confidence.LOW  # a figure that may belong to no row
    if found.via is not None and not found.certain:
        return Confidence.LOW if found.via.frame.module.is_product else Confidence.MEDIUM
    if found.size.low < ctx.option(found.code, "min-bytes") and _gathers(site):
        return Confidence.LOW  # large only if every piece is as large as the largest
    vague = _of_unknown_width((found.via or site).args.get("dtype", NONE))
    if vague and found.size.likely / _WIDEST < ctx.option(found.code, "min-bytes"):
        return Confidence.LOW  # large only if its elements are wide
    return Confidence.MEDIUM if may_be_small else None  # large for some of the values that it may be given


def _is_of_an_unused_default(found: Allocation, ctx: Context) -> bool:
    """Whether a helper makes it large by a default alone, in place of which every call gives another value."""
    body, site = ctx.body, found.site
    if body is None or body.role not in {"helper", "method"} or site.frame is not body.frame:
        return False
    given = given_by_all(body, ctx.suite)
    if not given:
        return False
    frame = ctx.suite.evaluate_with(body, dict.fromkeys(given, UNKNOWN))
    same = (one for one in frame.sites if (one.at, one.name) == (site.at, site.name))
    return all(allocation(one, ctx) is None for one in same)


def _is_elsewhere(found: Allocation, ctx: Context) -> bool:
    """Whether the memory is an accelerator's: by what makes it, or by what the function that makes it is given."""
    sites = (found.site, found.via) if found.via is not None else (found.site,)
    return any(is_on_accelerator(site, ctx) for site in sites)


def _gathers(site: Site) -> bool:
    """Whether it joins pieces, of which a few may be far larger than the others."""
    return any(entry.makes is not None and entry.makes.sum is not None for entry in site.entries)


def _of_unknown_width(dtype: Value) -> bool:
    """Whether a dtype is given of which nobody knows the size: ``table.dtype``, a name of another library."""
    return dtype != NONE and dtype_bytes(dtype) is None


def _message(found: Allocation) -> str:
    size = format_bytes(found.size.likely)
    upto = "up to " if found.size.low < found.size.likely * 0.9 else ""
    what = _named(found.site)
    if found.via is not None:
        return f"{what} makes {upto}{size} with these arguments ({_named(found.via)})"
    if found.code == "MEM207" and found.reused:
        return f"{what} makes {upto}{size}, beside a temporary of as much where NumPy cannot compute in place"
    if found.code == "MEM207" and found.beside is not None:
        return (
            f"a temporary of {format_bytes(found.beside.likely)} lives beside the result of {size} ({what})"
        )
    if found.code == "MEM206":
        return f"{what} expands its input to {upto}{size}{_shape(found.site.result)}"
    return f"{what} allocates {upto}{size}{_shape(found.site.result)}"


def _named(site: Site) -> str:
    if site.name.startswith("operator "):
        return f"'{site.name.removeprefix('operator ')}'"
    return site.name.removeprefix("builtins.")


def _shape(value: Value) -> str:
    if not isinstance(value, Data) or not value.shape or value.kind in {"bytes", "str", "buffer"}:
        return ""
    if not all(axis.exact for axis in value.shape) or value.kind == "list":
        return ""
    return f" ({' × '.join(f'{axis.low:,.0f}' for axis in value.shape)} of {value.item:g} bytes)"


def _advice(found: Allocation) -> str:
    if found.code == "MEM207" and found.site.name.startswith("scipy.sparse."):
        return "Take a smaller shape: every cell is drawn, stored or not. Or draw positions and build a coo_array."
    return {
        "MEM206": "Stay sparse, work in blocks, or reduce before it expands.",
        "MEM207": "Ask for the wanted dtype at once, or compute in place.",
    }.get(found.code, "Take the smallest size that shows the behaviour, or guard and mark the test.")


def _related(found: Allocation) -> Iterator[Related]:
    if found.via is not None:
        yield Related(found.via.frame.module.path, found.via.line, f"made here by {_named(found.via)}")


@rule("MEM207")
def rebound_in_loop(subject: Rebinding, ctx: Context) -> Iterator[Draft]:
    """A large value is complete before the old one of the same name is let go."""
    if subject.freed or (subject.repeats is not None and subject.repeats.high < 2):
        return
    site = next((s for s in subject.frame.sites if s.node is subject.node), None)
    size = estimate_of(subject.value)
    if (
        site is None
        or size is None
        or site.mocked
        or site.raises
        or size.likely < ctx.option("MEM207", "min-bytes")
    ):
        return
    found = allocation(site, ctx)
    if found is None or ctx.at_collection(site) or is_on_accelerator(site, ctx):
        return
    both = f"the old and the new {format_bytes(size.likely)} are alive together"
    message = f"'{subject.name}' is rebound in a loop: {both}"
    sure = (
        Confidence.LOW if size.low < ctx.option("MEM207", "min-bytes") else None
    )  # large in some rounds alone
    yield Draft("MEM207", site.at, message, f"del {subject.name} at the end of each round.", sure, size * 2)


# --- objects in bulk ------------------------------------------------------------------------------------------


@rule("MEM203")
def endless_join(site: Site, ctx: Context) -> Iterator[Draft]:
    """An endless iterator handed to something that takes all of it."""
    if not site.name.endswith((".join", ".fromiter", ".extend")) or site.mocked:
        return
    starred = site.args.get("*")
    for given in starred.items or () if isinstance(starred, Sequence) else ():
        if isinstance(given, Iterated) and given.endless:
            message = (
                f"{site.name.removeprefix('builtins.')}() of {given.why or 'an endless iterator'} never ends"
            )
            yield Draft("MEM203", site.at, message, "Bound it with itertools.islice.")


@rule("MEM202", "MEM203", "MEM204")
def bulk_objects(site: Site, ctx: Context) -> Iterator[Draft]:
    """A comprehension or ``list()`` that builds objects in bulk, or from a source without a bound."""
    if site.mocked or not is_collecting(site):
        return
    source = _source(site, ctx)
    if source is None:
        return
    what = site.name if "comprehension" in site.name else f"{site.name.rpartition('.')[2]}()"
    if source.endless and site.raises not in {None, "MemoryError"}:
        return  # what it raises ends it
    if source.endless:
        code = "MEM202" if "comprehension" in site.name else "MEM203"
        message = f"{what} of {source.why or 'an endless iterator'} never ends"
        yield Draft(code, site.at, message, "Bound it with itertools.islice.")
        return
    if source.unbounded:
        yield from _unbounded(site, source.origin, what, ctx)
        return
    if isinstance(site.result, Sequence):
        combined = source.why if source.why in _COMBINATIONS else ""
        yield from _counted(site, what, site.result, combined, ctx)


def _is_joined(site: Site) -> bool:
    """``"".join([...])``: str.join makes a list of whatever it is given anyway (CPython's PySequence_Fast)."""
    if site.frame.function is None or not traverse.says(site.frame.function, "join"):
        return False
    return any(
        isinstance(node.func, f.Attr)
        and node.func.attr == "join"
        and isinstance(node.func.base, f.Text)
        and any(arg.value == site.node for arg in node.args)
        for node, _, _ in traverse.calls(f.body_of(site.frame.function))
    )


def _source(site: Site, ctx: Context) -> Iterated | None:
    given = site.args.get("source") if "comprehension" in site.name else collected(site)
    if isinstance(given, Obj):
        return iterate(ctx.suite.evaluator, given)
    return given if isinstance(given, Iterated) else Iterated(None) if given is UNKNOWN else None


def _counted(site: Site, what: str, made: Sequence, combined: str, ctx: Context) -> Iterator[Draft]:
    length = made.length
    if length is None or length.high == float("inf") or ctx.at_collection(site):
        return
    size = estimate_of(made)
    if size is not None and size.low < size.likely >= ctx.option("MEM202", "min-bytes"):
        made = made_in_some_row(site, made, ctx)
        length, size = made.length, estimate_of(made)
    if length is None or (size is not None and size.high >= 2**62):
        return
    source = _source(site, ctx)
    filtered = site.args.get("filtered") == Literal(True) or (
        source is not None and source.why in {"filtered", "capped"}
    )
    if combined and length.high >= ctx.option("MEM202", "min-objects"):
        message = f"{what} makes all {length.high:,.0f} of the {combined}{_weight(size)}"
        yield Draft(
            "MEM204",
            site.at,
            message,
            "Iterate lazily, or sample.",
            Confidence.LOW if filtered else None,
            size,
        )
        return
    unsure = filtered or _is_vague(made.element, length) or (size is None and _is_joined(site))
    yield from _judged(site.at, what, length, size, unsure, ctx)


def _judged(
    at: f.Span, what: str, length: Num, size: Estimate | None, unsure: bool, ctx: Context
) -> Iterator[Draft]:
    many = length.high >= ctx.option("MEM202", "min-objects")
    large = size is not None and size.likely >= ctx.option("MEM202", "min-bytes")
    message = f"{what} builds {length.high:,.0f} objects{_weight(size)}"
    if large or many:
        confidence = None if large else Confidence.MEDIUM
        if unsure or length.high >= _NEVER_BUILT or (size is not None and size.likely < _TRIFLING):
            confidence = Confidence.LOW
        yield Draft("MEM202", at, message, "Build fewer, or consume them one by one.", confidence, size)
    elif size is None and length.high >= ctx.option("MEM202", "note-objects"):
        yield Draft("MEM202", at, f"{message} of unknown size", "Build fewer.", Confidence.LOW)


def _is_vague(element: Value, length: Num) -> bool:
    """Whether nothing is known of the elements, and small ones would be a trifle."""
    return element is UNKNOWN and length.high * _LEAST_OBJECT < _TRIFLING


def _weight(size: Estimate | None) -> str:
    return f", about {format_bytes(size.likely)}" if size is not None else ""


def _unbounded(site: Site, origin: Value, what: str, ctx: Context) -> Iterator[Draft]:
    source = weigh(origin, site.frame.module, ctx.project.disk) if origin is not UNKNOWN else None
    if source is None or not source.outside or is_passing(source, ctx):
        return
    message = f"{what} keeps all that {source.text} gives, and nothing bounds it"
    yield Draft(
        "MEM202",
        site.at,
        message,
        "Consume it one by one, or bound it with itertools.islice.",
        Confidence.LOW if _is_of_the_suite(source) or is_compared(site) else Confidence.MEDIUM,
    )


@rule("MEM202")
def filled_in_loop(growth: Growth, ctx: Context) -> Iterator[Draft]:
    """A loop that fills a container with objects in bulk."""
    if growth.where != "body" and growth.frame.function is None:
        return
    source = growth.source
    if growth.count is None and growth.certain and isinstance(source, Iterated) and source.unbounded:
        yield from _loop_unbounded(growth, source, ctx)
        return
    size = size_of(growth)
    if size is not None and size.low < size.likely >= ctx.option("MEM202", "min-bytes"):
        growth = filled_in_some_row(growth, ctx)
        size = size_of(growth)
    if growth.count is None or not 1 < growth.count.high < float("inf"):
        return  # one object is told of where it is made
    what = f"the loop fills '{growth.name}' and"
    may_be_small = size is not None and size.low < ctx.option("MEM202", "min-bytes")
    unsure = (
        not growth.certain
        or _is_vague(growth.element, growth.count)
        or (may_be_small and is_of_a_loops_rows(growth.frame.function, growth.statement))
    )
    for draft in _judged(growth.at, what, growth.count, size, unsure, ctx):
        if growth.certain or draft.confidence is Confidence.LOW:
            yield draft


def _loop_unbounded(growth: Growth, source: Iterated, ctx: Context) -> Iterator[Draft]:
    weighed = (
        weigh(source.origin, growth.frame.module, ctx.project.disk) if source.origin is not UNKNOWN else None
    )
    if weighed is None or not weighed.outside or is_passing(weighed, ctx):
        return
    message = f"the loop keeps all that {weighed.text} gives in '{growth.name}', and nothing bounds it"
    confidence = Confidence.LOW if _is_of_the_suite(weighed) else Confidence.MEDIUM
    yield Draft("MEM202", growth.at, message, "Look at the items one by one.", confidence)


def _is_of_the_suite(source: Source) -> bool:
    """Whether it goes by a name of tests: what is in that database a test has put there."""
    return is_at_home(source) or FOR_TESTS.search(source.path or "") is not None
