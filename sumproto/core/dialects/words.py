"""The words by which a label tells what stands behind it: a name, a number or a sum. Pure."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Kind(Enum):
    """What a label announces."""

    NAME = "name"
    NUMBER = "number"
    SUM = "sum"


_WORDS = {
    Kind.NAME: "name username fullname clientname servername user nick nickname alias login sender "
    "author from who player student person nom nombre nome имя 名前 姓名 名字",
    Kind.NUMBER: "number num nr no int integer value val random rand guess choice pick digit "
    "data content message payload body clientnumber servernumber numero número numéro zahl nummer "
    "entier entero число 数字",
    Kind.SUM: "sum total result length size suma soma summe somme сумма 合計 总和",
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_PARTIES = frozenset(["client", "server"])
_WHOSE = {*_PARTIES, "s", "my", "your", "our", "their", "his", "her", "its", "the", "is"}

# clientName, client_name, CLIENT-NAME and "Client's name" have the same words, and so has "name1".
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])")
_SHORTEST_PARTY = len("client")
_PARTY = re.compile("client|Client|CLIENT")
_SERVER = {"client": "server", "Client": "Server", "CLIENT": "SERVER"}


@lru_cache(maxsize=256)
def kind_of(label: str) -> Kind | None:
    """What `label` announces; None if it has no word of the table.

    The last word that does not say whose it is decides: ``client_number`` is a number. A label
    that only says whose it is, is a name: ``Client: Ann``.
    """
    words = [word.lower() for word in _WORD.findall(label)]
    telling = [word for word in words if word not in _WHOSE]
    if telling:
        return _KINDS.get(telling[-1])
    return Kind.NAME if _PARTIES.intersection(words) else None


def is_no_name(text: str) -> bool:
    """Whether `text` is a word that announces neither a name nor a number: ``Sum``."""
    return _KINDS.get(text.rpartition("-")[2].lower()) is Kind.SUM


def says_whose(word: str) -> bool:
    """Whether `word` only names the owner of what the next word names: ``my``, ``Client's``."""
    return all(part.lower() in _WHOSE for part in _WORD.findall(word))


def party_of(label: str) -> str | None:
    """Whose `label` is, ``client`` or ``server``; None if it does not say."""
    return next((party for party in ("server", "client") if party in label.lower()), None)


def as_server(label: str) -> str:
    """`label` as a server writes it: ``client`` becomes ``server``, and keeps its capitals."""
    if len(label) < _SHORTEST_PARTY:
        return label
    return _PARTY.sub(lambda found: _SERVER[found[0]], label)
