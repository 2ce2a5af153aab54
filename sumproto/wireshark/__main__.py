"""Where the Wireshark dissector is, and its installation: ``python -m sumproto.wireshark``."""

from __future__ import annotations

import argparse
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


def main() -> None:
    """What ``python -m sumproto.wireshark`` runs."""
    parser = argparse.ArgumentParser(
        prog="python -m sumproto.wireshark",
        description="Print where sumproto.lua is, the dissector of the sum exchange for Wireshark.",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="copy it to your personal plugin folder, and print where that is",
    )
    if not parser.parse_args().install:
        print(DISSECTOR)
        return
    try:
        print(install())
    except (OSError, RuntimeError) as wrong:  # RuntimeError: nobody knows the home folder
        raise SystemExit(f"python -m sumproto.wireshark: cannot install: {wrong}") from None


if __name__ == "__main__":
    main()
