"""What several tests need, each in the module of what it gives or fakes."""

from support.errors import NO_INTEGER, OUT_OF_RANGE, error_line
from support.evil import EVIL, is_harmless
from support.examples import EXAMPLES, MIRRORED, OBJECTS, RECORDS, SHOWN, Example
from support.fakes import FakeReport, FakeServer, Recorder, Transport
from support.processes import Server, client, run, running, running_server, wait_for_end
from support.project import BIN, INSTALLING, OUTSIDE, PATIENCE, PROJECT, copy_project
from support.sockets import Handler, answer, ask, connect, fake_server, read_all, try_read

__all__ = [
    "BIN",
    "EVIL",
    "EXAMPLES",
    "INSTALLING",
    "MIRRORED",
    "NO_INTEGER",
    "OBJECTS",
    "OUTSIDE",
    "OUT_OF_RANGE",
    "PATIENCE",
    "PROJECT",
    "RECORDS",
    "SHOWN",
    "Example",
    "FakeReport",
    "FakeServer",
    "Handler",
    "Recorder",
    "Server",
    "Transport",
    "answer",
    "ask",
    "client",
    "connect",
    "copy_project",
    "error_line",
    "fake_server",
    "is_harmless",
    "read_all",
    "run",
    "running",
    "running_server",
    "try_read",
    "wait_for_end",
]
