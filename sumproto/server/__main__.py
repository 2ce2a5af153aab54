"""The program: ``python -m sumproto.server``, which is a twistd that stays in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from twisted.application.service import ServiceMaker
from twisted.scripts.twistd import ServerOptions, runApp  # type: ignore[attr-defined]

from .. import service

_NAME = "sumserver"


class _TwistdOptions(ServerOptions):
    """The options of a twistd that has our service alone, and looks for no plugin on disk."""

    @property
    def subCommands(self) -> Iterator[tuple[str, None, type[service.Options], str]]:
        maker = ServiceMaker(_NAME, service.__name__, "", _NAME)
        self.loadedPlugins = {_NAME: maker}  # where twistd finds what makes the service
        yield _NAME, None, service.Options, maker.description

    def getSynopsis(self) -> str:
        """How the usage begins: with the twistd command that this program is short for."""
        return "Usage: twistd --nodaemon --pidfile="


def main() -> None:
    """What ``sumserver`` and ``python -m sumproto.server`` run."""
    options = _TwistdOptions()
    options.parseOptions(["--nodaemon", "--pidfile=", _NAME, *sys.argv[1:]])
    runApp(options)


if __name__ == "__main__":
    main()
