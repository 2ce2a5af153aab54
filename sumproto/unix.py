"""The modules that only Unix has. Where they are missing, importing this ends the program.

That is so on Windows, where neither our server nor our client runs: one line says so instead of a
traceback. Each program comes to this import before it uses anything else that only Unix has. The
installer of the Wireshark dissector does not come to it, since it runs on Windows.
"""

from __future__ import annotations

try:
    import fcntl
    import resource
    import termios
except ImportError:
    raise SystemExit(
        "sumproto needs Linux or macOS; on Windows, use WSL: https://learn.microsoft.com/windows/wsl"
    ) from None

__all__ = ["fcntl", "resource", "termios"]
