#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: handover_report
short_description: Keep what a run planned and how it ended
version_added: 0.1.0
description:
  - Writes the report of a run as JSON, readable by its owner alone, whole or not at all. Always on the controller.
  - It says of no service that anything has changed, so C(changed) is always false.
options:
  directory:
    description: The folder for the reports of all runs. It is made, for its owner alone, where there is none.
    type: path
    required: true
  run_id:
    description: The run, which names the file.
    type: str
    required: true
  content:
    description:
      - What is to be kept. It must hold no secret.
      - Where a journal of the run lies in O(directory), each of its C(services) gets C(effects), what was done to it.
    type: dict
    required: true
extends_documentation_fragment:
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: A report is never compared with another.
    support: none
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write the report
  atlasdb.timelock.handover_report:
    directory: /var/log/timelock-reports
    run_id: 20261122T180454Z-1046d7
    content: "{{ verdict }}"
"""

RETURN = r"""
path:
  description: Where the report lies, or would.
  returned: always
  type: str
  sample: /var/log/timelock-reports/20261122T180454Z-1046d7.json
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.handover_report import ARGUMENT_SPEC, handover_report


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, handover_report)


if __name__ == "__main__":
    main()
