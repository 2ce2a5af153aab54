"""What both command lines take; test_service.py and test_client.py have what they refuse."""

import pytest

from sumproto.commandline import default_name, explain


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


@pytest.mark.parametrize("error", [ModuleNotFoundError("OpenSSL"), NameError("optionsFor...")])
def test_an_extra_that_is_missing_is_named(error: Exception) -> None:
    assert explain(error) == "TLS is not installed: pip install '.[tls]'"
    assert explain(ValueError("Unknown endpoint type")) == "Unknown endpoint type"
