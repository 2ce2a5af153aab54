"""How much hypothesis tries, what becomes of processes, and what tests of several modules use.

``pytest --hypothesis-profile fuzz`` is for when there is time.
"""

from __future__ import annotations

import datetime
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

import leash
import pytest
from hypothesis import settings

settings.register_profile("suite", max_examples=150, stateful_step_count=30, deadline=None)
settings.register_profile("fuzz", settings.get_profile("suite"), max_examples=5000)
settings.load_profile("suite")

# Programs of ours are interrupted by tests. A script that runs pytest in the background, and some
# CI, have it ignore SIGINT, and what it starts would do so, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let nothing that tests start outlive pytest; its workers inherit the leash."""
    outermost = leash.TAG not in os.environ
    tag = leash.tag_children()
    if outermost:
        config.add_cleanup(leash.hold(tag))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Fail the last test if a process goes on that a test has started."""
    yield
    deadline = monotonic() + 10  # a killed browser takes a moment
    while left := leash.carriers(os.environ[leash.TAG]):
        assert monotonic() < deadline, f"left running: {left}"
        sleep(0.01)


def refuse_process(*_: object, **__: object) -> NoReturn:
    pytest.fail("it starts a process: mark it live, with @pytest.mark.live", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test, or a fixture, that starts a process while the test is not marked live."""
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("live"):
            patch.setattr(subprocess.Popen, "__init__", refuse_process)
        return (yield)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost in one file."""
    pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL: pip install '.[tls]'")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


@pytest.fixture(params=["pipe", "socket", "terminal"])
def unread(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Two descriptors: what is written to the second can be read from the first, but is not."""
    if request.param == "pipe":
        reading, writing = os.pipe()
    elif request.param == "socket":
        reading, writing = (end.detach() for end in socket.socketpair())
    else:
        reading, writing = pty.openpty()
    yield reading, writing
    os.close(reading)
    os.close(writing)
