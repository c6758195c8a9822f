# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""timelock_delegate is a machine of its own, as its boot says, that has all that the modules need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fleet import Fleet, fleet, lab
from mounts import MAY_MOUNT

__all__ = ["lab"]

pytestmark = pytest.mark.skipif(not MAY_MOUNT, reason="another boot can be mounted with CAP_SYS_ADMIN only")

SSH = """\
#!/bin/sh
for command; do :; done
set -- 'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec /bin/sh -c "$0"' "$command"
exec unshare --mount /bin/sh -c "$@"
"""


def _delegate_to_another_machine(services: Fleet, folder: Path) -> None:
    boot_id, ssh = folder / "boot_id", folder / "ssh"
    boot_id.write_text("5f0c9a52-6d2c-4a38-9b59-3a2f5f9a7c11\n")
    ssh.write_text(SSH.format(boot_id=boot_id))
    ssh.chmod(0o755)

    def change(everything: dict) -> None:
        everything["hosts"] = {
            "elsewhere": {
                "ansible_connection": "ssh", "ansible_ssh_executable": str(ssh), "ansible_ssh_retries": 0,
                "ansible_python_interpreter": sys.executable,
            }
        }  # fmt: skip
        everything["vars"]["timelock_delegate"] = "elsewhere"

    services.write(change)


@pytest.mark.refuses("delegate-elsewhere")
def test_no_service_is_begun_by_way_of_it_and_status_can_look_from_there(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        services.load(0)
        _delegate_to_another_machine(services, tmp_path)
        run = services.refused()
        assert [reason.partition(":")[0] for reason in run.reasons] == ["delegate-elsewhere"], run.tail
        status = services.play("status.yml")
        assert status.ok, status.tail
        (row,) = [line for line in status.said() if line.startswith(f"{services.services[0].name} ")]
        assert " embedded " in row and " migrate.yml" in row
