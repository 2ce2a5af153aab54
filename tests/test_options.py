"""What both command lines take; test_service.py and test_client.py have what they refuse."""

import pytest

from sumproto.options import default_name


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
