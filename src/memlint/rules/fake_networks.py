"""Libraries that answer the requests of a test themselves, so that no connection is opened."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.suite import Body

# by names that stand for nothing else
_DISTINCT = frozenset(
    {"requests_mock", "respx", "respx_mock", "httpx_mock", "aioresponses", "httpretty", "vcr", "pook"}
)
_LIBRARIES = _DISTINCT | {"responses", "httpserver"}
_MONGO = "mongomock.patch"
_OF_REQUESTS = ("http.client.", "requests.", "httpx.", "aiohttp.Client", "aiohttp.TCP", "urllib3.")


def answers_itself(body: Body | None) -> bool:
    """Whether the body answers its requests itself (requests_mock, responses, respx …)."""
    if body is None:
        return False
    if any(part.startswith("mock_") for part in _decorators(body)):
        return True  # moto's, around a test or its class
    params = {param.name for param in body.function.params}
    return not (_LIBRARIES.isdisjoint(params) and _LIBRARIES.isdisjoint(body.function.mentions.split()))


def is_answered(resource: str, body: Body) -> bool:
    """Whether what a resource asks for may be answered so: the module names such a library, for tests or helpers."""
    if resource.startswith("pymongo."):
        return _MONGO in _decorator_paths(body)  # a store in memory is put in the client's place
    if not resource.startswith(_OF_REQUESTS):
        return False
    return answers_itself(body) or not _DISTINCT.isdisjoint(body.module.facts.mentions.split())


def _decorators(body: Body) -> Iterator[str]:
    """The last names of the decorators of a test and its class."""
    for path in _decorator_paths(body):
        yield path.rpartition(".")[2]


def _decorator_paths(body: Body) -> Iterator[str]:
    for decorator, _ in [*body.function.decorators, *(body.owner.cls.decorators if body.owner else ())]:
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        if isinstance(target, f.Name):
            yield target.path
