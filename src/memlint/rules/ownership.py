"""Resources left unreleased: MEM3 for fixtures and set-up methods, MEM4 and MEM5 elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint import facts as f
from memlint.analysis.lifetimes import Debt
from memlint.analysis.project import Module
from memlint.analysis.project_resources import RELEASING
from memlint.analysis.suite import Body, ModuleSuite
from memlint.analysis.traverse import calls, says, statements, words
from memlint.analysis.values import ClassValue
from memlint.model import Confidence, Related
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

_RESOURCE_CODES = ("MEM401", "MEM402", "MEM403", "MEM404", "MEM405", "MEM501", "MEM502", "MEM503", "MEM601")
_ENDING_WITH_THE_RUN = frozenset({"MEM403", "MEM601"})  # worker pools and figures
_LETTING_GO = frozenset(
    {
        *RELEASING,
        "cache_clear",
        "empty_cache",
        "clear_session",
        "collect",
        "delattr",
        "rmtree",
        "unlink",
        "dispose_all",
        "close_all",
        "drop_all",
        "clear",
    }
)
_LOWER = {
    Confidence.HIGH: Confidence.MEDIUM,
    Confidence.MEDIUM: Confidence.LOW,
    Confidence.LOW: Confidence.LOW,
}


@rule("MEM301", "MEM303", "MEM305", "MEM306", "MEM307", *_RESOURCE_CODES)
def unreleased_resource(debt: Debt, ctx: Context) -> Iterator[Draft]:
    """One finding for every obligation that a body leaves behind."""
    if debt.verdict == "unreached":
        yield _unreached(debt, debt.body.module, debt.body.symbol)
        return
    code = _code(debt)
    yield Draft(
        code,
        debt.obligation.at,
        _message(debt, code),
        debt.obligation.resource.advice or "",
        _confidence(debt, code, ctx),
        related=tuple(_related(debt)),
    )


@rule("MEM307")
def hidden_teardown(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """A test class whose override, or whose order of bases, keeps an inherited tear-down from running."""
    for cls in suite.classes:
        if ctx.suite.is_test_class(cls):
            shown = set()
            for debt in ctx.lifetimes.hidden(cls):
                shown.add(debt.teardown.name if debt.teardown is not None else "")
                yield _unreached(debt, suite.module, cls.cls.name)
            yield from _mixin_behind(cls, suite, shown, ctx)


def _mixin_behind(cls: ClassValue, suite: ModuleSuite, shown: set[str], ctx: Context) -> Iterator[Draft]:
    """A mixin behind TestCase whose tear-down lets something go: TestCase's own empty method runs in its place."""
    for name, body in ctx.lifetimes.teardowns.behind_test_case(cls):
        owner = body.owner
        if owner is None or name in shown or not _lets_go(body):
            continue
        message = f"TestCase stands before {owner.cls.name} in the bases: its {name}() never runs"
        line = cls.cls.line
        related = (Related(body.module.path, body.function.line, f"{name}() of {owner.cls.name}"),)
        advice = f"Put {owner.cls.name} before TestCase, or call {owner.cls.name}.{name}() in a {name}() of the class."
        yield Draft(
            "MEM307",
            (line, 1, line, 1),
            message,
            advice,
            None,
            related=related,
            module=suite.module,
            symbol=cls.cls.name,
        )
        return


def _lets_go(body: Body) -> bool:
    """Whether a tear-down releases or forgets something."""
    if any(isinstance(s, f.Del) for s, _ in statements(f.body_of(body.function))):
        return True
    return not _LETTING_GO.isdisjoint(words(body.function))


def _unreached(debt: Debt, module: Module, symbol: str) -> Draft:
    blame, teardown = debt.blame, debt.teardown
    assert blame is not None and teardown is not None
    title = debt.obligation.resource.title
    if isinstance(blame, Body):
        line, name, module, symbol = blame.function.line, blame.function.name, blame.module, blame.symbol
        if blame.function is teardown:
            message = f"{name}() would release the {title}, but is no hook here and nothing calls it"
        else:
            message = (
                f"{name}() does not call super(): the {teardown.name}() that releases the {title} never runs"
            )
    elif isinstance(blame, f.Function):
        line = blame.line
        message = f"{blame.name}() would release the {title}, and nothing registers or calls it"
    else:
        line, module, symbol = blame.cls.line, blame.module, blame.cls.name
        message = (
            f"TestCase stands before the mixin whose {teardown.name}() releases the {title}: it never runs"
        )
    held = Related(debt.obligation.site.frame.module.path, debt.obligation.at[0], f"{title} acquired here")
    advice = "Put mixins before TestCase, call super() in every tear-down, register nested functions with addfinalizer."
    return Draft(
        "MEM307", (line, 1, line, 1), message, advice, None, related=(held,), module=module, symbol=symbol
    )


def _code(debt: Debt) -> str:
    resource = debt.obligation.resource
    if debt.verdict in {"unsure", "exposed"}:
        return "MEM305"
    if debt.verdict == "partial":
        return "MEM306" if debt.relative is not None else resource.partial_rule
    if debt.body.role == "setup":
        return "MEM303"
    return "MEM301" if debt.body.role == "fixture" else resource.rule


def _confidence(debt: Debt, code: str, ctx: Context) -> Confidence:
    confidence = Confidence(debt.obligation.resource.confidence)
    in_script = debt.body.role == "helper" and debt.body.function.name in {"main", "_main"}
    if debt.obligation.doubtful and debt.verdict in {"never", "partial"}:
        return Confidence.LOW
    if debt.verdict == "unsure" and debt.obligation.resource.name == "threading.Timer":
        return Confidence.LOW  # it runs out by itself
    if (
        _closed_when_forgotten(debt)
        or _only_unreaped(debt)
        or _within_product(debt)
        or _of_the_whole_process(debt)
        or _lacks_pipes_only(debt)
        or _goes_with_its_process(debt, ctx)
        or _goes_with_its_whole(debt)
    ):
        return Confidence.LOW
    if debt.verdict == "partial" and all(group[0].endswith(".close") for group in debt.missing or ((".",),)):
        return _LOWER[confidence]  # one pipe of several
    if debt.verdict == "exposed" or in_script:  # a script's process ends with its main function
        return Confidence.LOW
    tests = debt.body.role == "test" or debt.body.function.name.startswith("test")  # also those of mixins
    if debt.verdict == "unsure" and debt.fails_only and debt.how == "local" and tests:
        ends = debt.obligation.resource.rule in _ENDING_WITH_THE_RUN or not debt.obligation.skippable
        return Confidence.LOW if ends else _LOWER[confidence]  # only this very test's failure leaves it open
    if debt.verdict in {"unsure", "late"} or debt.obligation.via is not None or debt.how == "factory":
        return _LOWER[confidence] if confidence is Confidence.HIGH or debt.verdict == "late" else confidence
    lasting = code in {"MEM301", "MEM303"} and debt.how != "local"
    if lasting and confidence is Confidence.LOW and debt.obligation.resource.forgotten == "closed":
        return Confidence.MEDIUM  # kept alive beyond the function, so that no reference count closes it
    return confidence


def _goes_with_its_process(debt: Debt, ctx: Context) -> bool:
    """A handle, connection or group of a function that a process of its own runs: ``Process(target=work)``,
    ``mp.spawn(work)``.
    """
    rule = debt.obligation.resource.rule
    if not rule.startswith(("MEM404", "MEM405", "MEM5")) or debt.body.owner is not None:
        return False
    if debt.body.role not in {"helper", "test"}:
        return False
    name = debt.body.function.name
    return any(
        _is_run_by_a_process(node, name)
        for module in ctx.project.mentioning(name)
        for other in ctx.suite.of(module).bodies
        if says(other.function, name)
        for node, _, _ in calls(f.body_of(other.function))
    )


def _is_run_by_a_process(node: f.Call, name: str) -> bool:
    path = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
    last = path.rpartition(".")[2]
    if "spawn" in last:
        return any(arg.value == f.Name(name) for arg in node.args[:1])
    targets = [arg.value for arg in node.args if arg.keyword == "target"]
    return last.endswith("Process") and f.Name(name) in targets


def _closed_when_forgotten(debt: Debt) -> bool:
    """A local file or socket that only a failing test leaves open, or one that is gone with its own statement."""
    obligation = debt.obligation
    if debt.how != "local" or obligation.resource.forgotten != "closed":
        return False
    if obligation.via is not None and obligation.via.frame.module.is_product:
        return True  # who made it keeps no hold of it either
    lasting = debt.body.role in {"fixture", "setup"}  # what is said of these is that they keep something
    if obligation.passing:
        plain = obligation.resource.name == "builtins.file" and obligation.passing != "attribute"
        return lasting or not (plain or obligation.passing == "call")
    return debt.verdict == "unsure"


def _only_unreaped(debt: Debt) -> bool:
    """A child that a failing test leaves killed, not waited for: the next one that is started reaps it."""
    ends = debt.obligation.resource.release
    reaping = bool(debt.missing) and len(ends) > 1 and all(group == tuple(ends[-1]) for group in debt.missing)
    return debt.verdict == "unsure" and debt.fails_only and reaping and debt.obligation.told_to_end


def _of_the_whole_process(debt: Debt) -> bool:
    """``dist_init()``, which joins its process to a group: its callers leave the group, or the process ends."""
    made = debt.obligation.resource.name.startswith("torch.distributed")
    return made and debt.verdict == "never" and debt.body.role == "helper" and debt.how == "local"


def _within_product(debt: Debt) -> bool:
    """A figure or store that the product opens and closes itself: no test can mend the paths on which it does not."""
    via, lasting = debt.obligation.via, debt.obligation.resource.registry
    inside = via is not None and via.frame.module.is_product and lasting
    return inside and debt.verdict == "unsure" and debt.how == "local"


def _goes_with_its_whole(debt: Debt) -> bool:
    """``Client(LocalCluster())``: only the closed client knows the cluster, whose finalizers end its processes."""
    made, whole = debt.obligation, debt.relative
    inside = whole is not None and whole.at[:2] <= made.at[:2] and made.at[2:] <= whole.at[2:]
    return made.resource.finalized and debt.verdict == "partial" and inside


def _lacks_pipes_only(debt: Debt) -> bool:
    """A process that was ended and reaped: its pipes go with the object, and nothing can block on them any more."""
    obligation = debt.obligation
    piped = obligation.resource.name.endswith(":piped")
    return (
        piped
        and debt.verdict in {"partial", "unsure"}
        and obligation.told_to_end
        and all(set(group) <= {*obligation.resource.release[-1], "stdin.close"} for group in debt.missing)
        and bool(debt.missing)
    )


def _message(debt: Debt, code: str) -> str:
    title = debt.obligation.resource.title
    lacking = debt.missing or debt.obligation.resource.release
    missing = " and ".join("/".join(f"{name}()" for name in _shown(group)) for group in lacking)
    if debt.verdict == "unsure":
        return f"the {title} is released on some paths only: an assertion, an early exit or a branch skips {missing}"
    if debt.verdict == "exposed":
        return f"the {title} is released only when nothing before the release raises"
    if debt.verdict == "partial":
        return _partial_message(debt, title, missing)
    if debt.verdict == "late":
        return f"the {title} lives until the interpreter exits: atexit is too late for a test"
    name = debt.body.function.name
    fixture = f"fixture '{name}'" if debt.body.role == "fixture" else f"{name}()"
    holder = {
        "returned": f"{fixture} returns the {title} and nobody releases it",
        "yielded": f"{fixture} yields the {title} and does not release it afterwards",
        "stored": f"the {title} is kept in {debt.place} and never released",
        "factory": f"{fixture} gives away {debt.place}(): nobody releases the {title} that each call makes",
    }.get(debt.how, f"the {title} is never released")
    return f"{holder}: no {missing}"


def _shown(group: Sequence[str]) -> list[str]:
    """The releases of a group that a reader would write."""
    return ([name for name in group if not name.startswith("__")] or list(group))[:3]


def _partial_message(debt: Debt, title: str, missing: str) -> str:
    if debt.relative is not None:
        return f"the {debt.relative.resource.title} is released, the {title} that belongs to it is not: no {missing}"
    if debt.obligation.misdirected:
        return f"killpg() misses the {title}, which leads no group: start it with start_new_session=True, then wait()"
    return f"the {title} is released in part only: {missing} is missing"


def _related(debt: Debt) -> Iterator[Related]:
    via = debt.obligation.via
    if via is not None:
        yield Related(via.frame.module.path, via.line, f"{debt.obligation.resource.title} acquired here")
    for shown in debt.obligation.evidence:
        yield Related(shown.path, shown.line, shown.text)
    if debt.relative is not None:
        yield Related(
            debt.relative.site.frame.module.path, debt.relative.at[0], f"the {debt.relative.resource.title}"
        )
    body: Body = debt.body
    if body.role in {"fixture", "setup"}:
        yield Related(body.module.path, body.function.line, f"{body.role} '{body.function.name}'")
