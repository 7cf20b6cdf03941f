"""Fakes that a test gives to what it acquires, or puts in place of a part of it."""

from __future__ import annotations

import re

from memlint import facts as f
from memlint.analysis.sites import Site
from memlint.analysis.traverse import walk
from memlint.analysis.types import type_name
from memlint.analysis.values import ClassValue, FunctionValue, Mocked, Obj, Sequence, Value

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
