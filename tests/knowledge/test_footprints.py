"""Footprints: the additive model, its file, and the shipped figures."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from memlint.knowledge.footprints import (
    SESSION,
    FirstUse,
    Footprints,
    FootprintTable,
    Measured,
    Module,
    Probed,
    additive,
    read_footprints,
    shipped_footprints,
    table_as_toml,
)
from memlint.knowledge.toml import BadToml

MB = 1_000_000


def measured(name: str, megabytes: int, *loaded: str) -> Measured:
    return Measured(name, megabytes * MB, frozenset({name, *loaded}), "1.0")


RUNS = [
    measured("numpy", 20, "sys"),
    measured("scipy", 25, "numpy"),
    measured("scipy.stats", 90, "numpy", "scipy", "scipy.special"),
    measured("scipy.special", 40, "numpy", "scipy"),
    measured("pandas", 60, "numpy"),
]


def footprints(*runs: Measured) -> Footprints:
    return Footprints(FootprintTable("3.11", "linux-x86_64", 9 * MB, additive(runs)))


def test_own_bytes_are_what_the_modules_brought_do_not_account_for() -> None:
    own = {name: module.own // MB for name, module in additive(RUNS).items()}
    assert own == {"numpy": 20, "scipy": 5, "scipy.special": 15, "scipy.stats": 50, "pandas": 40}


def test_brings_names_only_the_nearest_measured_modules() -> None:
    modules = additive(RUNS)
    assert modules["scipy.stats"].brings == ("scipy.special",)
    assert modules["scipy.special"].brings == ("scipy",)
    assert modules["numpy"].brings == ()


def test_lone_imports_cost_their_totals() -> None:
    known = footprints(*RUNS)
    assert {run.name: known.footprint([run.name]).bytes for run in RUNS} == {
        run.name: run.bytes for run in RUNS
    }


def test_shared_modules_are_paid_once() -> None:
    known = footprints(*RUNS)
    assert known.footprint(["scipy.stats", "scipy", "numpy"]).bytes == 90 * MB


def test_further_imports_reuse_what_the_largest_has_freed() -> None:
    result = footprints(*RUNS).footprint(["scipy.stats", "pandas"])
    assert 90 * MB < result.bytes < (90 + 40) * MB
    assert result.parts[0][0] == "scipy.stats"
    assert sum(part for _, part in result.parts) == result.bytes


def test_unmeasured_submodules_stand_for_their_package() -> None:
    known = footprints(*RUNS)
    assert known.resolve("scipy.stats._distn_infrastructure.rv_frozen") == "scipy.stats"
    assert known.resolve("scipyextra") is None
    assert known.footprint(["pandas.io.parsers"]).bytes == 60 * MB


def test_unknown_packages_are_named_and_the_standard_library_is_not() -> None:
    result = footprints(*RUNS).footprint(["os.path", "re", "nowhere.sub", "numpy"])
    assert result.unknown == ("nowhere.sub",)
    assert result.bytes == 20 * MB


def test_modules_that_load_each_other_cost_once() -> None:
    known = footprints(measured("a", 10, "b"), measured("b", 10, "a"), measured("c", 12, "a", "b"))
    assert (
        known.footprint(["a"]).bytes
        == known.footprint(["b"]).bytes
        == known.footprint(["a", "b"]).bytes
        == 10 * MB
    )
    assert known.footprint(["c"]).bytes == 12 * MB


def test_own_bytes_are_never_negative() -> None:
    assert additive([measured("big", 10), measured("small", 4, "big")])["small"].own == 0


HERE = FootprintTable("3.13", "linux-x86_64", 8 * MB, {"pandas": Module(70 * MB, 50 * MB, "3.0", ("numpy",))})


def test_overlaid_figures_replace_those_of_their_packages_alone() -> None:
    known = footprints(*RUNS, measured("pandas.io", 65, "pandas", "numpy")).overlaid(HERE, Probed("python"))
    assert known.interpreter == 8 * MB
    assert known.footprint(["pandas"]).bytes == 70 * MB
    assert known.resolve("pandas.io") == "pandas"  # measured there, it came with its package
    assert known.footprint(["scipy.stats"]).bytes == 90 * MB


def test_what_first_uses_cost_is_kept_where_imports_were_probed() -> None:
    table = msgspec.structs.replace(footprints(*RUNS).table, first_use={"pandas": FirstUse(9 * MB)})
    assert Footprints(table).overlaid(HERE, Probed("python")).table.first_use == table.first_use


def test_modules_measured_together_need_no_model() -> None:
    together = ((("pandas", "scipy"), 61 * MB),)
    known = footprints(*RUNS).overlaid(HERE, Probed("python", frozenset({"absent"}), together))
    assert abs(known.footprint(["scipy", "pandas", "numpy"]).bytes - 61 * MB) < 10
    assert known.resolve("absent.part") is None
    assert known.is_missing("absent.part")
    assert not known.is_missing("absentee")


def test_a_written_table_reads_back_the_same(tmp_path: Path) -> None:
    table = msgspec.structs.replace(
        footprints(*RUNS, measured('odd"name', 1)).table,
        first_use={"pandas": FirstUse(9 * MB, "1.0"), "json": FirstUse(2 * MB)},
    )
    path = tmp_path / "footprints.toml"
    path.write_text(table_as_toml(table), encoding="utf-8")
    assert read_footprints(path).table == table


def test_a_table_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "footprints.toml"
    path.write_text(table_as_toml(footprints(*RUNS).table).replace("own =", "owns =", 1), encoding="utf-8")
    with pytest.raises(BadToml, match=r"footprints\.toml"):
        read_footprints(path)


def test_shipped_brings_are_modules_of_the_table() -> None:
    modules = shipped_footprints().table.module
    missing = {name: set(module.brings) - modules.keys() for name, module in modules.items()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_shipped_own_bytes_explain_the_totals() -> None:
    known = shipped_footprints()
    modules = known.table.module
    wrong = [
        name
        for name, module in modules.items()
        if abs(known.footprint([name]).bytes - module.total) > max(3 * MB, 0.08 * module.total)
    ]
    assert len(wrong) <= len(modules) // 100, wrong


def test_shipped_table_knows_what_tests_import() -> None:
    modules = shipped_footprints().table.module
    third_party = [name for name, module in modules.items() if module.version]
    assert len(third_party) >= 150
    wanted = {"numpy", "pandas", "scipy.stats", "torch", "sqlalchemy", "asyncio", "unittest.mock", SESSION}
    assert wanted <= modules.keys()


def test_shipped_grain_tells_submodules_apart() -> None:
    known = shipped_footprints()
    assert known.footprint(["scipy.stats"]).bytes > 1.5 * known.footprint(["scipy.ndimage"]).bytes


def test_measured_sets_that_differ_by_chance_cost_the_same():
    names = ("a", "b", "c")
    table = FootprintTable("3.11", "test", 0, {name: Module(50_000_000, 50_000_000) for name in names})
    sizes = (60_000_000, 60_900_000, 64_000_000)
    probed = Probed(
        "python", together=tuple(((name,), size) for name, size in zip(names, sizes, strict=True))
    )
    known = Footprints(table, probed)
    assert [known.footprint([name]).bytes for name in names] == [60_000_000, 60_000_000, 64_000_000]
