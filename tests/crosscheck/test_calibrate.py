"""Calibration learns what is there to learn, admits what is not, and is used by everything that predicts."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from crosscheck.journals import MB, peaks
from memlint.analysis.footprint import Part
from memlint.cli import run as memlint
from memlint.crosscheck.calibration_file import written
from memlint.crosscheck.confidence import shifts
from memlint.crosscheck.fit import Row, TooThinError, fit
from memlint.knowledge.calibration import Calibration, read_calibration
from memlint.knowledge.ranking import shipped_weights
from memlint.knowledge.toml import BadToml
from memlint.model import (
    Confidence,
    Estimate,
    Finding,
    Judgement,
    JudgementKind,
    Location,
    Quantity,
    Severity,
)
from memlint.ranking.predict import Model
from memlint.ranking.terms import FileTerms
from memlint.ranking.terms import TestTerms as OfTest

INTERPRETER = 8 * MB


def row(number: int, truth: Model | None, noise: float = 1.0) -> Row:
    """A file with imports, cases and an allocation of its own; measured as ``truth`` has it."""
    file = FileTerms(
        f"t{number}.py",
        1_000 * number,
        (20 + 7 * number % 50) * MB,
        (3 * number % 40) * MB,
        (),
        0,
        (),
        (),
        (),
    )
    part = Part(Estimate.exact((number * 13 % 90) * MB), f"t{number}.py", 2, "zeros")
    tests = (OfTest("test_a", float(number * 31 % 200), (part,), 1, 5),)
    measured = round(truth.of_file(file, tests).peak.likely * noise) if truth else 100 * MB
    return Row(file.path, measured, False, file, tests)


def other_weights(**changes: float) -> Model:
    return Model(msgspec.structs.replace(shipped_weights(), **changes), INTERPRETER)


def test_a_project_that_differs_is_learnt_and_files_left_out_are_predicted_better() -> None:
    truth = other_weights(session_bytes=30_000_000, optional_share=0.8)
    learnt = fit([row(number, truth) for number in range(1, 41)], shipped_weights(), INTERPRETER)
    assert learnt.verdict == "better"
    assert learnt.after.error < learnt.before.error / 2
    assert learnt.weights.session_bytes == pytest.approx(30_000_000, rel=0.25)
    assert learnt.weights.optional_share > shipped_weights().optional_share
    assert learnt.weights.pool_factor == shipped_weights().pool_factor  # no file here has workers
    assert "pool_factor" not in learnt.fitted
    assert learnt.gain.low is not None
    assert learnt.gain.low > 0


def test_a_project_like_the_shipped_weights_gains_nothing() -> None:
    rows = [row(number, other_weights()) for number in range(1, 31)]
    learnt = fit(rows, shipped_weights(), INTERPRETER)
    assert learnt.verdict != "better"
    assert learnt.before.error < 1e-6


def test_noise_is_not_taken_for_a_pattern() -> None:
    """Errors that no weight explains: the fit must not claim to predict files left out better."""
    noise = (1.9, 0.6, 1.1, 0.8, 1.4, 0.5, 1.0)
    rows = [row(number, other_weights(), noise[number * 5 % 7]) for number in range(1, 36)]
    assert fit(rows, shipped_weights(), INTERPRETER).verdict != "better"


def test_one_odd_file_does_not_decide() -> None:
    rows = [row(number, other_weights(), 10.0 if number == 7 else 1.0) for number in range(1, 17)]
    learnt = fit(rows, shipped_weights(), INTERPRETER)
    assert learnt.weights.session_bytes == pytest.approx(shipped_weights().session_bytes, rel=0.3)
    assert learnt.verdict != "better"


def test_too_few_files_are_refused() -> None:
    with pytest.raises(TooThinError, match="14 files were both ranked and measured; calibrating needs 15"):
        fit([row(number, None) for number in range(14)], shipped_weights(), INTERPRETER)


def finding(code: str, kind: JudgementKind) -> Finding:
    judgement = Judgement(kind, Quantity.TEST_PEAK, None, None, "", "")
    where = Location("t.py", 1)
    return Finding(
        code, "n", "grow", where, "", None, "m", "", Severity.ERROR, Confidence.HIGH, judgement=judgement
    )


def many(code: str, confirmed: int, contradicted: int) -> list[Finding]:
    kinds = [JudgementKind.CONFIRMED] * confirmed + [JudgementKind.CONTRADICTED] * contradicted
    return [finding(code, kind) for kind in [*kinds, JudgementKind.NOT_MEASURABLE]]


@pytest.mark.parametrize(
    ("was", "confirmed", "contradicted", "now"),
    [
        ("high", 0, 2, None),  # too few
        ("high", 9, 1, None),
        ("high", 3, 5, "low"),
        ("high", 6, 3, "medium"),
        ("medium", 12, 0, "high"),
        ("medium", 0, 6, "low"),
        ("low", 2, 1, None),
    ],
)
def test_confidence_moves_only_by_weight_of_evidence(
    was: str, confirmed: int, contradicted: int, now: str | None
) -> None:
    moved = shifts(many("MEM201", confirmed, contradicted), {"MEM201": was})
    assert (moved["MEM201"].now if moved else None) == now


def test_the_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    truth = other_weights(session_bytes=30_000_000, optional_share=0.2)
    learnt = fit([row(number, truth) for number in range(1, 21)], shipped_weights(), INTERPRETER)
    moved = shifts(many("MEM201", 3, 5), {"MEM201": "high"})
    text = written(learnt, moved, shipped_weights(), "20 files")
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    back = read_calibration(path)
    assert back.weighed().session_bytes == pytest.approx(learnt.weights.session_bytes, rel=0.01)
    assert back.weighed().pool_factor == shipped_weights().pool_factor
    assert back.confided("MEM201", "high") == "low"
    assert (back.confided("MEM201", "medium"), back.confided("MEM101", "high")) == ("low", "high")
    assert f"{shipped_weights().session_bytes:_} as shipped" in text
    assert text == written(learnt, moved, shipped_weights(), "20 files")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('schema = "memlint.calibration/9"\nfitted_to = ""\n', "this version reads 'memlint.calibration/1'"),
        (
            'schema = "memlint.calibration/1"\nfitted_to = ""\n[weights]\nnone_such = 1.0\n',
            "no weight 'none_such'",
        ),
        (
            'schema = "memlint.calibration/1"\nfitted_to = ""\n[weights]\ncase_bytes = -1.0\n',
            "a number from 0",
        ),
        ("schema = ", "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    with pytest.raises(BadToml, match=said):
        read_calibration(path)


CALIBRATION = """
schema = "memlint.calibration/1"
fitted_to = "20 files"
[weights]
case_bytes = 400_000_000.0
[confidence.MEM201]
shipped = "high"
now = "low"
confirmed = 0
contradicted = 9
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for number in range(3):
        (tmp_path / f"test_{number}.py").write_text('def test_a():\n    assert b"x" * (200 << 20)\n')
    return tmp_path


def ranked(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    assert memlint(["rank", "--format", "json"]) == 0
    file = json.loads(capsys.readouterr().out)["files"][0]
    return file["predicted_peak_bytes"]["likely"], json.dumps(file["reasons"])


def test_rank_lint_and_config_use_it_and_say_so(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, reasons = ranked(capsys)
    assert "calibration" not in reasons
    assert memlint(["lint"]) == 1
    (suite / ".memlint").mkdir()
    (suite / ".memlint/calibration.toml").write_text(CALIBRATION)
    capsys.readouterr()
    after, reasons = ranked(capsys)
    assert after - before == pytest.approx(400_000_000, rel=0.01)  # of its one case
    assert "by .memlint/calibration.toml" in reasons
    assert memlint(["lint"]) == 0  # the rule is no longer sure enough for level ci
    assert "3 below level ci" in capsys.readouterr().out
    assert memlint(["config"]) == 0
    shown = capsys.readouterr().out
    assert "weights.case_bytes = 400000000.0  # .memlint/calibration.toml" in shown
    assert 'confidence.MEM201 = "low"  # .memlint/calibration.toml' in shown
    (suite / ".memlint/calibration.toml").write_text(CALIBRATION.replace("400_", "500_"))
    assert ranked(capsys)[0] - after == pytest.approx(100_000_000, rel=0.01)  # nothing stale
    assert memlint(["rank", "--isolated", "--format", "json"]) == 0
    isolated = json.loads(capsys.readouterr().out)["files"][0]
    assert isolated["predicted_peak_bytes"]["likely"] == before


def test_a_broken_file_ends_with_2(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "memlint.toml").write_text('calibration = "mine.toml"\n')
    assert memlint(["lint"]) == 2
    assert "memlint.toml:1: there is no such file" in capsys.readouterr().err
    (suite / "mine.toml").write_text("schema = 1\n")
    assert memlint(["lint"]) == 2
    assert "mine.toml" in capsys.readouterr().err


def test_calibrate_refuses_what_is_too_thin(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = peaks(suite / "j", {f"test_{number}.py": 250 for number in range(3)})
    assert memlint(["calibrate", "--journal", str(journal)]) == 2
    said = capsys.readouterr().err
    assert "3 files were both ranked and measured; calibrating needs 15" in said
    assert not (suite / ".memlint").exists()


def test_calibrate_writes_what_predicts_better(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        size = 10 + number * 17 % 150
        (suite / f"test_{number}.py").write_text(f'def test_a():\n    assert b"x" * ({size} << 20)\n')
    assert memlint(["rank", "--format", "json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    truth = {f["path"]: round(f["predicted_peak_bytes"]["likely"] / MB) + 80 for f in files}
    journal = peaks(suite / "j", truth)
    assert memlint(["calibrate", "--journal", str(journal), "--dry-run"]) == 0
    assert not (suite / ".memlint").exists()
    assert memlint(["calibrate", "--journal", str(journal)]) == 0
    assert "Verdict: better." in capsys.readouterr().out
    found = msgspec.toml.decode((suite / ".memlint/calibration.toml").read_bytes(), type=Calibration)
    assert found.weights["session_bytes"] > 50_000_000
    assert "!calibration.toml" in (suite / ".memlint/.gitignore").read_text()
    assert memlint(["crosscheck", "--journal", str(journal), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["calibration"] == ".memlint/calibration.toml"
    assert result["figures"]["measured_over_predicted"]["value"] == pytest.approx(1, abs=0.15)
    unlike = peaks(suite / "k", {path: truth[path] - 80 for path in truth})
    assert memlint(["calibrate", "--journal", str(unlike), "-o", str(suite / "no.toml")]) == 1
    assert "Not written" in capsys.readouterr().out
    assert not (suite / "no.toml").exists()
