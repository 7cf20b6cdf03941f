"""Fakes that a test gives to what it acquires, or puts in place of a part of it."""

from __future__ import annotations

import posixpath
import re
import sys

from memlint import facts as f
from memlint.analysis.running import COLLECTED
from memlint.analysis.sites import Site
from memlint.analysis.traverse import walk
from memlint.analysis.types import type_name
from memlint.analysis.values import ClassValue, FunctionValue, Mocked, Obj, Sequence, Value

_ASIDE = re.compile(
    r"(?i)log|setting|config|environ|time|sleep|warn|print|version"
)  # fakes that leave acquiring alone
_OPENING = re.compile(r"\A(?:[A-Z]\w*[a-z]\w*|_?(?:\w+_)?(?:connect|open|send|socket|start|initialize))\Z")
_FAKE = re.compile(r"(?i)fake|mock|stub|dummy")
_ASKING = ("urllib.request.", "http.client.", "urllib3.", "requests.")
_UNDER_REQUESTS = "http.client.HTTP"
_UNDER_CONNECTIONS = ("socket.socket", "socket.create_connection")
_ADDRESS = re.compile(r"(?i)path|dir|file|url|uri|dsn|host|port|addr|name|server|data")


def is_given_fakes(site: Site) -> bool:
    """Whether an argument is a fake: ``connect(url, connection_class=FakeConnection)``, ``Client(mock.Mock())``."""
    starred = site.args.get("*")
    given = (*site.args.values(), *((starred.items or ()) if isinstance(starred, Sequence) else ()))
    if any(isinstance(value, Mocked) or is_fake(value) for value in given):
        return True
    return isinstance(site.node, f.Call) and any(_reads_as_fake(arg.value) for arg in site.node.args)


def connects_by_own_class(site: Site) -> bool:
    """``Elasticsearch(url, node_class=OfflineNode)``, of a class that the tests have for the library to connect by."""
    return any(
        isinstance(value, ClassValue) and not value.module.is_product
        for name, value in site.args.items()
        if name.endswith("_class")
    )


def is_fake_by_name(site: Site) -> bool:
    """``DummySocket()``, of a class of the suite that derives from the library's."""
    return isinstance(site.callee, ClassValue) and _FAKE.search(site.callee.cls.name) is not None


def opens_through_fakes(site: Site) -> bool:
    """Whether a part of what is called, of what it gives, or of what every connection goes through is a fake."""
    if not site.frame.mocked:
        return False
    parts = tuple(f"{name}." for name in (site.name, type_name(site.result)) if name)
    asks = site.name.startswith(_ASKING)
    return any(
        fake.startswith((*parts, *_UNDER_CONNECTIONS)) or (asks and fake.startswith(_UNDER_REQUESTS))
        for fake in site.frame.mocked
    )


def is_hollow(site: Site) -> bool:
    """Whether the test has put fakes into the product's module in which the acquiring would happen.

    The product may lie beside its tests, and then be none to the reader of files.
    """
    module = site.callee.module if isinstance(site.callee, ClassValue) else site.frame.module
    of_tests = not module.is_product and COLLECTED.match(posixpath.basename(module.path)) is not None
    if not site.frame.mocked or of_tests:
        return False
    inside = f".{module.name}."
    parts = [f".{fake}".partition(inside)[2] for fake in site.frame.mocked]
    # a project of several packages in folders of their own: ``endpoint.shop.orders`` goes by ``shop.orders``
    parts += [
        last
        for home, _, last in (fake.rpartition(".") for fake in site.frame.mocked)
        if "." in home and inside.endswith(f".{home}.")
    ]
    return any(part and not _ASIDE.search(part) for part in parts)


def is_hollow_library(site: Site) -> bool:
    """Whether what a library would open with is a fake: ``paramiko.client.Transport`` under ``SSHClient.connect``, or
    ``psycopg2._connect``, which nobody else calls.
    """
    root = site.name.partition(".")[0]
    if not site.frame.mocked or root in sys.stdlib_module_names:
        return False
    inside = [fake.split(".") for fake in site.frame.mocked]
    return any(
        parts[0] == root
        and (len(parts) > len("xy") or parts[-1].startswith("_"))
        and _OPENING.search(parts[-1]) is not None
        for parts in inside
    )


def is_fake(value: Value) -> bool:
    """Whether a class of the suite says that it is one."""
    return _FAKE.search(_named(value)) is not None


def _reads_as_fake(node: f.Expr) -> bool:
    """``Mock(spec=socket)``, ``object()``, ``fake_transport``; not ``dummy_path``."""
    if isinstance(node, f.Call):
        path = node.func.path if isinstance(node.func, f.Name) else ""
        return path == "object" or _FAKE.search(path) is not None
    return isinstance(node, f.Name) and bool(_FAKE.search(node.path)) and not _ADDRESS.search(node.path)


def _named(value: Value) -> str:
    if isinstance(value, ClassValue):
        return value.cls.name
    if isinstance(value, FunctionValue):
        return value.function.name
    if isinstance(value, Obj) and isinstance(value.type, ClassValue):
        return value.type.cls.name
    return (type_name(value) or "").rpartition(".")[2] if isinstance(value, Obj) else ""


def makes_fake(value: f.Expr | None) -> bool:
    """Whether what is assigned is a fake: ``client.connect = mock.Mock(return_value=True)``, or a lambda."""
    if value is None:
        return False
    return any(
        isinstance(part, f.Lambda) or (isinstance(part, f.Name) and _FAKE.search(part.path) is not None)
        for part in walk(value)
    )
