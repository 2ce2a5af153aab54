"""What .ci/run checks, one thing at a time, and on more versions of Python and Twisted.

The tools are set up in pyproject.toml alone, so their commands here and in .ci/run need no options.
"""

from __future__ import annotations

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]

nox.needs_version = ">= 2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = False


def run_tests(session: nox.Session, *twisted: str) -> None:
    """Install the package, with the requirement `twisted` if there is one, and run the tests."""
    session.install(".[test]", *twisted)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    session.install(".[dev]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check the type hints."""
    session.install(".[dev]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the newest Twisted."""
    run_tests(session)


@nox.session(python=PYTHONS[0])
def tests_lowest(session: nox.Session) -> None:
    """Run the tests on the lowest Twisted that setup.cfg allows."""
    run_tests(session, "twisted == 24.11.0")


@nox.session(python=PYTHONS[-1])
def tests_trunk(session: nox.Session) -> None:
    """Run the tests on Twisted's development branch, which pip fetches from GitHub."""
    run_tests(session, "twisted @ git+https://github.com/twisted/twisted@trunk")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Run the property tests for some minutes."""
    session.install(".[test]")
    session.run("pytest", "--hypothesis-profile", "fuzz", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Put a server under load and faults for a while."""
    session.install(".[test]")
    session.run("python", "tests/soak.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what an exchange costs, beside servers that do the least."""
    session.install(".[benchmarks]")
    session.run("python", "-m", "benchmarks", *session.posargs)
