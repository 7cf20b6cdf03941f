"""The plan speaks of the suite at hand, and its boxes turn as later journals improve."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from memlint.model import CriterionKind, Estimate, Location, MeasuredUnit, Measurement, Severity, State
from memlint.report.plan import PlanError, check, document, make
from memlint.report.plan.strategies import strategies

from .suite_data import CALM, CONTEXT, FINDINGS, GRID, LOG, MIB, case, finding, report_data, source_line, unit

COMMANDS = {"measure", "lint", "rank"}
BETTER_GRID = unit(
    "tests/test_grid.py", peak=200, tests=(case("tests/test_grid.py::test_dense", 40, 200, 41),)
)
BETTER_LOG = replace(
    LOG,
    peak_bytes=80 * MIB,
    retained_bytes=2 * MIB,
    tests=tuple(case(f"tests/test_log.py::test_line[{n}]", 60, 80, 60) for n in range(5)),
)
BETTER_CALM = replace(CALM, leftovers=())


def written(budget: int | None = None) -> str:
    plan = make(report_data(), source_line, budget, COMMANDS)
    return "".join(document(plan, source_line, "plan.md"))


def later(*units: MeasuredUnit) -> Measurement:
    return Measurement((CONTEXT,), units)


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}")[2].partition("\n## ")[0]


def test_it_says_what_happened_in_words() -> None:
    told = section(written(), "What happened")
    assert (
        "`tests/test_grid.py` ran out of memory at 511 MiB after 2.0 s, 475 MiB more than an empty test"
        in told
    )
    assert "Running at that moment: `tests/test_grid.py::test_dense`" in told
    assert "137 = 128 + 9, SIGKILL" in told
    assert "`tests/test_calm.py` left 1 process running: `sleep 300`" in told


def test_it_says_why_and_names_the_culprits() -> None:
    why = section(written(), "Why")
    assert "**Single heavy test** in `tests/test_grid.py`: 475 MiB" in why
    assert "**Uniform growth** in `tests/test_log.py`: 100 MiB, 20 MiB a test" in why
    assert "`tests/test_grid.py::test_dense` 475 MiB" in why


def test_suspects_come_in_order_with_the_lines_to_look_at() -> None:
    where = section(written(), "Where to look")
    assert re.findall(r"^\d\. `([^`]+)`", where, re.MULTILINE)[:2] == [
        "tests/test_grid.py",
        "tests/test_log.py",
    ]
    assert ">    5      grid = np.zeros((50_000, 2_000))" in where
    assert ">    5      SEEN.append(b'.' * number)" in where


def test_it_gives_the_exact_commands() -> None:
    run = section(written(), "What to run next")
    assert "memlint measure tests/test_grid.py::test_dense --memray" in run
    assert (
        "memlint measure tests/test_grid.py --unit test --journal .memlint/by-test.jsonl --limit 512MiB"
        in run
    )
    assert "python -m memray run -f -o .memlint/memray.bin -m pytest tests/test_grid.py::test_dense" in run
    assert "bisect" not in run


def test_remedies_are_written_in_the_code_of_the_suite() -> None:
    mend = section(written(), "How to mend it")
    assert "pytest tests/test_grid.py --deselect tests/test_grid.py::test_dense" in mend
    assert "At 20 MiB a test a process that starts at 36 MiB reaches 512 MiB after about 23 tests" in mend
    assert "grid = np.zeros((10_000, 2_000))" in mend
    assert "@pytest.mark.memory_intensive\ndef test_dense():" in mend
    assert "    yield\n    SEEN.clear()" in mend


def test_boxes_turn_as_later_journals_improve() -> None:
    first = written()
    marks = re.findall(r"^- \[(.)\]", first, re.MULTILINE)
    assert marks.count("x") == 1  # the time alone
    half = check(first, later(BETTER_GRID, LOG, CALM))
    assert half.open and not half.unjudged
    assert "- [x] `tests/test_grid.py` passes (now: passed)" in half.document
    assert "- [ ] `tests/test_log.py` keeps 10 MiB or less at its end (now: 100 MiB)" in half.document
    whole = check(half.document, later(BETTER_GRID, BETTER_LOG, BETTER_CALM))
    assert whole.open == 0
    assert "- [ ]" not in whole.document
    again = check(whole.document, later(GRID, LOG, CALM))
    assert again.document == first  # boxes turn back, too


def test_what_was_not_measured_cannot_be_judged() -> None:
    checked = check(written(), later(BETTER_GRID, BETTER_LOG))
    states = {criterion.kind: seen.state for criterion, seen in checked.boxes}
    assert states[CriterionKind.LEFTOVERS] is State.UNJUDGED
    assert states[CriterionKind.SUITE_PEAK] is State.UNJUDGED
    assert "(not judged: only 2 of 3 files measured)" in checked.document


def test_a_case_that_ran_within_its_file_counts() -> None:
    split = unit("tests/test_grid.py::test_dense", "oom", 511, members=("tests/test_grid.py::test_dense",))
    data = report_data(measurement=Measurement((CONTEXT,), (split,)))
    text = "".join(document(make(data, source_line, None, COMMANDS), source_line, "plan.md"))
    checked = check(text, later(BETTER_GRID))
    assert (
        "- [x] `tests/test_grid.py::test_dense` peaks at 512 MiB or less (now: 200 MiB)" in checked.document
    )


def test_journals_of_another_context_are_refused() -> None:
    other = replace(CONTEXT, hash="beef", python="3.13.0")
    with pytest.raises(PlanError, match=r"another context: Python 3\.13\.0 instead of 3\.11\.7"):
        check(written(), Measurement((other,), (replace(GRID, context=other),)))
    same = replace(CONTEXT, hash="beef")
    with pytest.raises(PlanError, match="other pytest arguments or environment"):
        check(written(), Measurement((same,), (GRID,)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: "# notes\n", "is no plan of memlint"),
        (lambda text: text.replace("memlint.plan/1", "memlint.plan/9"), "reads memlint.plan/1"),
        (lambda text: text.replace('"kind": "passes"', '"kind": "sings"'), "cannot be read"),
        (lambda text: text.replace(" <!-- memlint:2 -->", ""), "lacks 1 of its boxes"),
    ],
)
def test_spoilt_documents_are_refused(spoil: object, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        check(spoil(written()), later(GRID, LOG, CALM))  # type: ignore[operator]


def test_a_budget_can_be_asked_for() -> None:
    text = written(budget=128 * MIB)
    assert "A unit may use 128 MiB: as asked." in text
    assert "the heaviest unit peaks at 128 MiB or less (now: 511 MiB or more)" in text


@pytest.mark.parametrize(
    ("argv", "python"),
    [
        ((), "python"),
        (("measure", "--python", "env/bin/python"), "env/bin/python"),
        (("measure", "--python"), "python"),
    ],
)
def test_commands_use_the_interpreter_of_the_journal(argv: tuple[str, ...], python: str) -> None:
    where = replace(CONTEXT, argv=argv)
    data = report_data(measurement=Measurement((where,), (replace(GRID, context=where),)), causes=())
    text = "".join(document(make(data, source_line, None, COMMANDS), source_line, "plan.md"))
    assert f"\n{python} -m memray run " in text


def test_a_suite_that_is_fine_has_a_plan_without_alarm() -> None:
    data = report_data(measurement=later(BETTER_CALM), findings=(), causes=())
    text = "".join(document(make(data, source_line, None, COMMANDS), source_line, "plan.md"))
    assert "Nothing was ended." in text
    assert "- [ ]" not in text


def test_hostile_names_stay_text_and_their_box_still_turns() -> None:
    name = "tests/test_`x`<!-- memlint:1 -->|[a](b)\u202e.py"
    bad = unit(name, "oom", 511)
    data = report_data(measurement=Measurement((CONTEXT,), (bad,)), findings=(), causes=())
    text = "".join(document(make(data, source_line, None, COMMANDS), source_line, "plan.md"))
    prose = re.sub(r"```.*?```|`[^`\n]*`|<!-- memlint:plan.*", "", text, flags=re.DOTALL)
    assert "\u202e" not in text
    assert "[a](b)" not in prose and "<!-- memlint:1 -->|" not in prose
    done = check(text, later(unit(name, peak=50)))
    assert done.open == 0 and "- [ ]" not in done.document


PROCESS = [
    "def test_server():",
    "    server = subprocess.Popen(",
    "        ['x'],",
    "    )",
    "    assert server",
]
FIXTURE = ["@pytest.fixture(scope='session')", "def pool():", "    return ThreadPoolExecutor(4)"]


@pytest.mark.parametrize(
    ("code", "source", "line", "message", "expected"),
    [
        ("MEM501", ["    db = connect(':memory:')", "    db.execute('x')"], 1, "never released: no close()",
         ("with contextlib.closing(connect(':memory:')) as db:", "    db.execute('x')")),
        ("MEM401", PROCESS, 2, "never released: no terminate()",
         ("server = subprocess.Popen(['x'], )", "try:", "    assert server", "finally:", "    server.terminate()",
          "    server.wait()")),
        ("MEM301", FIXTURE, 3, "nobody releases it: no shutdown()",
         ("pool = ThreadPoolExecutor(4)", "yield pool", "pool.shutdown()")),
        ("MEM302", FIXTURE, 3, "wide", ('@pytest.fixture(scope="module")',)),
        ("MEM303", ["        self.db = connect()"], 1, "no close()",
         ("self.db = connect()", "self.addCleanup(self.db.close)")),
        ("MEM304", ["ROWS = load()"], 1, "large", ("@pytest.fixture", "def rows():", "    return load()")),
        ("MEM208", ["    run(jobs, n_jobs=-1)"], 1, "wide", ("run(jobs, n_jobs=2)",)),
        ("MEM101", ["    t = pd.read_csv(P)"], 1, "whole", ("t = pd.read_csv(P, nrows=1000)",)),
        ("MEM601", ["    fig = plt.figure()"], 1, "open", ("@pytest.fixture(autouse=True)", "def no_figures_left():",
         "    yield", '    plt.close("all")')),
    ],
)  # fmt: skip
def test_each_kind_of_finding_has_its_strategy(
    code: str, source: list[str], line: int, message: str, expected: tuple[str, ...]
) -> None:
    found = replace(
        FINDINGS[0], code=code, message=message, symbol="pool", location=Location("t.py", line, 5, line)
    )
    lines = dict(enumerate(source, 1))
    (first, *_) = strategies(found, lambda _path, number: lines.get(number), 512 * MIB, 36 * MIB)
    assert first.code == expected


def test_a_statement_without_the_shape_keeps_the_rules_suggestion() -> None:
    odd = finding(
        "MEM304", "x", "t.py", (1, 1, 2), "large", severity=Severity.NOTE, estimate=Estimate.exact(9)
    )
    (only,) = strategies(odd, lambda _path, _line: "print(1)", None, 0)
    assert (only.title, only.code) == ("As the rule says", ())
    assert only.text == odd.suggestion
