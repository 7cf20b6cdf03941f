"""What to do about a finding, written in the code of the suite it was found in.

Every strategy takes the statement that memlint points at and shows what it would become. Where a statement has not
the shape that a strategy needs, the rule's own suggestion stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from memlint.model import Finding, Strategy
from memlint.report.plan.excerpt import SourceLine, Statement, above, statement
from memlint.units import format_bytes

_RELEASE = re.compile(r"\bno (?:\w+\.)*(\w+)\(\)")
_NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?![\w.])")
_WORKERS = re.compile(r"\b(n_jobs|max_workers|processes|n_workers|num_workers)\s*=\s*-?\d+")
_BARE_POOL = re.compile(r"\b(Pool|ProcessPoolExecutor|ThreadPoolExecutor)\(\s*\)")
_ADDED_TO = re.compile(
    r"([A-Za-z_][\w.]*?)(?:\.(?:append|add|update|extend|setdefault|insert|appendleft)\(|\[.+\]\s*[+|]?=)"
)
_SCOPE = re.compile(r"scope\s*=\s*['\"](session|package|module|class)['\"]")
_DEFINITION = re.compile(r"^\s*(?:async\s+)?def\s+\w+")
_ROWS = re.compile(r"\b(read_csv|read_table|read_fwf|read_excel)\(")
_LEAST_NUMBER = 1000  # smaller literals are not what makes data large


@dataclass(frozen=True, slots=True)
class Case:
    """A finding with what the strategies need to know of it."""

    finding: Finding
    said: Statement
    source_line: SourceLine
    budget: int | None  # bytes that a unit may use
    base: int  # bytes of it that are spent before the test allocates anything

    @property
    def name(self) -> str:
        """What the resource is called, or may be."""
        return self.said.name or "resource"

    @property
    def release(self) -> str:
        """The call that releases it, by the finding's own words."""
        found = _RELEASE.search(self.finding.message)
        return found[1] if found else "close"


def strategies(
    finding: Finding, source_line: SourceLine, budget: int | None, base: int
) -> tuple[Strategy, ...]:
    """Return the ways to mend a finding; at least the rule's suggestion."""
    said = statement(finding.location, source_line)
    made: list[Strategy] = []
    if said is not None:
        case = Case(finding, said, source_line, budget, base)
        made = [strategy for build in _BUILDERS.get(finding.code, ()) for strategy in build(case)]
    return tuple(made) or (Strategy("As the rule says", finding.suggestion or finding.message),)


def _rest(case: Case) -> tuple[str, ...]:
    """What follows the statement, as the body of a block."""
    indent = "" if case.said.block else "    "
    return tuple(indent + line for line in case.said.following) or ("    ...",)


# ------------------------------------------------------------------------------------------ resources of a test


def _closing(case: Case) -> Iterator[Strategy]:
    opened = case.said.made
    managed = opened if re.match(r"(?:io\.)?open\(|.*\.open\(", opened) else f"contextlib.closing({opened})"
    code = (f"with {managed} as {case.name}:", *_rest(case))
    below = case.finding.location.line + 1
    yield Strategy(
        "Context manager", f"It is closed when the block ends, also when line {below} fails.", code
    )


def _managed_pool(case: Case) -> Iterator[Strategy]:
    code = (f"with {case.said.made} as {case.name}:", *_rest(case))
    yield Strategy(
        "Context manager", f"{case.release}() runs at the end of the block, whatever happens in it.", code
    )


def _ended_process(case: Case) -> Iterator[Strategy]:
    name = case.said.name or "process"
    code = (
        f"{name} = {case.said.made}",
        "try:",
        *_rest(case),
        "finally:",
        f"    {name}.terminate()",
        f"    {name}.wait()",
    )
    text = "Ended and waited for on every path: without wait() it stays a zombie, without terminate() it lives on."
    yield Strategy("Explicit cleanup", text, code)


def _stopped(case: Case) -> Iterator[Strategy]:
    code = (
        f"{case.name} = {case.said.made}",
        "try:",
        *_rest(case),
        "finally:",
        f"    {case.name}.{case.release}()",
    )
    yield Strategy(
        "Explicit cleanup",
        "The release stands in a finally block, so a failing assertion does not skip it.",
        code,
    )


def _yielded(case: Case) -> Iterator[Strategy]:
    fixture = case.finding.symbol.rpartition(".")[2] or "resource"
    code = (f"{fixture} = {case.said.made}", f"yield {fixture}", f"{fixture}.{case.release}()")
    text = f"What follows the yield in {fixture}() runs when the last user of the fixture has ended, pass or fail."
    yield Strategy("Fixture teardown", text, code)


def _clean_up(case: Case) -> Iterator[Strategy]:
    if not case.said.name.startswith("self."):
        return
    code = (f"{case.said.name} = {case.said.made}", f"self.addCleanup({case.said.name}.{case.release})")
    yield Strategy(
        "Explicit cleanup", "A clean-up that is registered runs even when the rest of the set-up fails.", code
    )


def _narrower(case: Case) -> Iterator[Strategy]:
    decorator = above(case.finding.location, case.source_line, _SCOPE)
    found = _SCOPE.search(decorator) if decorator else None
    if decorator is None or found is None:
        return
    narrow = "function" if found[1] in ("class", "module") else "module"
    code = (decorator.replace(found[0], f'scope="{narrow}"'),)
    yield Strategy(
        "Scope", f"Held for one {narrow} instead of the whole {found[1]}, if few tests use it.", code
    )


def _in_a_fixture(case: Case) -> Iterator[Strategy]:
    if not case.said.name.isidentifier():
        return
    name = case.said.name.lower().strip("_") or "data"
    code = ("@pytest.fixture", f"def {name}():", f"    return {case.said.made}")
    text = f"Built for the tests that ask for {name}, let go after each; now collecting the file pays for it."
    yield Strategy("Fixture in place of a module's data", text, code)


# ------------------------------------------------------------------------------------------------- large data


def _fewer(case: Case) -> Iterator[Strategy]:
    """The largest number of the statement, scaled so that its bytes fit beside everything else."""
    estimate = case.finding.estimate
    numbers = [
        match for match in _NUMBER.finditer(case.said.text) if int(match[0].replace("_", "")) >= _LEAST_NUMBER
    ]
    if estimate is None or estimate.likely <= 0 or not numbers:
        return
    largest = max(numbers, key=lambda match: int(match[0].replace("_", "")))
    number = int(largest[0].replace("_", ""))
    room = max(case.budget - case.base, 0) // 2 if case.budget else estimate.likely // 10
    wanted = _round_down(min(number * room // estimate.likely, number // 2))
    if wanted < 1:
        return
    size = format_bytes(estimate.likely * wanted / number)
    code = (case.said.text[: largest.start()] + f"{wanted:_}" + case.said.text[largest.end() :],)
    fits = f", which leaves room below {format_bytes(case.budget)}" if case.budget else ""
    now = format_bytes(estimate.likely)
    text = (
        f"With {largest[0]} it holds {now}, with {wanted:_} about {size}{fits}. "
        f"Figures that the test asserts follow."
    )
    yield Strategy("Smaller data", text, code)


def _round_down(number: int) -> int:
    power = int("1" + "0" * (len(str(number)) - 1))
    return number // power * power


def _fewer_workers(case: Case) -> Iterator[Strategy]:
    text = _BARE_POOL.sub(r"\1(2)", _WORKERS.sub(r"\1=2", case.said.text))
    if text != case.said.text:
        yield Strategy(
            "Fewer workers",
            "Each worker pays the imports again, and two prove parallelism as well as many.",
            (text,),
        )


def _few_rows(case: Case) -> Iterator[Strategy]:
    if not _ROWS.search(case.said.text) or "nrows" in case.said.text or not case.said.text.endswith(")"):
        return
    yield Strategy(
        "Smaller data",
        "A thousand rows have every column and most of the oddities.",
        (f"{case.said.text[:-1]}, nrows=1000)",),
    )


def _marked(case: Case) -> Iterator[Strategy]:
    definition = above(case.finding.location, case.source_line, _DEFINITION, most=200)
    nodeid = case.finding.nodeid
    if definition is None or nodeid is None:
        return
    text = (
        "If it must be so large: mark it, and give it a job of its own with "
        "`pytest -m memory_intensive` beside `pytest -m 'not memory_intensive'`."
    )
    yield Strategy("Marker and a job of its own", text, ("@pytest.mark.memory_intensive", definition))


# ----------------------------------------------------------------------------------------- what outlives a test


def _emptied(case: Case) -> Iterator[Strategy]:
    found = _ADDED_TO.match(case.said.text)
    if found is None:
        return
    kept = found[1]
    name = re.sub(r"\W+", "_", kept).lower().strip("_")
    code = ("@pytest.fixture(autouse=True)", f"def empty_{name}():", "    yield", f"    {kept}.clear()")
    yield Strategy(
        "Explicit cleanup after every test",
        f"As it is, everything that goes into {kept} stays until the session ends.",
        code,
    )


def _closed_figures(case: Case) -> Iterator[Strategy]:
    code = ("@pytest.fixture(autouse=True)", "def no_figures_left():", "    yield", '    plt.close("all")')
    yield Strategy(
        "Explicit cleanup after every test",
        f"pyplot keeps what `{case.said.text[:80]}` makes until it is told to close it.",
        code,
    )


def _cleared_cache(case: Case) -> Iterator[Strategy]:
    definition = above(case.finding.location, case.source_line, _DEFINITION) or ""
    name = (
        re.sub(r".*def\s+(\w+).*", r"\1", definition)
        if definition
        else case.finding.symbol.rpartition(".")[2]
    )
    if not name:
        return
    code = ("@pytest.fixture(autouse=True)", f"def fresh_{name}():", "    yield", f"    {name}.cache_clear()")
    yield Strategy(
        "Explicit cleanup after every test",
        f"{name}() keeps each result it ever gave; this lets them go.",
        code,
    )


def _switched_back(case: Case) -> Iterator[Strategy]:
    undo = {
        "gc.disable()": "gc.enable()",
        "tracemalloc.start(": "tracemalloc.stop()",
        "gc.set_debug(": "gc.set_debug(0)",
    }
    for call, back in undo.items():
        if call in case.said.text:
            yield Strategy(
                "Explicit cleanup",
                "Undone on every path.",
                (case.said.text, "try:", *_rest(case), "finally:", f"    {back}"),
            )


Builder = Callable[[Case], Iterator[Strategy]]
_SMALLER: tuple[Builder, ...] = (_fewer, _few_rows, _marked)
_BUILDERS: dict[str, tuple[Builder, ...]] = {
    "MEM101": (_few_rows,),
    "MEM104": (_in_a_fixture,),
    "MEM201": _SMALLER,
    "MEM202": _SMALLER,
    "MEM204": _SMALLER,
    "MEM206": _SMALLER,
    "MEM207": _SMALLER,
    "MEM208": (_fewer_workers, _marked),
    "MEM301": (_yielded,),
    "MEM302": (_narrower,),
    "MEM303": (_clean_up,),
    "MEM304": (_in_a_fixture, _fewer),
    "MEM401": (_ended_process,),
    "MEM402": (_ended_process,),
    "MEM403": (_managed_pool,),
    "MEM404": (_stopped,),
    "MEM405": (_stopped,),
    "MEM501": (_closing,),
    "MEM502": (_closing,),
    "MEM503": (_closing,),
    "MEM601": (_closed_figures,),
    "MEM602": (_cleared_cache,),
    "MEM603": (_emptied,),
    "MEM605": (_switched_back,),
    "MEM701": (_marked,),
}
