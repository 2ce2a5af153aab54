"""Tells twistd that there is a ``sumserver``."""

from twisted.application.service import ServiceMaker

sumserver = ServiceMaker(
    "sumserver",
    "sumproto.service",
    "Answers a name and an integer with its own, and their sum.",
    "sumserver",
)
