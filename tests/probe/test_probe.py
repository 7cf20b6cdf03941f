"""Probing small suites whose libraries misbehave in every way an import can."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memlint import cli
from memlint.config import load_settings
from memlint.model import ProbeResult
from memlint.probe.environment import ProbeError, key_of
from memlint.probe.isolated import Bounds
from memlint.probe.known import known_footprints
from memlint.probe.run import ProbeRequest, probe
from memlint.probe.store import latest, read_probes

MB = 1_000_000
LIBRARIES = {
    "plain": "kept = bytearray(b'1') * 30_000_000",
    "brings": "import plain\nkept = bytearray(b'1') * 10_000_000",
    "crashes": "import os; os.abort()",
    "leaves": "import os; os._exit(0)",
    "quits": "raise SystemExit('no licence')",
    "raises": "raise RuntimeError('wrong platform')",
    "hangs": "import time; time.sleep(600)",
    "eats": "kept = bytearray(b'1') * 400_000_000\nimport time; time.sleep(600)",
    "prints": "import sys; print('x' * 100_000); sys.stdout = None; import os; os.close(1); os.close(2)",
    "needs_display": "import os; assert not os.environ.get('DISPLAY'); kept = 1",
    "needs_more": "import not_installed_anywhere",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, with the libraries where the interpreter finds them and the project does not."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for name, text in LIBRARIES.items():
        (libraries / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(libraries))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a session then starts in a third of the time
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def probed(folder: Path) -> Iterator[Callable[..., ProbeResult]]:
    """``probed(test_a="import x")`` writes the files and probes the folder."""

    def run(limit: int = 300 * MB, timeout: float = 60, again: bool = False, **files: str) -> ProbeResult:
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        settings = load_settings(folder)
        request = ProbeRequest((), settings, folder, None, Bounds(limit, timeout), jobs=2, again=again)
        return probe(request)

    return run


def status(result: ProbeResult) -> dict[str, str]:
    return {module.name: module.status for module in result.modules}


def test_imports_are_weighed_alone_and_together(probed, folder):
    result = probed(test_a="import brings, plain", test_b="import plain", product="import never_followed")
    sizes = {module.name: (module.bytes, module.own_bytes) for module in result.modules}
    assert 29 * MB < sizes["plain"][0] < 36 * MB
    assert 39 * MB < sizes["brings"][0] < 48 * MB
    assert sizes["brings"][1] < 15 * MB
    assert result.session is not None
    assert result.session.status == "measured"
    both = next(group.bytes for group in result.groups if group.modules == ("brings",))
    assert both > sizes["brings"][0] + 5 * MB  # pytest is in it
    assert result.files == 2


def test_a_bad_module_costs_only_itself(probed):
    names = [name for name in LIBRARIES if name not in ("hangs", "eats", "brings")]
    result = probed(test_a="import " + ", ".join(names))
    found = status(result)
    assert found == {
        "plain": "measured",
        "crashes": "crashed",
        "leaves": "crashed",
        "quits": "failed",
        "raises": "failed",
        "prints": "measured",
        "needs_display": "measured",
        "needs_more": "failed",
    }
    errors = {module.name: module.error for module in result.modules}
    assert "wrong platform" in errors["raises"]
    assert "SIGABRT" in errors["crashes"]
    assert "not_installed_anywhere" in errors["needs_more"]


def test_time_and_memory_are_limited(probed):
    assert status(probed(timeout=4, test_a="import hangs"))["hangs"] == "timeout"
    if sys.platform.startswith("linux"):
        assert status(probed(limit=200 * MB, test_a="import eats"))["eats"] == "limit"


def test_what_is_not_there_is_missing_and_costs_the_ranking_nothing(probed, folder):
    guarded = "try:\n    import absent_library.part\nexcept ImportError:\n    pass\n"
    (folder / "conftest.py").write_text(guarded)
    result = probed(test_a="import plain")
    assert status(result)["absent_library"] == "missing"
    known = known_footprints(load_settings(folder)).footprints
    assert known is not None
    assert known.is_missing("absent_library.part")
    assert known.resolve("absent_library.part") is None
    assert not known.is_missing("plain")


def test_nothing_of_the_suite_is_imported(probed, folder):
    trap = "open('imported', 'w').close()\n"
    (folder / "product.py").write_text(trap + "import plain")
    (folder / "conftest.py").write_text(trap)
    result = probed(test_a=trap + "import product")
    assert status(result) == {"plain": "measured"}
    assert not list(folder.rglob("imported"))


def test_compiling_counts_for_nothing_where_nothing_compiled_is_kept(probed, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    long = "\n".join(f"def f{number}(): return {number}" for number in range(20_000))
    (folder.parent / "libraries" / "takes_long.py").write_text(f"if not __name__:\n    pass\n{long}\n")
    result = probed(test_a="import takes_long")
    module = next(module for module in result.modules if module.name == "takes_long")
    assert module.status == "measured"
    assert module.bytes < 40 * MB  # compiling takes some 80
    assert not list(tmp_path.glob("memlint-compiled-*"))
    assert not list((folder.parent / "libraries").rglob("*.pyc"))


def test_a_probe_goes_on_where_another_ended(probed, folder, monkeypatch):
    first = probed(test_a="import plain")
    (folder.parent / "libraries" / "plain.py").write_text("raise RuntimeError('measured twice')")
    second = probed(test_b="import needs_display")
    assert status(second) == {"plain": "measured", "needs_display": "measured"}
    assert second.session == first.session
    assert status(probed(again=True))["plain"] == "failed"


def test_a_changed_environment_makes_a_probe_stale(probed, folder, tmp_path, monkeypatch):
    site = tmp_path / "libraries"
    (site / "plain-1.0.dist-info").mkdir()
    probed(test_a="import plain")
    settings = load_settings(folder)
    assert known_footprints(settings).basis.probed
    (site / "plain-1.0.dist-info").rename(site / "plain-1.1.dist-info")
    stale = known_footprints(settings)
    assert (stale.footprints, stale.basis.probed) == (None, False)
    assert "memlint probe" in stale.basis.note


def test_damaged_and_foreign_records_are_as_good_as_none(folder):
    (folder / ".memlint_cache").mkdir()
    for text in ("{", "[]", '{"format": 999, "probes": []}'):
        (folder / ".memlint_cache" / "probe.json").write_text(text)
        assert read_probes(folder / ".memlint_cache") == ()
    assert not known_footprints(load_settings(folder)).basis.probed


def test_no_interpreter_is_said_plainly(folder):
    (folder / "test_a.py").write_text("import json")
    settings = load_settings(folder)
    for python in ("no-such-python", "/bin/true"):
        with pytest.raises(ProbeError, match=python):
            probe(ProbeRequest((), settings, folder, python, Bounds(MB * 300, 60)))
    assert key_of("no-such-python", ()) == ""


def test_the_command_probes_and_the_ranking_says_so(folder, capfd):
    (folder / "test_a.py").write_text("import plain\n\ndef test_a(): pass\n")
    assert cli.run(["probe", "--format", "json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert (answer["schema"], answer["kept_in"]) == ("memlint.probe/1", ".memlint_cache/probe.json")
    assert [module["name"] for module in answer["modules"]] == ["plain"]
    assert latest(folder / ".memlint_cache") is not None
    ranked = {}
    for option in ("--no-cache", "--no-probe"):
        assert cli.run(["rank", "--format", "json", option]) == 0
        ranked[option] = json.loads(capfd.readouterr().out)
    assert ranked["--no-cache"]["imports_from"] == {
        "source": "probe",
        "python": str(Path(sys.executable).absolute()),
        "environment": None,
        "missing": [],
        "unmeasured": [],
    }
    assert ranked["--no-probe"]["imports_from"]["source"] == "shipped"
    with_probe, without = (r["files"][0]["predicted_peak_bytes"]["likely"] for r in ranked.values())
    assert with_probe - without > 10 * MB
    assert cli.run(["probe"]) == 0
    shown = capfd.readouterr().out
    assert "plain" in shown
    assert "an empty pytest session" in shown
    assert "memlint rank" in shown


def test_nothing_to_probe(folder, capfd):
    assert cli.run(["probe"]) == 0
    assert "no test code found" in capfd.readouterr().err
    assert cli.run(["probe", "gone"]) == 2
    assert cli.run(["probe", "--limit", "much"]) == 2


def test_a_kept_result_gives_way_to_a_new_probe(folder, capfd):
    (folder / "test_a.py").write_text("import plain\n\ndef test_a(): pass\n")

    def source() -> str:
        assert cli.run(["rank", "--format", "json"]) == 0
        return json.loads(capfd.readouterr().out)["imports_from"]["source"]

    info = folder.parent / "libraries" / "plain-1.0.dist-info"
    info.mkdir()
    assert [source(), source()] == ["shipped", "shipped"]
    assert cli.run(["probe", "-q"]) == 0
    assert [source(), source()] == ["probe", "probe"]
    info.rename(info.with_name("plain-1.1.dist-info"))
    assert source() == "shipped"
