"""The tests on every interpreter that is here: ``nox``; one of them: ``nox -s tests-3.13``.

``nox -s plugin`` holds the plugin and the runner to the oldest and the last pytest that are supported.
"""

from __future__ import annotations

import nox

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "uv|venv"


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the tests; what follows ``--`` goes to pytest."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", "-q", *session.posargs)


@nox.session(python="3.11", default=False)
@nox.parametrize("release", ["7.4", "8.4"])
def plugin(session: nox.Session, release: str) -> None:
    """Run the tests of plugin and runner under an older pytest."""
    session.install("-e", ".", f"pytest=={release}.*", "pytest-xdist")
    session.run(
        "python", "-m", "pytest", "-q", "tests/test_pytest_plugin.py", "tests/runner", *session.posargs
    )
