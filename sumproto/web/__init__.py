"""Watching a server in a browser: the live page, the metrics, the health. Needs prometheus_client.

A `Tally` observes the server, and a `WebListener` serves what is in it.
"""

from .listener import WebListener
from .tally import Tally

__all__ = ["Tally", "WebListener"]
