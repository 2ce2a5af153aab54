"""Bytes to messages and back, in the dialect of the peer. Pure: no I/O, no clock.

A `Decoder` is fed with what arrives and hands out whole messages, each with its `Dialect`: what is
needed to write a reply just as the peer wrote its request. Nothing it hands out depends on how the
bytes were cut into segments.
"""

from .asides import cut_asides
from .base import Dialect, Newline, Received
from .decoder import REPLIES, REQUESTS, Decoder, misread_in, reads_back
from .missing import Missing
from .reply_decoder import ReplyDecoder
from .sums import without_sum
from .table import DECLARATIONS, DIALECTS, LABELS, TEMPLATE, WITHOUT_NEWLINE, label_of
from .text import UNKNOWN, Text

__all__ = [
    "DECLARATIONS",
    "DIALECTS",
    "LABELS",
    "REPLIES",
    "REQUESTS",
    "TEMPLATE",
    "UNKNOWN",
    "WITHOUT_NEWLINE",
    "Decoder",
    "Dialect",
    "Missing",
    "Newline",
    "Received",
    "ReplyDecoder",
    "Text",
    "cut_asides",
    "label_of",
    "misread_in",
    "reads_back",
    "without_sum",
]
