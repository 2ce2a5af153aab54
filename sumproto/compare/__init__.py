"""TCP and UDP side by side: ``python -m sumproto.compare``."""
