"""MEM105: models and data sets that a test loads whole, or every test anew."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import texts, traverse
from memlint.analysis.expectations import last_name
from memlint.analysis.loads import estimate_in_memory, is_bounded, load_of
from memlint.analysis.sites import Site
from memlint.analysis.sources import Source, source_of
from memlint.analysis.suite import SETUP, Body
from memlint.analysis.values import NONE, UNKNOWN, Choice, text_of
from memlint.knowledge.apis import Load
from memlint.model import Confidence
from memlint.rules.context import Context, Draft, estimate_of
from memlint.rules.fake_networks import answers_itself
from memlint.rules.load import FOR_TESTS
from memlint.rules.once import requesting, runs_of, runs_once, serves_tests
from memlint.rules.registry import rule

_FEW = 3  # names that are spelt one by one
_LIGHT = 10_000_000  # bytes of a model or data set that any test may load for itself
_SAVED = (
    ".onnx",
    ".pt",
    ".pth",
    ".pkl",
    ".joblib",
    ".h5",
    ".keras",
    ".safetensors",
    ".bin",
    ".tflite",
    ".ckpt",
)
_EMPTYING = frozenset(
    {"init_empty_weights", "no_init_weights", "skip_weights_download", "skip_weights_initialize"}
)
# what takes a part of a data set that is read as it is asked for
_TAKING_PART = frozenset({"isel", "sel", "head", "thin", "select", "take"})
_ALTERING = frozenset(
    {"fit", "dispatch_model", "get_peft_model", "merge_and_unload", "resize_token_embeddings", "cpu_offload"}
)
# what only the real weights or rows give, or compares numbers
_RESULTS = frozenset(
    {
        *("encode", "generate", "predict", "similarity", "transcribe", "evaluate", "fit", "train", "Trainer"),
        *("approx", "allclose", "isclose", "assert_close", "assert_allclose", "assertAlmostEqual"),
        *("assert_array_almost_equal", "assert_almost_equal"),
    }
)
_APART = frozenset({"slow", "custom", "integration", "nightly", "manual", "gpu", "large", "network"})
_HOMES = frozenset({"data_home", "cache_dir", "root", "cache", "data_dir", "download_root"})


@rule("MEM105")
def model_load(site: Site, ctx: Context) -> Iterator[Draft]:
    """A model or data set loaded by every test that gets here, or kept for the session."""
    load = load_of(site)
    if (
        load is None
        or load.what not in {"model", "dataset"}
        or ctx.at_collection(site)
        or is_bounded(site, load)
    ):
        return
    source = source_of(site, load, ctx.project.disk)
    if source.known in {"small", "other"} or (source.bytes is not None and source.bytes < _LIGHT):
        return
    if runs_once(ctx.body, ctx) or _is_empty(site, ctx) or (load.what == "dataset" and _is_part(site, ctx)):
        return
    what = texts.as_path(site.args.get(load.source or "", NONE))
    named = f" of '{what.text}'" if what is not None and what.text else ""
    kept = _kept_by_class(ctx)
    if kept and _is_let_go(site, ctx):
        return
    alone = not kept and _is_for_one_test(site, load, ctx)
    how = (
        "stays on its class to the end of the session"
        if kept
        else "is loaded whole for one test"
        if alone
        else "is loaded anew by every test that gets here"
    )
    message = f"{site.name.rpartition('.')[2]}{named}: the {load.what} {how}"
    estimate = estimate_in_memory(load, source)
    weighed = estimate_of(site.result)
    light = weighed is not None and load.what == "dataset" and weighed.likely < _LIGHT
    made_for_it = what is not None and FOR_TESTS.search(what.text or "") is not None
    once = not serves_tests(ctx.body, ctx) or _is_one_a_case(site, load, ctx)
    vague = (
        light
        or made_for_it
        or _is_looked_up(site, load)
        or once
        or _is_forked(ctx)
        or (alone and _needs_it(ctx))
        or _is_changed(ctx)
        or _is_staged(site, load, source, ctx)
    )
    confidence = Confidence.LOW if vague else None
    advice = "Load it once in a session fixture, or use a tiny one."
    if alone:
        advice = "Use a tiny one: the test does not look at what this one computes."
    if kept:
        advice = "Delete it in tearDownClass, or load it in a fixture of the class."
    yield Draft("MEM105", site.at, message, advice, confidence, estimate)


def _is_for_one_test(site: Site, load: Load, ctx: Context) -> bool:
    """Whether one test is all that loads it, or each case loads one of its own: a wider fixture would only keep it
    longer. The same text given to the same loader elsewhere in the module is another load of it.
    """
    body = ctx.body
    if body is None:
        return False
    what, last = site.args.get(load.source or "", NONE), site.name.rpartition(".")[2]
    if isinstance(what, Choice) and _names_case(site, load, ctx):
        return True
    if runs_of(body, ctx) > 1:
        return False
    others = (
        other
        for found in ctx.suite.of(ctx.module).bodies
        if traverse.says(found.function, last)
        for other in ctx.suite.evaluate(found).sites
        if other.name == site.name and other.node is not site.node
    )
    return not any(other.args.get(load.source or "", NONE) == what for other in others)


def _needs_it(ctx: Context) -> bool:
    """Whether the tests that use it look at what its weights or rows give, or are left out of an ordinary run."""
    users = _users(ctx)
    return bool(users) and all(
        not _RESULTS.isdisjoint(traverse.words(user.function))
        or any(mark.name in _APART for mark in ctx.suite.marks(user))
        for user in users
    )


def _is_looked_up(site: Site, load: Load) -> bool:
    """``from_pretrained(MODELS[kind])``: of what a suite has a table or an option for, most are tiny.

    So is a choice of many names, of which most say so themselves.
    """
    what = site.args.get(load.source) if load.what == "model" and load.source is not None else None
    if isinstance(what, Choice):
        tiny = sum(FOR_TESTS.search(text_of(option) or "") is not None for option in what.options)
        return len(what.options) > _FEW and tiny > len(what.options) / 2
    return what is UNKNOWN


def _is_forked(ctx: Context) -> bool:
    """Whether all that use it run in processes of their own (pytest-forked): no fixture can share it."""
    users = _users(ctx)
    return bool(users) and all(any(mark.name == "forked" for mark in ctx.suite.marks(user)) for user in users)


def _users(ctx: Context) -> list[Body]:
    """The tests and fixtures that ask for the fixture at hand; of another body, itself."""
    fixture = ctx.fixture
    return requesting(fixture, ctx) if fixture is not None else [ctx.body] if ctx.body is not None else []


def _is_empty(site: Site, ctx: Context) -> bool:
    """``with init_empty_weights(): ...``: the parameters have shapes and no memory."""
    if ctx.body is None or _EMPTYING.isdisjoint(traverse.words(ctx.body.function)):
        return False
    return any(
        isinstance(manager, f.Call) and last_name(manager.func) in _EMPTYING
        for manager in traverse.managers_around(f.body_of(ctx.body.function), site.node)
    )


def _is_part(site: Site, ctx: Context) -> bool:
    """``open_dataset("air_temperature").isel(time=0)``: no more than that is read."""
    if ctx.body is None or _TAKING_PART.isdisjoint(traverse.words(ctx.body.function)):
        return False
    return any(
        isinstance(node.func, f.Attr)
        and node.func.attr in _TAKING_PART
        and isinstance(node.func.base, f.Call)
        and node.func.base.at == site.at
        for node, _, _ in traverse.calls(f.body_of(ctx.body.function))
    )


def _is_changed(ctx: Context) -> bool:
    """Whether all that use a model train it, or lay it out anew: each needs one of its own."""
    users = _users(ctx)
    return bool(users) and all(not _ALTERING.isdisjoint(traverse.words(user.function)) for user in users)


def _is_one_a_case(site: Site, load: Load, ctx: Context) -> bool:
    """Whether parametrize says what is loaded, and nobody knows which: every case loads one of its own."""
    return site.args.get(load.source or "", UNKNOWN) is UNKNOWN and _names_case(site, load, ctx)


def _names_case(site: Site, load: Load, ctx: Context) -> bool:
    """Whether a parameter of parametrize says what is loaded."""
    body, node = ctx.body, site.node
    if body is None or body.role != "test" or not isinstance(node, f.Call):
        return False
    varied = {name for names, _, _ in ctx.suite.parametrized(body) for name in names}
    given = [arg.value for arg in node.args if arg.keyword in {None, load.source}][:1]
    return any(
        isinstance(part, f.Name) and part.path in varied for value in given for part in traverse.walk(value)
    )


def _kept_by_class(ctx: Context) -> bool:
    """Whether a set-up method of a class loads it: pytest keeps class attributes to the session's end."""
    body = ctx.body
    return (
        body is not None
        and body.role == "setup"
        and body.owner is not None
        and SETUP.get(body.function.name) == "class"
    )


def _is_let_go(site: Site, ctx: Context) -> bool:
    """Whether a tear-down deletes it, or nothing but a name of the set-up method itself holds it."""
    body = ctx.body
    return body is not None and (bool(ctx.lifetimes.teardowns.let_go(body)) or _is_local_to(body, site))


def _is_local_to(body: Body, site: Site) -> bool:
    """Whether a set-up method binds it to a name of its own, and no attribute to that."""
    block = [statement for statement, _ in traverse.statements(f.body_of(body.function))]
    binding = [s for s in block if isinstance(s, f.Assign) and s.value is not None and s.value == site.node]
    names = [target for statement in binding for target in statement.targets]
    if not names or not all(isinstance(name, f.Name) and "." not in name.path for name in names):
        return False
    return not any(
        isinstance(statement, f.Assign)
        and statement.value in names
        and any(isinstance(target, f.Name) and "." in target.path for target in statement.targets)
        for statement in block
    )


def _is_staged(site: Site, load: Load, source: Source, ctx: Context) -> bool:
    """Whether the test seems to lay the data out itself: its own folder, a path it computes, a patched download."""
    if not _HOMES.isdisjoint(site.args) or "storage_options" in site.args or answers_itself(ctx.body):
        return True
    if source.known == "opaque" and load.source is not None and load.source in site.args:
        return True
    path = source.path or ""
    if path.startswith(("./", "../", "/")) and source.bytes is None:
        return True  # no name of a hub: what something has saved there
    if path.endswith(_SAVED) and "://" not in path and source.bytes is None:
        return True  # a file that is not there: what the test has exported
    if "://" in path and FOR_TESTS.search(path):
        return True  # what a project has uploaded for its tests
    params = {param.name for param in ctx.body.function.params} if ctx.body is not None else set()
    return not params.isdisjoint({"monkeypatch", "mocker"})
