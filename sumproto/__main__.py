"""The program: ``python -m sumproto``, which says what there is and how to start it."""

from __future__ import annotations

import signal

from . import unix  # noqa: F401 - most of what is named here does not run elsewhere
from .commandline import Parser, version

OVERVIEW = """\
The sum exchange of Kurose & Ross, with a server, a client, and programs beside them:

  python -m sumproto.server             start a server, which Ctrl-C ends (or: sumserver)
  twistd sumserver                      start it as a daemon, with its log in twistd.log
  python -m sumproto.client 42          send it your name and 42 (or: sumclient 42)
  python -m sumproto.journal FILE       list who took part, by a server's --journal FILE
  python -m sumproto.compare            compare TCP and UDP (needs 'sumproto[compare]')
  python -m sumproto.wireshark          find and install the dissector for Wireshark

Each says with --help what it takes. README.md tells more, docs/ all of it."""


def main() -> None:
    """What ``sumproto`` and ``python -m sumproto`` run."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end silently if the reader goes away
    parser = Parser(prog="sumproto", description="Say what there is, and how to start it.")
    parser.add_argument("--version", action="version", version=version())
    parser.parse_args()
    print(OVERVIEW)


if __name__ == "__main__":
    main()
