#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: handover_report
short_description: Keep what a run planned, did, saw and proved, and how it ended
version_added: 0.1.0
description:
  - Writes the report of a run, as JSON in the format of C(docs/json.md), and as a page of HTML that needs nothing else.
    Both are readable by their owner alone, and are there whole or not at all. Always on the controller.
  - What was done, seen and proved comes from the run's journal in O(directory), C(RUN.jsonl), as far as it goes.
  - The page has charts where the Python package pygal is there, and tables of the same in any case.
  - It says of no service that anything has changed, so C(changed) is always false.
options:
  directory:
    description: The folder for the reports of all runs. It is made, for its owner alone, where there is none.
    type: path
    required: true
  plan:
    description: The result of M(atlasdb.timelock.fleet_plan), with C(run_id) added, which names the files.
    type: dict
    required: true
  verdict:
    description: How the run ended, as P(atlasdb.timelock.run_verdict#filter) says it.
    type: dict
    required: true
  playbook:
    description: The playbook that ran, C(migrate.yml), C(repair.yml), C(reverse.yml) or C(rename_namespace.yml).
    type: str
    required: true
  server_version:
    description: The version of TimeLock's servers, where it was declared. Without, the report says that nobody knew it.
    type: str
  validate_certs:
    description: Whether the certificates of TimeLock's servers were checked.
    type: bool
    default: true
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
    plan: "{{ plan }}"
    playbook: migrate.yml
    verdict: "{{ plan | atlasdb.timelock.run_verdict(hostvars, journal, ansible_check_mode) }}"
"""

RETURN = r"""
path:
  description: Where the report lies as JSON, or would.
  returned: always
  type: str
  sample: /var/log/timelock-reports/20261122T180454Z-1046d7.json
page:
  description: Where it lies as a page.
  returned: always
  type: str
  sample: /var/log/timelock-reports/20261122T180454Z-1046d7.html
summary:
  description: The run, and how each service ended, for a program that keeps no files of the controller.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.operations.handover_report import ARGUMENT_SPEC


def main():
    """Say that this file is documentation: the action of the same name does the work."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="atlasdb.timelock.handover_report is an action, and runs from a playbook's task only.")


if __name__ == "__main__":
    main()
