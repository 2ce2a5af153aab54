"""The name of a user whose account has none, or an odd one."""

import pytest

from sumproto.defaults import default_name


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (lambda: "ann", "Client of ann"),
        (lambda: "a\x1bnn", "Client of somebody"),
        ({}.popitem, "Client of somebody"),
    ],
)
def test_default_name(monkeypatch: pytest.MonkeyPatch, user: object, name: str) -> None:
    monkeypatch.setattr("getpass.getuser", user)
    assert default_name("Client") == name
