# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's modules as Ansible runs them: in its own process, as an action, and elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.atlasdb.timelock.plugins.module_utils import operation

COLLECTIONS = Path(operation.__file__).parents[5]
ELSEWHERE = """
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = '''
name: elsewhere
author: test
short_description: This machine, as if it were another
description: This machine, as if it were another.
version_added: "1.0"
extends_documentation_fragment: [connection_pipelining]
'''


class Connection(Local):
    transport = "elsewhere"
"""
NOWHERE = f"""{ELSEWHERE.replace("elsewhere", "nowhere")}
    def exec_command(self, *arguments, **named):
        from ansible.errors import AnsibleConnectionFailure

        raise AnsibleConnectionFailure("no route to host")
"""


def call(module, check_mode=False, **arguments):
    """The result of an operation, its options validated as Ansible does."""
    validated = ArgumentSpecValidator(module.ARGUMENT_SPEC, **getattr(module, "RULES", {})).validate(arguments)
    assert not validated.error_messages
    name = module.__name__.rpartition(".")[2]
    return operation.attempt(getattr(module, name), validated.validated_parameters, check_mode)


@pytest.fixture
def ansible(tmp_path):
    """Runs a module by the program ansible: (its result, everything it printed)."""
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    (tmp_path / "nowhere.py").write_text(NOWHERE)

    def run(module, arguments, *options, connection="local"):
        process = subprocess.run(
            [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", connection]
            + ["-e", f"ansible_python_interpreter={sys.executable}", "-m", f"atlasdb.timelock.{module}"]
            + ["-a", json.dumps(arguments), *options],
            check=False,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_CONNECTION_PLUGINS": str(tmp_path),
                "ANSIBLE_LOCAL_TEMP": str(tmp_path),
                "ANSIBLE_REMOTE_TEMP": str(tmp_path),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        printed = process.stdout + process.stderr
        _before, arrow, result = process.stdout.partition(" => ")
        assert arrow, printed
        return json.JSONDecoder().raw_decode(result)[0], printed

    return run
