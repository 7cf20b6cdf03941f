"""MEM1: data read into memory whole."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import texts, traverse
from memlint.analysis.known_content import is_known, is_reference
from memlint.analysis.loads import estimate_in_memory, is_bounded, is_reduced, load_of
from memlint.analysis.sites import Site
from memlint.analysis.sources import Source, members_read, source_of, weigh
from memlint.analysis.suite import Body
from memlint.analysis.values import (
    NONE,
    Obj,
    Sequence,
    Value,
    text_of,
)
from memlint.knowledge.apis import Load
from memlint.model import Confidence, Estimate
from memlint.rules.context import Context, Draft
from memlint.rules.fake_files import has_fake_files
from memlint.rules.fake_networks import answers_itself
from memlint.rules.once import runs_once
from memlint.rules.registry import rule
from memlint.units import format_bytes

_CODES = {"table": "MEM101", "array": "MEM102", "file": "MEM103", "model": "MEM105", "dataset": "MEM105"}
_WORTH_SAYING = 8_000_000  # bytes in memory; below that a load is no risk, whatever reads it
_MOST_EXPANSION = 6  # that is believed without having looked into the file
_CERTAINLY_LARGE = 40_000_000  # bytes in memory
_OWN_FOLDERS = frozenset({"isolated_filesystem", "tmp_path", "tmpdir", "testdir", "pytester", "cleandir"})
_CHANGING = re.compile(
    r"(?i)chdir|switch_?dir|in_?te?mp|te?mp(?:orary)?_?(?:cwd|workdir|working)|working_?dir"
)
_SETTING = frozenset({"setenv", "putenv", "EnvironmentVarGuard"})
_REMOVING = frozenset({"remove", "unlink", "rename"})
_COMMANDS = frozenset(
    {
        "subprocess.run",
        "subprocess.check_call",
        "subprocess.call",
        "subprocess.check_output",
        "os.system",
        "check_call",
    }
)
# how the names of functions begin that write to a path which they are given
WRITERS = ("to_", "write", "save", "dump", "copy", "urlretrieve")
_SMALL_SUFFIXES = (
    *(
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".ico",
        ".svg",
        ".bmp",
        ".webp",
        ".jp2",
        ".ras",
        ".ppm",
        ".pgm",
        ".tga",
    ),
    *(".key", ".pem", ".crt", ".cer", ".csr", ".pub"),
    *(".cfg", ".conf", ".env", ".ini", ".toml", ".yaml", ".yml"),
    *(".html", ".lock", ".md", ".pid", ".py", ".pyi", ".rst", ".sh"),
)
_SECRET = re.compile(r"/(?:token|secret|passw(?:or)?d|credentials?|namespace|hostname|version)\Z")
_SETTINGS = re.compile(
    r"/(?:config|settings?|options|params|spec|job|manifest|metadata|info|status|credentials?|secrets?)\.json\Z"
)
# a repository's own files, which are small where no large-file store has them
_SERVED_RAW = re.compile(
    r"://(?:raw\.githubusercontent\.com/|gist\.githubusercontent\.com/|github\.com/[^/]+/[^/]+/raw/)"
)
# of an address: an archive, or data
_DATA = re.compile(
    r"(?i)\.(?:zip|tar|t?gz|bz2|xz|zst|7z|rar|whl|iso|img|bin|csv|tsv|parquet|feather|arrow|orc|npy|npz|h5|hdf5|nc|grib2?|"
    r"fits|tiff?|mp[34]|avi|mov|wav|pdf|xlsx?|sql|db|sqlite3?|dump|jsonl|ndjson|pt|pth|ckpt|onnx|safetensors)\b|"
    r"dump|bulk|archive|dataset"
)
FOR_TESTS = re.compile(r"(?i)(?<![a-z])(?:tests?|testing|fixtures?|dummy|tiny)(?![a-z])")
_JOINING = {"pandas.concat", "dask.dataframe.concat", "polars.concat", "numpy.concatenate", "numpy.vstack"}


@rule("MEM101", "MEM102", "MEM103")
def whole_load(site: Site, ctx: Context) -> Iterator[Draft]:
    """A reader of a file that is large, or that nobody can weigh, with nothing that bounds it."""
    load = load_of(site)
    if load is None or load.what in {"model", "dataset"} or ctx.at_collection(site):
        return
    if is_bounded(site, load) or is_reduced(site.receiver) or answers_itself(ctx.body):
        return
    if has_fake_files(ctx.body, ctx):
        return
    yield from _weighed(site, load, source_of(site, load, ctx.project.disk), ctx)


def _weighed(site: Site, load: Load, source: Source, ctx: Context) -> Iterator[Draft]:
    if source.known in {"small", "other"}:
        return
    code = _CODES[load.what]
    reader = short_name(site.name)
    if source.bytes is None:
        if writes_itself(site, source) or is_passing(source, ctx) or is_known(site, source):
            return
        founded = _is_founded(site, load, source, ctx) and not is_reference(site)
        founded = founded and not runs_once(ctx.body, ctx)  # that is MEM302's
        confidence = Confidence.MEDIUM if founded else Confidence.LOW
        message = f"{reader} takes in {source.text} whole, and nothing bounds its size"
        yield Draft(code, site.at, message, _advice(load), confidence)
        return
    if source.bytes <= ctx.option(code, "small-file"):
        return
    estimate = estimate_in_memory(load, source)
    assert estimate is not None
    members = members_read(site, load)
    if members[0] is not site:
        return  # the first of them tells of the file
    what = f"{len(members)} data sets of {source.text}" if len(members) > 1 else source.text
    message = (
        f"{reader} takes in {what} whole: {format_bytes(source.bytes)} on disk, "
        f"about {format_bytes(estimate.likely)} in memory"
    )
    confidence = by_weight(estimate)
    yield Draft(code, site.at, message, _advice(load), confidence, estimate)


def short_name(name: str) -> str:
    """``json.load``, ``read_csv``: the last name, with its module where it says nothing alone."""
    module, _, last = name.rpartition(".")
    if last == "__getitem__":
        return "indexing"
    return last if len(last) > len("load") or not module else f"{module.rpartition('.')[2]}.{last}"


def _is_founded(site: Site, load: Load, source: Source, ctx: Context) -> bool:
    """Whether the code says that a file which nobody can weigh is data from beyond the suite, or much of it.

    Anything else is most often what the test, or what it runs, has made, and small.
    """
    if _small_by_nature(source) or "storage_options" in site.args or _made_on_the_way(source, ctx):
        return False
    if is_at_home(source) and FOR_TESTS.search(source.path or ""):
        return False  # what a project has laid out for its tests
    if is_at_home(source) and (load.what == "file" or _sets_environment(ctx)):
        return False  # nothing is known but that the environment says where it is
    if load.what == "file":
        return source.outside and not (_is_page(source) or _is_own_answer(site, source))
    return source.outside or (source.known == "unknown" and not is_bare(source) and not _lacks(source, ctx))


def _lacks(source: Source, ctx: Context) -> bool:
    """Whether a path leads into a folder that is there: what it lacks is made, or fetched, on the way."""
    path = posixpath.normpath(source.path or "")
    folder = posixpath.dirname(path)
    if not folder or path.startswith(("/", "~", "..")):
        return False
    near = posixpath.join(ctx.module.folder, folder)
    return any(ctx.project.disk.matches(f"{place}/*") for place in (folder, near))


def by_weight(estimate: Estimate, least: int = _WORTH_SAYING) -> Confidence:
    """How much a weighed load is worth saying: an expansion that only a guess says of a small file is no evidence."""
    founded = min(estimate.likely, estimate.low * _MOST_EXPANSION)
    if founded < least:
        return Confidence.LOW
    return Confidence.HIGH if founded >= _CERTAINLY_LARGE else Confidence.MEDIUM


def _made_on_the_way(source: Source, ctx: Context) -> bool:
    """Whether a relative path that is not there may be one that the test makes in a folder it has changed to."""
    if source.path is None or source.path.startswith(("/", "~")) or "://" in source.path or ctx.body is None:
        return False
    words = ctx.body.function.mentions.split()
    params = {param.name for param in ctx.body.function.params}
    for around in ctx.lifetimes.teardowns.fixtures_around(ctx.body):
        words += around.function.mentions.split()
    changes = any(_CHANGING.search(word) is not None or word in _OWN_FOLDERS for word in words)
    return changes or not params.isdisjoint(_OWN_FOLDERS)


def is_bare(source: Source) -> bool:
    """A name without a folder that is not there: a test's working folder holds what the test has made."""
    path = (source.path or "").removeprefix("./")
    return bool(path) and source.bytes is None and not re.search(r"[/\\:~]", path)


def is_at_home(source: Source) -> bool:
    """A path that an environment variable decides: HOME, or one of the suite's own."""
    return source.text == "a path from the environment" or (source.path or "").startswith("~")


def _sets_environment(ctx: Context) -> bool:
    """Whether the test, or what runs around it, sets variables of the environment."""
    if ctx.body is None:
        return False
    return any(map(_sets_variables, (ctx.body, *_beside(ctx.body, ctx))))


def _sets_variables(body: Body) -> bool:
    words = traverse.words(body.function)
    if not _SETTING.isdisjoint(words) or {"environ", "patch"} <= words:
        return True
    targets = (
        target
        for statement, _ in traverse.statements(f.body_of(body.function))
        for target in (statement.targets if isinstance(statement, f.Assign) else ())
    )
    return any(
        isinstance(target, f.Subscript)
        and isinstance(target.base, f.Name)
        and target.base.path.rpartition(".")[2] == "environ"
        for target in targets
    )


def is_passing(source: Source, ctx: Context) -> bool:
    """A relative path that is not there, and that the test writes, removes, or runs a command to make."""
    if ctx.body is None or source.path is None or source.path.startswith(("/", "~")) or "://" in source.path:
        return False
    if any(
        site.name.rpartition(".")[2] in _REMOVING and is_path(site.receiver, source.path)
        for site in ctx.suite.evaluate(ctx.body).sites
    ):
        return True
    frame, names = ctx.suite.evaluate(ctx.body), set()
    for node, _, _ in traverse.calls(f.body_of(ctx.body.function)):
        callee = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
        last = callee.rpartition(".")[2]
        if callee in _COMMANDS:
            return True
        for arg in node.args:
            path = texts.as_path(ctx.suite.evaluator.quiet_eval(arg.value, frame))
            if path is None or path.text is None:
                continue
            if (last in _REMOVING or last == "rmtree" or last.startswith(WRITERS)) and _is_there(
                posixpath.normpath(source.path), posixpath.normpath(path.text)
            ):
                return True
            if not is_path(path, source.path):
                continue
            if isinstance(arg.value, f.Name):
                names.add(arg.value.path.rpartition(".")[2])
    beside = _beside(ctx.body, ctx)
    if any(
        not _REMOVING.isdisjoint(words) and not names.isdisjoint(words)
        for words in (traverse.words(body.function) for body in beside)
    ):
        return True
    before = (body for body in beside if body.role in {"setup", "fixture"})
    return any(_writes(site, source.path) for body in before for site in ctx.suite.evaluate(body).sites)


def is_path(value: Value, text: str) -> bool:
    """Whether a value is this path, however it is spelt."""
    path = texts.as_path(value)
    return (
        path is not None
        and path.text is not None
        and posixpath.normpath(path.text) == posixpath.normpath(text)
    )


def _beside(body: Body, ctx: Context) -> list[Body]:
    """The fixtures around a body, and the other methods of its class."""
    around = ctx.lifetimes.teardowns.fixtures_around(body)
    if body.owner is None:
        return around
    bodies = ctx.suite.of(body.module).bodies
    return around + [x for x in bodies if x.owner is not None and x.owner.cls is body.owner.cls]


def _is_page(source: Source) -> bool:
    """An address of the network that names no archive or data: the page or the answer of a service."""
    path = source.path or ""
    return (not path or path.startswith("http")) and not _DATA.search(path)


def _is_own_answer(site: Site, source: Source) -> bool:
    """``client.get("/orders").text``: a path without a host is answered by the application under test."""
    of_response = site.name.rpartition(".")[0].endswith("Response")
    return of_response and source.path is not None and "://" not in source.path


def _small_by_nature(source: Source) -> bool:
    """A picture, a key, a configuration, a script: what nobody can weigh is small all the same.

    A file that a repository serves raw is one of those that it holds, which are seldom data in bulk.
    """
    path = (source.path or "").lower()
    patterns = (_SECRET, _SETTINGS, _SERVED_RAW)
    return path.endswith(_SMALL_SUFFIXES) or any(pattern.search(path) for pattern in patterns)


def writes_itself(site: Site, source: Source) -> bool:
    """Whether the same body writes a file of that name before it reads it."""
    path = source.path
    return path is not None and any(
        other.line < site.line and _writes(other, path) for other in site.frame.sites
    )


def _writes(site: Site, path: str) -> bool:
    """Whether a call opens a path to write to it, or is named like one that writes, and given the path."""
    mode = text_of(site.args.get("mode", NONE)) or ""
    if mode[:1] not in {"w", "x", "a"} and not site.name.rpartition(".")[2].startswith(WRITERS):
        return False
    starred = site.args.get("*")
    given = starred.items if isinstance(starred, Sequence) and starred.items is not None else ()
    named = (texts.as_path(value) for value in (site.receiver, *site.args.values(), *given))
    return any(one is not None and one.text is not None and _is_there(path, one.text) for one in named)


def _is_there(path: str, written: str) -> bool:
    """Whether a path is one that was written to, or lies in a folder that was."""
    return path == written or (bool(written) and path.startswith(f"{written.rstrip('/')}/"))


def _advice(load: Load) -> str:
    if load.bounds:
        return f"Bound it ({', '.join(load.bounds[:3])}), or let the test write a small file into tmp_path."
    return "Let the test write a small file into tmp_path, or read it piece by piece."


@rule("MEM101")
def rejoined_chunks(site: Site, ctx: Context) -> Iterator[Draft]:
    """``pd.concat(pd.read_csv(..., chunksize=n))``: reading in pieces bounds nothing when the pieces are kept."""
    if site.name not in _JOINING or site.mocked:
        return
    starred = site.args.get("*")
    joined = starred.items[0] if isinstance(starred, Sequence) and starred.items else NONE
    if not isinstance(joined, Obj) or joined.origin is None:
        return
    reader: Site = joined.origin
    if not any(entry.unbounded and entry.lazy for entry in reader.entries):
        return
    if reader.args.get("nrows", NONE) != NONE:
        return
    named = texts.as_path(reader.args.get("filepath_or_buffer", NONE)) or NONE
    source = weigh(named, reader.frame.module, ctx.project.disk)
    if source.known == "unknown" or (source.bytes or 0) > ctx.option("MEM101", "small-file"):
        message = f"the chunks of {source.text} are joined again: the whole file is in memory after all"
        yield Draft(
            "MEM101", reader.at, message, "Reduce each chunk before the next one is read.", Confidence.MEDIUM
        )
