"""MEM104: what is read or opened when pytest imports test code, and kept to the end of the session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.expectations import last_part
from memlint.analysis.loads import estimate_in_memory, expansion, is_bounded, is_reduced, load_of
from memlint.analysis.sites import Site
from memlint.analysis.sources import Source, is_null_device, members_read, source_of, weigh
from memlint.analysis.values import ClassValue, Data, FunctionValue, Sequence
from memlint.knowledge.apis import ANY_USE, Load, Resource
from memlint.model import Confidence, Related
from memlint.rules.case_tables import feeds_parametrize
from memlint.rules.context import Context, Draft
from memlint.rules.load import WRITERS, by_weight, is_at_home, is_bare, is_path, short_name, writes_itself
from memlint.rules.registry import rule
from memlint.units import format_bytes

_PLACES = {
    "module": "at module level",
    "class": "in a class body",
    "default": "in a default argument",
    "decorator": "in a decorator argument",
}
# readers whose files hold data; any other file may be a note of what a test did
_BULK = frozenset({"table", "array"})
_WORTH_KEEPING_OUT = 1_000_000  # bytes in memory, of what stays from collection to the end of the session
_IDLE = "(holds a thread pool)"  # whose threads start with the first task, some call beyond the constructor
_EXECUTORS = "concurrent.futures."  # which start their workers with the first task
_KEPT = "its workers start with the first task that a test gives it, and stay to the end of the session"
_EMPTY = frozenset({"contextlib.ExitStack"})  # what is entered into it costs, and not the stack
_PAID = "every run and every worker pays for it at collection, and it stays to the end of the session"
_MOVE = "Move it into a fixture of the scope that needs it."


@rule("MEM104")
def load_at_collection(site: Site, ctx: Context) -> Iterator[Draft]:
    """A load, or an acquisition, that runs when pytest imports the module."""
    if not ctx.at_collection(site) or site.mocked or ctx.is_script:
        return
    for draft in _paid_for(site, _PLACES[site.where], ctx):
        yield replace(draft, confidence=Confidence.LOW) if ctx.is_imported_late else draft


def _paid_for(site: Site, place: str, ctx: Context) -> Iterator[Draft]:
    load = load_of(site)
    if load is not None and not is_bounded(site, load) and not is_reduced(site.receiver):
        source = source_of(site, load, ctx.project.disk)
        if _costly(load, source) and not writes_itself(site, source):
            estimate = estimate_in_memory(load, source)
            members = members_read(site, load)
            if estimate is not None and members[0] is not site:
                return  # the first of them tells of the file
            about = f", about {format_bytes(estimate.likely)} in memory" if estimate is not None else ""
            what = f"{len(members)} data sets of {source.text}" if len(members) > 1 else source.text
            read = f" reads {what}{about}," if source.known in {"sized", "unknown"} else ""
            message = f"{short_name(site.name)}{read} {place}: {_PAID}"
            known = load.what in {"model", "dataset"}
            sure = load.what in _BULK or (source.outside and not is_at_home(source))
            unweighed = None if known else Confidence.MEDIUM if sure else Confidence.LOW
            confidence = by_weight(estimate, _WORTH_KEEPING_OUT) if estimate is not None else unweighed
            tabled = load.what == "file" and estimate is not None and confidence is Confidence.MEDIUM
            if tabled and feeds_parametrize(site, ctx):
                confidence = Confidence.LOW  # a table of cases, which collection needs
            yield Draft("MEM104", site.at, message, _MOVE, confidence, estimate)
        return
    yield from _own_loader(site, place, ctx)
    yield from _acquired(site, place, ctx)


def _costly(load: Load, source: Source) -> bool:
    if source.known in {"small", "other"}:
        return False
    if source.bytes is not None:
        return source.bytes * expansion(load, source.path) >= _WORTH_KEEPING_OUT
    return source.known == "unknown" or load.what in {"model", "dataset"}


def _own_loader(site: Site, place: str, ctx: Context) -> Iterator[Draft]:
    """A function of the project that reads a large or unknown file."""
    if not isinstance(site.callee, (FunctionValue, ClassValue)):
        return
    for inner in _all_inner(site):
        load = load_of(inner)
        if load is None or is_bounded(inner, load):
            continue
        source = source_of(inner, load, ctx.project.disk)
        if _costly(load, source) and not _is_written_beside(inner, source):
            name = site.name.rpartition(".")[2]
            related = (Related(inner.frame.module.path, inner.line, f"reads {source.text} here"),)
            message = f"{name}() {place} reads {source.text}: {_PAID}"
            from_beyond = source.outside and not is_at_home(source)
            sure = source.bytes is not None or from_beyond or (load.what != "file" and not is_bare(source))
            sure = sure and inner.certain  # and not where an argument asks for it that may not be given
            estimate = estimate_in_memory(load, source)
            confidence = None if sure else Confidence.LOW
            if estimate is not None:
                confidence = by_weight(estimate, _WORTH_KEEPING_OUT)
                if load.what == "file" and confidence is Confidence.MEDIUM and _gives_cases(site, ctx):
                    confidence = Confidence.LOW
            yield Draft("MEM104", site.at, message, _MOVE, confidence, estimate, related)
            return


def _gives_cases(site: Site, ctx: Context) -> bool:
    """Whether parametrize is given what it returns: a table of cases, which collection needs."""
    return site.where == "decorator" or feeds_parametrize(site, ctx)


def _is_written_beside(site: Site, source: Source) -> bool:
    """Whether the function that reads a file also writes it, where it is not there: what it keeps for the next run."""
    if source.path is None:
        return False
    return any(
        other.name.rpartition(".")[2].startswith(WRITERS) and is_path(value, source.path)
        for other in site.frame.sites
        for value in other.args.values()
    )


def _all_inner(site: Site) -> Iterator[Site]:
    for inner in site.inner:
        yield inner
        yield from _all_inner(inner)


def _acquired(site: Site, place: str, ctx: Context) -> Iterator[Draft]:
    """A connection, process … opened while the module is imported."""
    resource = ctx.lifetimes.acquires(site)
    if resource is None or site.consumer == "with" or (resource.started_by and not _is_used(resource, ctx)):
        return
    if (resource.confidence == "low" and resource.bytes is None) or resource.name in _EMPTY:
        return
    if _released_in_module(site, resource, ctx) or any(map(is_null_device, site.args.values())):
        return
    if resource.forgotten == "closed" and _is_asked_for_a_part(site, ctx.module.body):
        return
    article = "an" if resource.title[:1].lower() in "aeiou" else "a"
    cost = _KEPT if resource.name.startswith(_EXECUTORS) else _PAID
    message = f"{article} {resource.title} is opened {place}: {cost}"
    costs = resource.name != "tempfile.TemporaryDirectory" and not _is_over_little(site, resource, ctx)
    late = resource.rule == "MEM502" or _is_a_decorators(site, ctx)  # the first test opens it
    costs = costs and not (resource.started_by and late)
    costs = costs and not (resource.rule == "MEM501" and site.where == "decorator")  # nothing is in it yet
    costs = costs and not resource.title.endswith(_IDLE) and not _is_small_map(site)
    yield Draft("MEM104", site.at, message, _MOVE, Confidence.MEDIUM if costs else Confidence.LOW)


def _is_a_decorators(site: Site, ctx: Context) -> bool:
    """``@concurrent(pool=ProcessPool(1))``, which gives it the tasks of what it decorates; not ``parametrize``."""
    given = (
        decorator
        for body in ctx.suite.of(ctx.module).bodies
        for decorator, _ in body.function.decorators
        if isinstance(decorator, f.Call) and last_part(decorator.func) != "parametrize"
    )
    return site.where == "decorator" and any(
        node is site.node for decorator in given for node in traverse.walk(decorator)
    )


def _is_asked_for_a_part(site: Site, block: tuple[f.Stmt, ...]) -> bool:
    """``NamedTemporaryFile().name``: nothing keeps what is asked for its name alone."""
    expressions = list(traverse.nodes(block))
    for statement, _ in traverse.statements(block):
        if isinstance(statement, f.FunctionDef):
            expressions += [node for one, _ in statement.function.decorators for node in traverse.walk(one)]
        elif isinstance(statement, f.ClassDef) and _is_asked_for_a_part(site, statement.cls.body):
            return True
    called = [node.func for node in expressions if isinstance(node, f.Call)]
    return any(
        isinstance(node, f.Attr) and node.base is site.node and not any(node is func for func in called)
        for node in expressions
    )


def _is_small_map(site: Site) -> bool:
    """``mmap.mmap(-1, 5)``: some bytes of memory, without a file."""
    made = site.result
    size = made.bytes if isinstance(made, Data) and made.kind == "buffer" else None
    return size is not None and size.high < _WORTH_KEEPING_OUT


def _is_over_little(site: Site, resource: Resource, ctx: Context) -> bool:
    """Whether a handle is that of a small file: what it keeps is not worth a fixture."""
    if resource.rule != "MEM503":
        return False
    starred = site.args.get("*")
    given = starred.items if isinstance(starred, Sequence) and starred.items else tuple(site.args.values())
    sources = [weigh(value, site.frame.module, ctx.project.disk) for value in given[:1]]
    return any(source.bytes is not None and source.bytes < _WORTH_KEEPING_OUT for source in sources)


def _is_used(resource: Resource, ctx: Context) -> bool:
    """Whether the module starts it: a pool at its first task, a client at its first request."""
    by_use = resource.rule in {"MEM403", "MEM405", "MEM502"}
    names = resource.started_by
    return by_use and (ANY_USE in names or any(traverse.says(ctx.module.facts, name) for name in names))


def _is_given(site: Site, node: f.Node) -> bool:
    """Whether it is an argument of a function, which keeps what it reads, not what it reads from."""
    if not isinstance(node, f.Call) or not isinstance(node.func, f.Name):
        return False
    makes_object = node.func.path.rpartition(".")[2][:1].isupper()
    return not makes_object and any(arg.value is site.node for arg in node.args)


def _bound_to(node: f.Node, statement: f.Assign) -> set[str]:
    """The names that an assignment gives to what is made: ``source, header = open(a), open(b)`` one to each."""
    targets = list(statement.targets)
    if isinstance(statement.value, f.Seq) and node in statement.value.items:
        place = statement.value.items.index(node)
        targets = [t.items[place] for t in targets if isinstance(t, f.Seq) and place < len(t.items)]
    return {target.path for target in targets if isinstance(target, f.Name)}


def _released_in_module(site: Site, resource: Resource, ctx: Context) -> bool:
    """Whether the same import also closes it: by ``with``, by a call, or at once because nothing keeps it."""
    releases = {name for group in resource.release for name in group}
    names: set[str] = set()
    for statement, _ in traverse.statements(ctx.module.body):
        if isinstance(statement, f.For) and statement.iter == site.node and resource.forgotten == "closed":
            return True  # ``for line in open(path):``
        for expression in traverse.own_expressions(statement):
            for node in traverse.walk(expression):
                passing = node.base is site.node if isinstance(node, f.Attr) else _is_given(site, node)
                ended = isinstance(node, f.Attr) and node.attr in releases  # ``Tk().destroy()``
                if passing and (ended or resource.forgotten == "closed"):
                    return True
                if node is site.node and isinstance(statement, f.Assign):
                    names |= _bound_to(node, statement)
        if isinstance(statement, f.With) and any(
            isinstance(manager, f.Name) and manager.path in names for manager, _ in statement.items
        ):
            return True
    called = {
        node.func.path.rpartition(".")
        for node, _, _ in traverse.calls(ctx.module.body)
        if isinstance(node.func, f.Name)
    }
    return any(name in names and method in releases for name, _, method in called)
