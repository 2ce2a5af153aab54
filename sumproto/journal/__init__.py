"""The journal: a file with a JSON object a line for each exchange and error, and its summary."""

from .writer import Journal

__all__ = ["Journal"]
