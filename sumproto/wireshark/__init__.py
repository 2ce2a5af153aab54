"""Where the Wireshark dissector is, and its installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

DISSECTOR = Path(__file__).with_name("sumproto.lua")


def plugin_folder() -> Path:
    """The folder from which Wireshark loads the Lua plugins of this user, which may not exist yet.

    tshark knows it, if there is one; else it is what Wireshark's manual says.
    """
    try:
        done = subprocess.run(
            ["tshark", "-G", "folders"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return _documented_folder()
    # Before 4.0 there is one folder for plugins of all kinds.
    for kind in "Personal Lua Plugins", "Personal Plugins":
        if found := re.search(rf"^{kind}:\s*(.+)$", done.stdout, re.M):
            return Path(found[1])
    return _documented_folder()


def _documented_folder() -> Path:
    if sys.platform == "win32":
        data = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
        return Path(data) / "Wireshark" / "plugins"
    return Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def install() -> Path:
    """Copy the dissector to the `plugin_folder`. Raises `OSError` if that cannot be done."""
    folder = plugin_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(DISSECTOR, folder))
