"""The program: ``python -m sumproto.wireshark``."""

from __future__ import annotations

from ..commandline import Parser
from . import DISSECTOR, install


def main() -> None:
    """What ``python -m sumproto.wireshark`` runs."""
    parser = Parser(
        prog="python -m sumproto.wireshark",
        description="Print where sumproto.lua is, the dissector of the sum exchange for Wireshark.",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="copy it to your personal plugin folder, and print where that is",
    )
    if not parser.parse_args().install:
        print(DISSECTOR)
        return
    try:
        print(install())
    except (OSError, RuntimeError) as wrong:  # RuntimeError: nobody knows the home folder
        raise SystemExit(f"python -m sumproto.wireshark: cannot install: {wrong}") from None


if __name__ == "__main__":
    main()
