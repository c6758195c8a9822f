# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the tests' controllers quicker, and with which ansible-core it does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible.release import __version__

from lab import controller_python


@pytest.mark.parametrize(("version", "patched"), [(__version__, "True"), ("2.99.0", "False")])
def test_only_an_ansible_core_with_which_it_was_tried_is_made_quicker(version, patched, tmp_path):
    (tmp_path / "ansible").mkdir()
    (tmp_path / "ansible/__init__.py").touch()
    (tmp_path / "ansible/release.py").write_text(f"__version__ = {version!r}\n")
    settings = controller_python.environment()
    settings["PYTHONPATH"] += f":{tmp_path}"
    asked = "import sys; print(any(type(finder).__name__ == '_WhenImported' for finder in sys.meta_path))"
    said = subprocess.check_output([sys.executable, "-c", asked], env=os.environ | settings, text=True)
    assert said.strip() == patched
