"""A suite whose truth is known, really measured: the cross-check must confirm, contradict and list exactly that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="measuring needs a POSIX system")

MB = 2**20
# a file a family of rules that really costs what the rule says, a false claim, a blind spot, and one that is light
FILES = {
    "tests/test_load.py": """
        from pathlib import Path

        def test_reads_all():
            assert (Path(__file__).parent / "orders.txt").read_text()
    """,
    "tests/test_grow.py": """
        def test_big():
            assert b"x" * (40 << 20)

        def test_small():
            pass
    """,
    "tests/test_fixture.py": """
        import pytest

        @pytest.fixture(scope="session")
        def history():
            return b"x" * (24 << 20)

        def test_first(history):
            assert history

        def test_second(history):
            assert history
    """,
    "tests/test_global.py": """
        TABLE = b"x" * (32 << 20)

        def test_table():
            assert TABLE
    """,
    "tests/test_process.py": """
        import subprocess, sys

        def test_worker():
            worker = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
            assert worker.pid
    """,
    "tests/test_handle.py": """
        import sqlite3

        def test_opens():
            connection = sqlite3.connect(":memory:")
            assert connection
    """,
    "tests/test_retain.py": """
        KEPT = []

        def test_keeps():
            KEPT.append(b"x" * (16 << 20))

        def test_prints():
            for _ in range(300):
                print("x" * 100_000)
    """,
    "tests/test_false.py": """
        import os

        def test_claims():
            data = b""
            if os.environ.get("ALL_OF_IT"):
                data = b"x" * (120 << 20)
            assert data is not None
    """,
    "tests/test_blind.py": """
        import json

        def test_orders():
            assert bytearray(json.loads('{"bytes": 136314880}')["bytes"])

        def test_light():
            pass
    """,
    "tests/test_light.py": """
        def test_a():
            pass
    """,
}
CONFIG = """
[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.memlint.rules.MEM201]
min-bytes = "20 MiB"
"""


class Known:
    """The suite's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[tuple[str, ...], dict[str, Any]] = {}

    def call(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, "-m", "memlint", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def agreement(self, *arguments: str) -> dict[str, Any]:
        if arguments not in self.seen:
            self.seen[arguments] = json.loads(self.call("crosscheck", "--format", "json", *arguments).stdout)
        return self.seen[arguments]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    folder = tmp_path_factory.mktemp("known")
    (folder / "tests").mkdir()
    (folder / "pyproject.toml").write_text(CONFIG)
    for name, code in FILES.items():
        (folder / name).write_text(textwrap.dedent(code))
    (folder / "tests/orders.txt").write_text("order\n" * (3 << 20))
    suite = Known(folder)
    suite.call("measure", "--order", "given")
    return suite


def judged(result: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    return {(item["code"], item["path"]) for item in result["findings"] if item["judgement"] == kind}


def test_what_is_true_is_confirmed_and_what_is_not_contradicted(known: Known) -> None:
    result = known.agreement()
    assert judged(result, "contradicted") == {("MEM201", "tests/test_false.py")}
    assert judged(result, "confirmed") == {
        ("MEM103", "tests/test_load.py"),
        ("MEM201", "tests/test_grow.py"),
        ("MEM302", "tests/test_fixture.py"),
        ("MEM304", "tests/test_global.py"),
        ("MEM401", "tests/test_process.py"),
        ("MEM603", "tests/test_retain.py"),
        ("MEM606", "tests/test_retain.py"),
    }
    assert judged(result, "not measurable") == {("MEM501", "tests/test_handle.py")}


@pytest.mark.parametrize(
    ("code", "quantity", "size", "where"),
    [
        ("MEM201", "peak of the test", 40, "tests/test_grow.py::test_big"),
        ("MEM302", "step in the base", 24, "tests/test_fixture.py::test_first"),
        ("MEM304", "held after collection", 32, "tests/test_global.py"),
        ("MEM603", "retained at the end", 16, "tests/test_retain.py"),
        ("MEM606", "retained at the end", 28.6, "tests/test_retain.py"),
    ],
)
def test_bytes_are_those_of_the_quantity_that_tests_the_claim(
    known: Known, code: str, quantity: str, size: float, where: str
) -> None:
    findings = known.agreement()["findings"]
    found = next(item for item in findings if item["code"] == code and item["judgement"] == "confirmed")
    assert (found["quantity"], found["where"]) == (quantity, where)
    assert found["measured_bytes"] == pytest.approx(size * MB, rel=0.05, abs=4 * MB)
    if found["predicted_bytes"]:
        assert found["predicted_bytes"] == pytest.approx(size * MB, rel=0.05)


def test_the_blind_spot_is_missed_and_the_false_claim_overcalled(known: Known) -> None:
    result = known.agreement()
    blind = result["missed"][0]
    assert (blind["path"], blind["missing"]) == ("tests/test_blind.py", "allocation")
    assert blind["heaviest_test"] == "tests/test_blind.py::test_orders"
    assert blind["missing_bytes"] == pytest.approx(130 * MB, rel=0.05)
    called = {
        item["path"]: [finding["code"] for finding in item["findings"]] for item in result["overcalled"]
    }
    assert called.pop("tests/test_false.py") == ["MEM201"]
    # a child that imports nothing is lighter than a Python child is taken for
    assert called in ({}, {"tests/test_process.py": ["MEM401"]})


def test_rules_are_weighed(known: Known) -> None:
    rules = {rule["code"]: rule for rule in known.agreement()["rules"]}
    assert (rules["MEM201"]["confirmed"], rules["MEM201"]["contradicted"]) == (1, 1)
    assert (rules["MEM201"]["hits"], rules["MEM201"]["units_with"]) == (2, 2)
    assert rules["MEM201"]["units_without"] == len(FILES) - 2
    assert rules["MEM304"]["median_peak_with"] > rules["MEM304"]["median_peak_without"]


def test_figures_count_what_was_measured(known: Known) -> None:
    result = known.agreement()
    assert (result["schema"], result["files"]) == ("memlint.agreement/1", len(FILES))
    assert (result["spearman"], result["kendall"]) == (None, None)
    assert "below 50" in result["figures"]["spearman"]["withheld"]
    heaviest = {row["measured_rank"]: row["path"] for row in result["rows"]}
    assert heaviest[1] == "tests/test_blind.py"
    ranked = next(row["predicted_rank"] for row in result["rows"] if row["path"] == "tests/test_blind.py")
    runs = result["runs_to_find_heaviest"]
    assert (runs["memlint"], runs["alphabetical"], runs["random"]) == (ranked, 1, (len(FILES) + 1) / 2)


def test_tests_are_compared_too(known: Known) -> None:
    result = known.agreement("--per", "test")
    rows = {row["nodeid"]: row for row in result["rows"]}
    assert len(rows) == sum(code.count("def test_") for code in FILES.values())
    assert result["rows"][0]["nodeid"] == "tests/test_blind.py::test_orders"
    assert rows["tests/test_grow.py::test_big"]["findings"] == ["MEM201"]
    assert rows["tests/test_grow.py::test_small"]["findings"] == []


@pytest.mark.parametrize(
    ("gate", "code", "said"),
    [
        (("--max-missed", "0"), 1, "not predicted, more than 0"),
        (("--max-missed", "9"), 0, ""),
        (("--min-recall", "0.9"), 1, "of the heaviest tenth was found"),
        (("--min-recall", "0"), 0, ""),
        (("--min-spearman", "0.1"), 2, "cannot be judged"),
    ],
)
def test_gates(known: Known, gate: Sequence[str], code: int, said: str) -> None:
    assert said in known.call("crosscheck", *gate, code=code).stderr


def test_text_says_the_answer_first(known: Known) -> None:
    lines = known.call("crosscheck").stdout.splitlines()
    assert lines[0].startswith("Too little to judge the ranking as a whole (10 units")
    assert "  contradicted MEM201 tests/test_false.py:7" in lines
    text = " ".join(" ".join(lines).split())
    assert "predicted 120 MiB, measured " in text
    assert " in tests/test_false.py::test_claims" in text


def test_markdown_says_the_same(known: Known) -> None:
    text = known.call("crosscheck", "--format", "markdown").stdout
    assert text.startswith("### memlint: ranking against measurement\n")
    assert "- contradicted: MEM201 `tests/test_false.py:7`" in text


def test_a_torn_journal_is_used_as_far_as_it_goes(known: Known, tmp_path: Path) -> None:
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    whole = (known.folder / ".memlint/journal.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(whole[:-40])
    done = known.call("crosscheck", "--journal", str(torn))
    assert "its last line is torn; the rest is used" in " ".join(done.stdout.split())
    torn.write_bytes(whole.replace(b'{"kind":"test_end"', b'{"kind"', 1))
    text = " ".join(known.call("crosscheck", "--journal", str(torn)).stdout.split())
    assert "cannot be read; the rest is used" in text


def test_a_journal_measured_test_by_test(known: Known, tmp_path: Path) -> None:
    journal = str(tmp_path / "tests.jsonl")
    known.call(
        "measure", "tests/test_grow.py", "tests/test_retain.py", "--unit", "test", "--journal", journal
    )
    result = known.agreement("tests/test_grow.py", "tests/test_retain.py", "--journal", journal)
    assert judged(result, "confirmed") == {
        ("MEM201", "tests/test_grow.py"),
        ("MEM603", "tests/test_retain.py"),
        ("MEM606", "tests/test_retain.py"),
    }
    assert any("ran test by test" in note for note in result["notes"])
    assert {row["at_least"] for row in result["rows"]} == {False}


def test_batches_and_repeats(known: Known, tmp_path: Path) -> None:
    journal = str(tmp_path / "batch.jsonl")
    files = ("tests/test_grow.py", "tests/test_light.py")
    known.call("measure", *files, "--batch-size", "2", "--repeat", "2", "--journal", journal)
    result = known.agreement(*files, "--journal", journal)
    assert [row["path"] for row in result["rows"]] == list(files)
    assert {row["runs"] for row in result["rows"]} == {2}
    assert any("2 files ran in batches only" in note for note in result["notes"])
    both = known.agreement("--journal", journal, "--journal", ".memlint/journal.jsonl")
    assert both["files"] == len(FILES)


def test_lint_says_of_each_finding_what_was_measured(known: Known) -> None:
    given = ("lint", "--exit-zero", "--journal", ".memlint/journal.jsonl")
    text = " ".join(known.call(*given).stdout.split())
    assert " contradicted: predicted 120 MiB, measured " in text
    assert " confirmed: predicted 40 MiB, measured " in text
    plain = json.loads(known.call("lint", "--exit-zero", "--format", "json").stdout)
    with_journal = json.loads(known.call(*given, "--format", "json").stdout)
    kinds = {item["path"]: item.pop("measured")["judgement"] for item in with_journal["findings"]}
    assert kinds["tests/test_false.py"] == "contradicted"
    assert kinds["tests/test_grow.py"] == "confirmed"
    assert with_journal == plain
    results = json.loads(known.call(*given, "--format", "sarif").stdout)["runs"][0]["results"]
    said = {r["properties"]["measured"]["where"]: r["properties"]["measured"]["judgement"] for r in results}
    assert said["tests/test_false.py::test_claims"] == "contradicted"
    assert said["tests/test_grow.py::test_big"] == "confirmed"
