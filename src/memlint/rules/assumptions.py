"""How sure a finding about a resource is: what it takes for granted, and what is left where it takes nothing so.

A finding is shown at level ``ci`` only when all that it says stands in code that was read. ``_RESTS_ON`` names, one by
one, what else it may rest on; one that holds sends the finding to level ``audit``, and the message says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.declarations import is_plain_decorator
from memlint.analysis.expectations import last_name, last_part
from memlint.analysis.lifetimes import Debt
from memlint.analysis.processes import runs_elsewhere
from memlint.analysis.project_resources import RELEASING
from memlint.analysis.running import is_asked_for, is_named, is_of_a_program, said_at_import
from memlint.analysis.sources import is_null_device
from memlint.analysis.traverse import calls, says, statements, walk, words
from memlint.analysis.users import all_switch_off, is_option_left_off
from memlint.analysis.values import NONE, Obj, Ref, text_of
from memlint.model import Confidence
from memlint.rules.context import Context
from memlint.rules.fake_files import has_fake_files
from memlint.rules.fake_networks import is_answered

_ENDING_WITH_THE_RUN = frozenset({"MEM403", "MEM601"})  # worker pools and figures
_ENDING_WITH_THE_LOOP = frozenset({"asyncio.Server"})  # only their loop has hold of them
_REMOVED_WHEN_DROPPED = "tempfile.TemporaryDirectory"  # by a finalizer, with a warning
_CHILDREN = ("subprocess.Popen", "multiprocessing.Process")
_HOOKS_AT_THE_END = frozenset({"pytest_sessionfinish", "pytest_unconfigure"})
_STOPPING = frozenset(RELEASING)
_ASKING = frozenset({"is_alive", "poll"})  # of a child: both reap one that has ended
_OPEN_ALREADY = frozenset(
    {"is_initialized", "getActiveSession", "get_runtime_context"}
)  # of what a process has once
# libraries whose functions make no figure; pyplot's own are seen to
_NOT_DRAWING = frozenset(
    {"builtins", "numpy", "pytest", "matplotlib", "math", "os", "pathlib", "datetime", "random"}
)
_LOWER = {
    Confidence.HIGH: Confidence.MEDIUM,
    Confidence.MEDIUM: Confidence.LOW,
    Confidence.LOW: Confidence.LOW,
}
# of those that are noted while a body runs the ones that matter only where nothing is released at all
_OF_WHAT_IS_NEVER_RELEASED = frozenset({Assumption.ACQUIRES, Assumption.GOES_ON})


def confidence_of(debt: Debt, code: str, ctx: Context) -> Confidence:
    """How sure the finding is."""
    if next(assumptions(debt, ctx), None) is not None:
        return Confidence.LOW
    confidence = Confidence(debt.obligation.resource.confidence)
    if _lacks_a_pipe(debt) or _left_by_its_failing_test(debt) or debt.verdict == "late":
        return _LOWER[confidence]
    followed = debt.obligation.via is not None or debt.how == "factory"
    if confidence is Confidence.HIGH and (debt.verdict == "unsure" or followed):
        return Confidence.MEDIUM
    kept = code in {"MEM301", "MEM303"} and debt.how != "local" and not debt.obligation.inferred
    if kept and confidence is Confidence.LOW and debt.obligation.resource.forgotten == "closed":
        return Confidence.MEDIUM  # beyond the function, so that no reference count closes it
    return confidence


def taken_for_granted(debt: Debt, ctx: Context) -> str:
    """What a message adds about the assumptions of its finding; "" when it has none."""
    texts = [assumption.value for assumption in assumptions(debt, ctx)]
    return f" (taken for granted: {'; '.join(texts)})" if texts else ""


def assumptions(debt: Debt, ctx: Context) -> Iterator[Assumption]:
    """What a finding takes for granted."""
    for assumption in Assumption:
        if assumption in debt.obligation.assumed:
            if debt.verdict in {"never", "partial"} or assumption not in _OF_WHAT_IS_NEVER_RELEASED:
                yield assumption
        elif assumption in _RESTS_ON and _RESTS_ON[assumption](debt, ctx):
            yield assumption


# --- what a debt rests on ---------------------------------------------------------------------------------------------


def _left_by_its_failing_test(debt: Debt) -> bool:
    """Released wherever the test ends well: only its own failure leaves it. Test methods of mixins count."""
    is_test = debt.body.role == "test" or debt.body.function.name.startswith("test")
    return is_test and debt.verdict == "unsure" and debt.fails_only and debt.how == "local"


def _is_gone_when_forgotten(debt: Debt, ctx: Context) -> bool:
    """What some paths do not release, and what no process, thread or registry keeps once it is forgotten."""
    if _is_ended_by_its_finalizer(debt) or _is_let_go(debt, ctx):
        return True
    if debt.verdict != "unsure" or debt.fails_always:
        return False
    resource = debt.obligation.resource
    if not resource.outlives or (resource.name in _ENDING_WITH_THE_LOOP and debt.how == "local"):
        return True
    ends = resource.rule in _ENDING_WITH_THE_RUN or not debt.obligation.skippable
    return ends and _left_by_its_failing_test(debt)


def _is_let_go(debt: Debt, ctx: Context) -> bool:
    """A file of a set-up that the tear-down lets go of: ``cls.file = None``, ``del self.file``."""
    closes = debt.obligation.resource.forgotten == "closed"
    if not closes or debt.body.role != "setup" or debt.body.owner is None:
        return False
    return debt.place.rpartition(".")[2] in ctx.lifetimes.teardowns.let_go(debt.body)


def _is_ended_by_its_finalizer(debt: Debt) -> bool:
    """``manager = multiprocessing.Manager()`` of one function, which ends its process with the last reference to it."""
    resource = debt.obligation.resource
    ends = resource.finalized and resource.forgotten == "closed"
    return ends and debt.how == "local" and debt.verdict == "never"


def _is_gone_with_its_statement(debt: Debt, ctx: Context) -> bool:
    """A file or socket that nobody keeps, or that the product's code has made and keeps no hold of."""
    obligation = debt.obligation
    if (
        debt.how == "local"
        and obligation.passing in {"dropped", "attribute"}
        and obligation.resource.name == _REMOVED_WHEN_DROPPED
    ):
        return True
    if debt.how == "local" and obligation.resource.finalized and obligation.passing == "call":
        return True  # only what the call gives has hold of it
    if debt.how != "local" or obligation.resource.forgotten != "closed":
        return False
    if obligation.via is not None and obligation.via.frame.module.is_product:
        return True
    if not obligation.passing:
        return debt.body.role == "setup" and debt.verdict == "never"  # whose names end with it
    if debt.body.role in {"fixture", "setup"} and not is_dropped_at_once(debt):
        return True  # what is said of these is that they keep something
    plain = obligation.resource.name == "builtins.file" and obligation.passing != "attribute"
    return not (plain or obligation.passing == "call")


def is_dropped_at_once(debt: Debt) -> bool:
    """A plain file that nothing keeps: ``json.dump(data, open(path, "w"))``. No fixture or set-up method holds it."""
    obligation = debt.obligation
    return (
        debt.how == "local" and obligation.passing == "call" and obligation.resource.name == "builtins.file"
    )


def _is_committed(debt: Debt, ctx: Context) -> bool:
    """A session of one test whose last act is ``session.commit()``, which gives its connection back."""
    made = debt.obligation
    if made.resource.name != "sqlalchemy.orm.Session" or debt.how != "local" or debt.body.role != "test":
        return False
    block = f.body_of(debt.body.function)
    holders = {
        target.path
        for statement, _ in statements(block)
        if isinstance(statement, f.Assign) and getattr(statement.value, "at", None) == made.at
        for target in statement.targets
        if isinstance(target, f.Name)
    }
    used = [
        node.func.path.rpartition(".")
        for node, _, _ in calls(block)
        if isinstance(node.func, f.Name) and node.func.path.partition(".")[0] in holders
    ]
    return bool(used) and used[-1][2] in {"commit", "rollback"}


def _is_null_device(debt: Debt, ctx: Context) -> bool:
    """``sink = open(os.devnull, "w")``, which no buffer and no file on disk stands behind."""
    made = debt.obligation
    plain = made.resource.name == "builtins.file"
    return plain and any(map(is_null_device, made.site.args.values()))


def _is_inferred(debt: Debt, ctx: Context) -> bool:
    """What only the reading of a class, or of names, tells to be a resource: half a release, or within one test.

    A test that leaves its own connection is often about how one ends: refused, lost, or shut by the other side.
    """
    made = debt.obligation
    if made.inferred and (debt.verdict in {"unsure", "partial"} or _is_of_one_function(debt)):
        return True
    return made.resource.rule == "MEM601" and _is_saved_by_pytests_own(debt, ctx)


def _is_saved_by_pytests_own(debt: Debt, ctx: Context) -> bool:
    """``pytest.savefig()``, a function that a conftest gives that name, and that closes figures."""
    called = {
        node.func.path
        for node, _, _ in calls(f.body_of(debt.body.function))
        if isinstance(node.func, f.Name) and node.func.path.startswith("pytest.")
    }
    return any(
        isinstance(target, f.Name) and target.path in called and "close" in words(body.function)
        for conftest in ctx.suite.conftests(debt.body.module)
        for body in ctx.suite.of(conftest).bodies
        for statement, _ in statements(f.body_of(body.function))
        if isinstance(statement, f.Assign)
        for target in statement.targets
    )


def _is_of_one_function(debt: Debt) -> bool:
    """What an object of the project's own opens, where nothing but one function has hold of the object.

    Of all that was read in public suites, methods that connect, files in objects, and servers and loops in objects
    (what runs on by itself aside) were right in less than one of four: ``client.connect()`` where the test is about
    the end of a connection, an application whose server never runs.
    """
    resource = debt.obligation.resource
    if debt.how != "local" or debt.obligation.paired:
        return False
    if debt.body.role == "test" and resource.rule == "MEM503":
        return resource.forgotten == "closed"
    return resource.rule == "MEM404" and resource.forgotten != "kept"


def _only_a_failing_call_skips_it(debt: Debt, ctx: Context) -> bool:
    return debt.verdict == "exposed"


def _runs_out(debt: Debt, ctx: Context) -> bool:
    """A timer; or a process of which a loop, here or in a method of the same class, asks until it has ended."""
    name = debt.obligation.resource.name
    if debt.verdict == "unsure" and name == "threading.Timer":
        return True
    if debt.verdict == "unsure" or not name.startswith(_CHILDREN):
        return False
    body = debt.body
    beside = (
        ctx.lifetimes.teardowns.methods(body.owner) if body.owner is not None and body.role != "test" else ()
    )
    return any(map(_asks_in_a_loop, (body.function, *(method.function for method in beside))))


def _asks_in_a_loop(function: f.Function) -> bool:
    """``while any(p.is_alive() for p in processes): sleep(1)``: asking whether a child has ended reaps it."""
    if _ASKING.isdisjoint(words(function)):
        return False
    return any(
        _asks(node) and any(map(_goes_on_until, (*around, statement)))
        for node, statement, around in calls(f.body_of(function))
    )


def _goes_on_until(statement: f.Stmt) -> bool:
    """A while loop, and a for loop that something ends early."""
    if not isinstance(statement, f.For):
        return isinstance(statement, f.While)
    return any(isinstance(inner, f.Jump) and inner.kind == "break" for inner, _ in statements(statement.body))


def _asks(node: f.Call) -> bool:
    return last_part(node.func) in _ASKING


def _is_only_unreaped(debt: Debt, ctx: Context) -> bool:
    """A child that has ended, or that a failing test leaves killed: the next one that is started reaps it."""
    ends = debt.obligation.resource.release
    if debt.obligation.read_out and debt.verdict in {"partial", "unsure"} and debt.missing:
        return all(group[0] == "wait" for group in debt.missing)
    reaping = bool(debt.missing) and len(ends) > 1 and all(group == tuple(ends[-1]) for group in debt.missing)
    return debt.verdict == "unsure" and debt.fails_only and reaping and debt.obligation.told_to_end


def _is_the_products(debt: Debt, ctx: Context) -> bool:
    """A figure or store that the product opens and closes itself: no test can mend the paths on which it does not."""
    via, lasting = debt.obligation.via, debt.obligation.resource.registry
    inside = via is not None and via.frame.module.is_product and lasting
    return inside and debt.verdict == "unsure" and debt.how == "local"


def _is_another_processs(debt: Debt, ctx: Context) -> bool:
    """A handle, connection or group of a function that a process of its own runs."""
    rule = debt.obligation.resource.rule
    return rule.startswith(("MEM404", "MEM405", "MEM5")) and runs_elsewhere(debt.body, ctx.suite)


def _is_shown_in_a_branch(debt: Debt, ctx: Context) -> bool:
    """``if err > 0.05: plt.plot(data); plt.show()``: for whoever looks into a failure, or asks for pictures."""
    made = debt.obligation
    if not made.resource.registry or made.via is not None:
        return False
    branches = (
        branch
        for statement, _ in statements(f.body_of(debt.body.function))
        if isinstance(statement, f.If)
        for branch in (statement.body, statement.orelse)
    )
    for branch in branches:
        called = [node for node, _, _ in calls(branch)]
        if any(node.at == made.at for node in called):
            return any(last_name(node.func) == "show" for node in called)
    return False


def _is_of_the_whole_process(debt: Debt, ctx: Context) -> bool:
    """``dist_init()``, which joins its process to a group: its callers leave the group, or the process ends."""
    made = debt.obligation.resource.name.startswith("torch.distributed")
    return made and debt.verdict == "never" and debt.how == "local" and _is_left_by_others(debt, ctx)


def _is_left_by_others(debt: Debt, ctx: Context) -> bool:
    """Whether it is a helper that joins, or whether a base class of the test, which may run it elsewhere, leaves."""
    body = debt.body
    if body.role == "helper" or body.owner is None:
        return body.role == "helper"
    names = {name for group in debt.obligation.resource.release for name in group}
    methods = ctx.lifetimes.teardowns.methods(body.owner)
    return any(not names.isdisjoint(words(method.function)) for method in methods if method is not body)


def _is_of_a_main_function(debt: Debt, ctx: Context) -> bool:
    """``def main():``, and what only ``if __name__ == "__main__":`` leads to: they end with their process."""
    is_main = debt.body.role == "helper" and debt.body.function.name in {"main", "_main"}
    return is_main or is_of_a_program(ctx.suite, debt.body)


def _lacks_pipes_only(debt: Debt, ctx: Context) -> bool:
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


def _lacks_a_pipe(debt: Debt) -> bool:
    """One pipe of several is left, or the pipes of a process that has ended by itself."""
    missing = debt.missing or ((".",),)
    return debt.verdict == "partial" and all(group[0].endswith(".close") for group in missing)


def _goes_with_its_whole(debt: Debt, ctx: Context) -> bool:
    """``Client(LocalCluster())``: only the closed client knows the cluster, whose finalizers end its processes."""
    made, whole = debt.obligation, debt.relative
    inside = whole is not None and whole.at[:2] <= made.at[:2] and made.at[2:] <= whole.at[2:]
    return made.resource.finalized and debt.verdict == "partial" and inside


def _is_answered_here(debt: Debt, ctx: Context) -> bool:
    """A client or a response in a module that has requests answered from memory: vcr, httpretty, respx."""
    return is_answered(debt.obligation.resource.name, debt.body)


def _is_the_plugins(debt: Debt, ctx: Context) -> bool:
    """The fixture ``event_loop``, of which pytest-asyncio closes what it gives; the loop that a hook sets for all."""
    loop = debt.obligation.resource.name == "asyncio.AbstractEventLoop"
    given = debt.body.role == "fixture" and debt.body.function.name == "event_loop"
    return loop and (given or debt.body.role == "hook")


def _is_told_by_a_hook(debt: Debt, ctx: Context) -> bool:
    """A thread or process that a hook starts for the session, where a hook at its end stops something."""
    body = debt.body
    if body.role != "hook" or not debt.obligation.resource.rule.startswith("MEM4"):
        return False
    ends = (other for other in ctx.suite.of(body.module).bodies if other.function.name in _HOOKS_AT_THE_END)
    return any(not _STOPPING.isdisjoint(words(other.function)) for other in ends)


def _is_over_anothers(debt: Debt, ctx: Context) -> bool:
    """``DB(self.storage)`` of a storage that another function has opened: closing that is all there is to close."""
    site = debt.obligation.site
    beneath = site.args.get(debt.obligation.resource.over or "", NONE)
    if beneath == NONE or text_of(beneath) is not None:
        return False
    made = beneath.origin if isinstance(beneath, Obj) else None
    return made is None or made.frame is not site.frame


def _is_drawn_otherwise(debt: Debt, ctx: Context) -> bool:
    """``df.plot()`` in a module that sets ``pandas.options.plotting.backend``, or takes a fixture that is named so."""
    if not debt.obligation.site.name.startswith("pandas."):
        return False
    said = words(ctx.suite.of(debt.body.module).module.facts)
    asked = {param.name for param in debt.body.function.params}
    if {"plotting", "backend"} <= said or "plotting_backend" in said | asked:
        return True
    return "set_option" in said and any(
        last_part(node.func) == "set_option" and _names_a_backend(node)
        for body in ctx.suite.of(debt.body.module).bodies
        if says(body.function, "set_option")
        for node, _, _ in calls(f.body_of(body.function))
    )


def _names_a_backend(node: f.Call) -> bool:
    """``pd.set_option("plotting.backend", "plotly")``."""
    texts = [arg.value.value if isinstance(arg.value, f.Text) else "" for arg in node.args[:2]]
    return len(texts) > 1 and texts[0].endswith("plotting.backend") and texts[1] != "matplotlib"


def _may_be_there(debt: Debt, ctx: Context) -> bool:
    """``plt.gca()`` after code of the project, or of another library, that may have made the figure which it gives."""
    made = debt.obligation
    if made.site.name != "matplotlib.pyplot.gca" or made.via is not None:
        return False
    return any(
        node.at[0] < made.at[0] and _may_draw(node.func, debt, ctx)
        for node, _, _ in calls(f.body_of(debt.body.function))
    )


def _may_draw(called: f.Expr, debt: Debt, ctx: Context) -> bool:
    value = ctx.suite.evaluator.quiet_eval(called, debt.obligation.site.frame)
    return not isinstance(value, Ref) or value.name.partition(".")[0] not in _NOT_DRAWING


def _asks_for_what_is_open(debt: Debt, ctx: Context) -> bool:
    """``SparkSession.builder.getOrCreate()`` in a test, which takes what there is, whatever it asks for.

    That is, where a module of the suite opens one as it is imported, itself or by a function that it calls.
    """
    site = debt.obligation.via or debt.obligation.site
    if _opens_where_none_is(debt, ctx):
        return True
    takes = isinstance(site.node, f.Call) and last_part(site.node.func) == "getOrCreate"
    if _is_the_conftests(debt, ctx):
        return True
    if takes and _asks_for_nothing(site.node) and _is_opened_by_a_fixture(debt, ctx):
        return True
    if not takes or debt.body.role in {"fixture", "setup"}:
        return False
    modules = ctx.project.mentioning("getOrCreate")
    openers = {
        body.function.name
        for module in modules
        for body in ctx.suite.of(module).bodies
        if body.owner is None and body.role == "helper" and says(body.function, "getOrCreate")
    }
    return any(
        module.linted and word in said_at_import(ctx.suite, module)
        for word in sorted({"getOrCreate", *openers})
        for module in ctx.project.mentioning(word)
    )


def _asks_for_nothing(node: f.Node) -> bool:
    """``SparkSession.builder.getOrCreate()``: any session will do, whatever its name and its settings."""
    return isinstance(node, f.Call) and isinstance(node.func, f.Name) and ".builder." in node.func.path


def _is_the_conftests(debt: Debt, ctx: Context) -> bool:
    """Whether a conftest above opens the session by the same function of the product, and stops one."""
    made, called = debt.obligation.via, debt.obligation.site.node
    if made is None or not made.name.endswith(".getOrCreate") or not isinstance(called, f.Call):
        return False
    said = {last_part(called.func), "stop"}
    return any(said <= words(conftest.facts) for conftest in ctx.suite.conftests(debt.body.module))


def _is_opened_by_a_fixture(debt: Debt, ctx: Context) -> bool:
    """Whether another fixture of the module, of its conftest modules, or of a plugin, opens one before."""
    suite = ctx.suite
    if any(
        "spark" in param.name for body in suite.of(debt.body.module).bodies for param in body.function.params
    ):
        return True
    near = [debt.body.module, *suite.conftests(debt.body.module)]
    fixtures = [fixture for module in near for fixture in suite.of(module).fixtures.values()]
    return any(
        site.name.rpartition(".")[2] == "getOrCreate" and "stop" in words(fixture.body.function)
        for fixture in fixtures
        if fixture.body is not debt.body
        for one in suite.evaluate(fixture.body).sites
        for site in (one, *one.inner)
    )


def _opens_where_none_is(debt: Debt, ctx: Context) -> bool:
    """``if not ray.is_initialized(): ray.init()`` of the product, which tests call in a module whose fixtures or
    set-up methods open one before.
    """
    site = debt.obligation.via
    if site is None or site.frame.function is None or not site.frame.module.is_product:
        return False
    guarded = any(
        node.at == site.at
        and any(isinstance(outer, f.If) and _asks_whether_open(outer.test) for outer in around)
        for node, _, around in calls(f.body_of(site.frame.function))
    )
    opening = set(site.name.split("."))
    return guarded and any(
        body.role in {"fixture", "setup"} and opening <= words(body.function)
        for body in ctx.suite.of(debt.body.module).bodies
    )


def _asks_whether_open(test: f.Expr) -> bool:
    return any(isinstance(node, f.Call) and last_part(node.func) in _OPEN_ALREADY for node in walk(test))


def _is_only_given_away(debt: Debt, ctx: Context) -> bool:
    """What no path releases, and some give to code that may keep it: of the others too nobody can say."""
    return debt.verdict == "unsure" and debt.how == "local" and debt.given_only


def _is_of_a_fixture_for_none(debt: Debt, ctx: Context) -> bool:
    """What a fixture opens that no test of the suite asks for."""
    fixture = ctx.within(debt.body).fixture if debt.body.role == "fixture" else None
    return fixture is not None and not is_asked_for(ctx.suite, fixture)


def _is_drawn_for_a_framework(debt: Debt, ctx: Context) -> bool:
    """``@render.plot``: a function that draws for whoever its decorator gives it to, and who shows the figure."""
    if debt.obligation.resource.rule != "MEM601" or debt.body.role != "helper":
        return False
    decorators = (d.func if isinstance(d, f.Call) else d for d, _ in debt.body.function.decorators)
    return any(isinstance(d, f.Name) and not is_plain_decorator(d.path) for d in decorators)


def _is_of_a_function_for_none(debt: Debt, ctx: Context) -> bool:
    """What a helper opens, or a method of a class, that nothing of the suite names."""
    return not is_named(ctx.suite, debt.body)


def _is_switched_off(debt: Debt, ctx: Context) -> bool:
    """What a helper, or an object, opens where it is asked to, which no caller does."""
    via = debt.obligation.via
    if via is not None and is_option_left_off(via, debt.body, ctx.suite):
        return True
    return all_switch_off(debt.body, (debt.obligation.via or debt.obligation.site).at, ctx.suite)


def _is_read_to_its_end(debt: Debt, ctx: Context) -> bool:
    """``http.client``'s connection of which the answer is read: one that says ``Connection: close``, as those of
    ``http.server`` and of development servers do, has closed it then.
    """
    plain = debt.obligation.resource.name.startswith("http.client.HTTP") and debt.how == "local"
    return plain and {"getresponse", "read"} <= words(debt.body.function)


def _is_in_memory(debt: Debt, ctx: Context) -> bool:
    """A file of a test whose file system pyfakefs makes."""
    files = debt.obligation.resource.name == "builtins.file" or debt.obligation.site.name.startswith(
        "tempfile."
    )
    return files and has_fake_files(debt.body, ctx)


_RESTS_ON: dict[Assumption, Callable[[Debt, Context], bool]] = {
    Assumption.OUTLIVES: _is_gone_when_forgotten,
    Assumption.HELD: _is_gone_with_its_statement,
    Assumption.HOLDS_SOMETHING: _is_null_device,
    Assumption.GOES_ON_AFTER_COMMIT: _is_committed,
    Assumption.UNDERSTOOD: _is_inferred,
    Assumption.CALL_FAILS: _only_a_failing_call_skips_it,
    Assumption.OUTLASTS: _runs_out,
    Assumption.UNREAPED: _is_only_unreaped,
    Assumption.PRODUCT_LEAVES: _is_the_products,
    Assumption.LOOKED_AT: _is_shown_in_a_branch,
    Assumption.OWN_PROCESS: _is_another_processs,
    Assumption.SESSION_PROCESS: _is_of_the_whole_process,
    Assumption.GOES_ON_AFTER_MAIN: _is_of_a_main_function,
    Assumption.PIPES_HOLD: _lacks_pipes_only,
    Assumption.UNFINALIZED: _goes_with_its_whole,
    Assumption.PLUGIN_LEAVES: _is_the_plugins,
    Assumption.GOES_ON: _is_told_by_a_hook,
    Assumption.BENEATH_STAYS: _is_over_anothers,
    Assumption.DRAWN_BY_PYPLOT: _is_drawn_otherwise,
    Assumption.NO_FIGURE_YET: _may_be_there,
    Assumption.ON_THE_NETWORK: _is_answered_here,
    Assumption.NONE_OPEN: _asks_for_what_is_open,
    Assumption.NOT_TAKEN: _is_only_given_away,
    Assumption.KEPT_ALIVE: _is_read_to_its_end,
    Assumption.REAL_FILES: _is_in_memory,
    Assumption.ASKED_FOR: _is_of_a_fixture_for_none,
    Assumption.NAMED: _is_of_a_function_for_none,
    Assumption.SWITCHED_ON: _is_switched_off,
    Assumption.CALLER_LEAVES: _is_drawn_for_a_framework,
}
