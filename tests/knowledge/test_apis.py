"""The API tables load, agree with themselves, and name what the libraries really have."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from memlint.knowledge.apis import CallEntry, Makes, Resource, read_api_table, shipped_tables
from memlint.knowledge.toml import BadToml
from memlint.units import parse_bytes

TABLES = shipped_tables()
CALLS = [(table.library, entry) for table in TABLES for entry in table.call]
RESOURCES = [resource for table in TABLES for resource in table.resource]
BY_NAME = {resource.name: resource for resource in RESOURCES}

SIZE_MODELS = (
    "shape",
    "count",
    "range",
    "like",
    "outer",
    "pairs",
    "repeat",
    "sum",
    "dense",
    "file",
    "data",
    "fixed",
)
EFFECTS = ("returns", "load", "makes", "acquire", "workers", "retains", "owner", "combinations")

# What a table calls by another name than Python does: pseudo types that stand for several.
STANDS_FOR = {
    "builtins.file": "io.TextIOWrapper",
    "os.popen.read": "io.TextIOWrapper.read",
    "os.popen.readlines": "io.TextIOWrapper.readlines",
    "multiprocessing.context.BaseContext.Process": "multiprocessing.context.DefaultContext.Process",
    "csv.reader": "builtins.object",
    "tempfile._TemporaryFileWrapper": "tempfile.SpooledTemporaryFile",
    "pandas.io.parsers.TextFileReader": "pandas.io.parsers.readers.TextFileReader",
    "pandas.core.groupby.GroupBy": "pandas.core.groupby.DataFrameGroupBy",
    "scipy.sparse.spmatrix": "scipy.sparse.csr_matrix",
    "pandas.io.json.JsonReader": "pandas.io.json._json.JsonReader",
}

# First and last release of Python that has a name; None is open.
STDLIB_VERSIONS: dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None]] = {
    "asyncio.EventLoop": ((3, 13), None),
    "asyncio.ProactorEventLoop": ((9, 0), None),  # Windows
    "asyncio.Runner": ((3, 11), None),
    "asyncio.Runner.run": ((3, 11), None),
    "asyncio.DefaultEventLoopPolicy.new_event_loop": (None, (3, 15)),
    "builtins.file.readall": ((9, 0), None),  # of binary files only
    "compression.gzip.open": ((3, 14), None),
    "compression.zstd.ZstdFile": ((3, 14), None),
    "compression.zstd.open": ((3, 14), None),
    "concurrent.futures.InterpreterPoolExecutor": ((3, 14), None),
    "contextlib.ExitStack.enter_async_context": ((9, 0), None),
    "contextlib.ExitStack.push_async_callback": ((9, 0), None),
    "contextlib.ExitStack.push_async_exit": ((9, 0), None),
    "dbm.gnu.open": ((9, 0), None),  # where the library is there
    "dbm.ndbm.open": ((9, 0), None),
    "dbm.sqlite3.open": ((3, 13), None),
    "http.server.HTTPSServer": ((3, 14), None),
    "http.server.ThreadingHTTPSServer": ((3, 14), None),
    "itertools.batched": ((3, 12), None),
    "os.process_cpu_count": ((3, 13), None),
    "pathlib.Path.walk": ((3, 12), None),
    "pathlib.WindowsPath": (None, None),
    "sqlite3.Blob": ((3, 11), None),
    "sqlite3.Connection.blobopen": ((3, 11), None),
    "sqlite3.Connection.serialize": ((3, 11), None),
    "tomllib.load": ((3, 11), None),
    "unittest.enterModuleContext": ((3, 11), None),
    "unittest.TestCase.enterClassContext": ((3, 11), None),
    "unittest.TestCase.enterContext": ((3, 11), None),
    "unittest.IsolatedAsyncioTestCase.enterAsyncContext": ((3, 11), None),
    "unittest.mock.ThreadingMock": ((3, 13), None),
}

# Names that newer or older releases of a third-party library have; a table knows them all.
OTHER_RELEASES = {
    "numpy.astype",
    "numpy.chararray",
    "numpy.concat",
    "numpy.core.records",
    "numpy.lib.npyio",
    "numpy.mat",
    "numpy.matlib.empty",
    "numpy.random.RandomState.random",
    "numpy.random.RandomState.random_integers",
    "numpy.random.random_integers",
    "numpy.recfromcsv",
    "numpy.recfromtxt",
    "numpy.row_stack",
    "numpy.ndarray.tostring",
    "pandas.DataFrame.append",
    "pandas.DataFrame.applymap",
    "pandas.DataFrame.map",
    "pandas.DataFrame.sparse.to_coo",
    "pandas.DataFrame.sparse.to_dense",
    "pandas.Series.append",
    "pandas.read_gbq",
    "polars.LazyFrame.fetch",
    "polars.read_csv_batched",
    "scipy.linalg.kron",
    "scipy.misc.face",
    "numpy.core",
    "numpy.core.multiarray",
    "numpy.core.numeric",
    "pandas.util.testing",
    "scipy.sparse.construct",
    "scipy.sparse.coo",
    "scipy.sparse.csc",
    "scipy.sparse.csr",
    "scipy.sparse.lil",
    "tables.openFile",
    "zarr.DBMStore",
    "zarr.DirectoryStore",
    "zarr.LMDBStore",
    "zarr.MemoryStore",
    "zarr.SQLiteStore",
    "zarr.ZipStore",
    "zarr.storage.DBMStore",
    "zarr.storage.LMDBStore",
    "zarr.storage.SQLiteStore",
}


def _all_names() -> Iterator[tuple[str, CallEntry]]:
    """Every name with its entries, without those that ``reexports`` adds."""
    for table in TABLES:
        inner = tuple(f"{module}." for modules in table.reexports.values() for module in modules)
        for entry in table.call:
            for name in entry.names:
                if not name.startswith(inner):
                    yield name, entry


def _operands(makes: Makes) -> list[str]:
    found: list[str] = []
    for key in (*SIZE_MODELS, "times", "dtype", "density"):
        value = getattr(makes, key)
        if key == "fixed" or value is None:
            continue
        found += [value] if isinstance(value, str) else value
    return found


def _used_params(entry: CallEntry) -> set[str]:
    """Every parameter that an effect or a condition of the entry names."""
    used = {condition.param for condition in (*entry.when, *entry.unless)}
    if entry.load and entry.load.source:
        used |= {entry.load.source, *entry.load.bounds}
    if entry.makes:
        used |= {*_operands(entry.makes), *entry.makes.axes.values()}
    if entry.workers and entry.workers.count:
        used.add(entry.workers.count)
    if entry.owner_param:
        used.add(entry.owner_param)
    return used - {"self", "*"}


@cache
def _resolve(name: str) -> Any:
    """Import the longest module prefix of ``name`` and take the rest as attributes; raises LookupError."""
    for pseudo, real in STANDS_FOR.items():
        if name == pseudo or name.startswith(pseudo + "."):
            name = real + name[len(pseudo) :]
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found: Any = importlib.import_module(".".join(parts[:cut]))
                for part in parts[cut:]:
                    found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    raise LookupError(name)


def _exists_here(name: str) -> bool:
    first, last = STDLIB_VERSIONS.get(name, (None, None))
    return not (first and sys.version_info < first) and not (last and sys.version_info[:2] > last)


def _is_stdlib(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def _importable(name: str) -> bool:
    try:
        _resolve(name.split(".")[0])
    except LookupError:
        return False
    return True


def test_every_table_has_content() -> None:
    assert len(TABLES) >= 40
    for table in TABLES:
        assert table.call or table.resource, table.library


def test_unknown_key_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "x.toml"
    path.write_text('library = "x"\n[[call]]\nnames = ["x.y"]\nlode = 1\n')
    with pytest.raises(BadToml, match="lode"):
        read_api_table(path)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_resource_is_complete(resource: Resource) -> None:
    assert resource.title and resource.advice
    assert resource.rule.startswith(("MEM4", "MEM5", "MEM6"))
    assert resource.release and all(resource.release), "a group without methods can never be discharged"
    if resource.bytes:
        assert parse_bytes(resource.bytes) > 0
    assert set(resource.children) <= set(BY_NAME), resource.children


def test_resource_names_are_unique() -> None:
    assert len(BY_NAME) == len(RESOURCES)


def test_acquired_resources_exist_and_are_acquired() -> None:
    acquired = {entry.acquire for _, entry in CALLS if entry.acquire}
    assert acquired - set(BY_NAME) == set()
    assert {name for name in BY_NAME if name not in acquired} == set()


def test_makes_names_one_size_model() -> None:
    for library, entry in CALLS:
        if entry.makes:
            models = [key for key in SIZE_MODELS if getattr(entry.makes, key) is not None]
            sparse_row_only = entry.makes.kind == "sparse" and models == ["shape"]
            assert len(models) == 1 or sparse_row_only, (library, entry.names, models)
            assert (entry.makes.times is not None) == (entry.makes.repeat is not None), entry.names


def test_entries_of_one_name_exclude_each_other() -> None:
    """Two entries of a name that give an effect different values must both depend on arguments."""
    by_name: dict[str, list[CallEntry]] = defaultdict(list)
    for name, entry in _all_names():
        by_name[name].append(entry)
    for name, entries in by_name.items():
        for effect in EFFECTS:
            setting = [entry for entry in entries if getattr(entry, effect) is not None]
            if len({str(getattr(entry, effect)) for entry in setting}) > 1:
                assert all(entry.when or entry.unless for entry in setting), (name, effect)


def test_reexports_give_an_entry_its_inner_names() -> None:
    names = {name for _, entry in CALLS for name in entry.names}
    assert {"pandas.core.frame.DataFrame", "numpy.ma.core.array", "scipy.sparse._csr.csr_matrix"} <= names
    assert "pandas.core.frame.DataFrame.merge" not in names, (
        "methods are found by the type, which is the public one"
    )


def test_reexports_are_the_same_objects() -> None:
    """A module stands in the list only if it holds something of the public one (in the release at hand)."""
    foreign = []
    for table in TABLES:
        for public, modules in table.reexports.items():
            if not _importable(public):
                continue
            lasts = {name.rpartition(".")[2] for name, _ in _all_names() if name.rpartition(".")[0] == public}
            for module in modules:
                shared = [last for last in lasts if _same(f"{public}.{last}", f"{module}.{last}")]
                if not shared and module not in OTHER_RELEASES:
                    foreign.append(module)
    assert not foreign, foreign


def _same(one: str, other: str) -> bool:
    try:
        return _resolve(one) is _resolve(other) or getattr(_resolve(one), "__func__", 1) is getattr(
            _resolve(other), "__func__", 2
        )
    except LookupError:
        return False


def test_no_name_stands_twice_in_an_entry() -> None:
    for _, entry in CALLS:
        assert len(set(entry.names)) == len(entry.names), entry.names
        assert len(set(entry.params)) == len(entry.params), entry.params


def test_standard_library_names_exist() -> None:
    names = {name for name, _ in _all_names() if _is_stdlib(name)}
    missing = []
    for name in sorted(names):
        try:
            _resolve(name)
        except LookupError:
            if _exists_here(name):
                missing.append(name)
    assert not missing, missing


def test_version_table_is_not_stale() -> None:
    names = {name for name, _ in _all_names()} | set(BY_NAME)
    assert set(STDLIB_VERSIONS) - names == set()
    names |= {module for table in TABLES for modules in table.reexports.values() for module in modules}
    assert OTHER_RELEASES - names == set()


THIRD_PARTY = [
    "numpy",
    "pandas",
    "scipy",
    "polars",
    "pyarrow",
    "dask",
    "xarray",
    "h5py",
    "zarr",
    "tables",
    "netCDF4",
    "geopandas",
    "joblib",
    "hypothesis",
    "pytest",
    "distributed",
]


@pytest.mark.parametrize("library", THIRD_PARTY)
def test_third_party_names_exist(library: str) -> None:
    pytest.importorskip(library)
    missing = []
    for name in sorted({name for name, _ in _all_names() if name.split(".")[0] == library}):
        if name.startswith("pytest.fixtures.") or not _has_extra(name):
            continue
        try:
            _resolve(name)
        except LookupError:
            if name not in OTHER_RELEASES:
                missing.append(name)
    assert not missing, missing


def _has_extra(name: str) -> bool:
    """Whether what a bridge to another library (``hypothesis.extra.numpy``) needs is installed."""
    _, bridge, other = name.partition(".extra.")
    return not bridge or _importable(other)


def _signature(name: str) -> list[inspect.Parameter] | None:
    """The parameters of a callable without self, or None where it does not tell."""
    try:
        target = _resolve(name)
        parameters = list(inspect.signature(target).parameters.values())
    except (LookupError, ValueError, TypeError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) and len(parameters) <= 2:
        return None
    if parameters and parameters[0].name in {"self", "$self", "cls"}:
        parameters = parameters[1:]
    return parameters


def _misplaced(name: str, entry: CallEntry) -> list[str]:
    parameters = _signature(name)
    if not parameters:
        return []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    wrong = []
    for param in sorted(_used_params(entry) & set(entry.params)):
        place = entry.params.index(param)
        if param in positional and positional.index(param) != place:
            wrong.append(f"{name}: {param} is parameter {positional.index(param)}, not {place}: {positional}")
        elif param not in positional and place >= len(positional) and not variadic:
            wrong.append(f"{name}: {param} at {place} is beyond {positional}")
    return wrong


# Callables whose signature differs by release, or says less than the documentation.
# An accessor such as ``frame.plot`` takes the keywords of what it calls.
SIGNATURE_DIFFERS = {"numpy.arange", "numpy.ma.arange", "pandas.DataFrame.plot", "pandas.Series.plot"}


def test_parameters_stand_where_the_signature_has_them() -> None:
    wrong = [
        text
        for name, entry in _all_names()
        if name not in SIGNATURE_DIFFERS and _importable(name)
        for text in _misplaced(name, entry)
    ]
    assert not wrong, "\n".join(wrong)


def _newer(name: str) -> frozenset[str]:
    """Parameters that the running Python does not have yet."""
    since = {("ProcessPoolExecutor", "max_tasks_per_child"): (3, 11)}
    return frozenset(
        parameter
        for (call, parameter), version in since.items()
        if name.endswith(call) and sys.version_info < version
    )


def test_keyword_parameters_exist() -> None:
    """A parameter that a condition or bound names, and that is not positional, is one that the call takes."""
    wrong = []
    for name, entry in _all_names():
        parameters = _signature(name) if _importable(name) else None
        if not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters):
            continue
        unknown = _used_params(entry) - set(entry.params) - {p.name for p in parameters} - _newer(name)
        if unknown and name not in SIGNATURE_DIFFERS:
            wrong.append(f"{name}: {sorted(unknown)}")
    assert not wrong, "\n".join(wrong)
