# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who makes a document, with which versions, and when."""

from __future__ import annotations

import getpass
import json
import platform
import socket
from datetime import datetime, timezone
from pathlib import Path

import yaml
from ansible.release import __version__ as ansible_version

ROOT = Path(__file__).parents[2]


def made_by() -> dict:
    """``user`` at a host, and the versions of ``collection``, ``ansible`` and ``python``."""
    return {
        "user": f"{getpass.getuser()}@{socket.gethostname()}",
        "collection": collection_version(ROOT),
        "ansible": ansible_version,
        "python": platform.python_version(),
    }


def collection_version(root: Path) -> str:
    """The version of the collection in ``root``, installed or a checkout."""
    if (root / "MANIFEST.json").exists():
        return json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"]
    return yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"]


def now() -> str:
    """This moment, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
