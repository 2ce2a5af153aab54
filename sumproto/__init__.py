"""The sum exchange of Kurose & Ross, socket assignment 1, on Twisted."""

__version__ = "0.1.0"
