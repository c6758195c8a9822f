#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_server_check
short_description: Judge between two servers of a rolling restart of TimeLock, and refuse or go on
version_added: 0.1.0
description:
  - Looks at results of other modules and at nothing else. It connects to nothing and changes nothing.
options:
  that:
    description:
      - What is judged.
      - V(package) - O(package) is the one of O(checksum) and O(version), as far as these are given.
      - V(may_stop) - the cluster of O(urls) goes on without the server O(name) at O(url), by O(cluster).
      - V(outdated) - why the server must be started anew, by its O(look). Never refuses; returns RV(reasons).
      - V(answers) - the server O(name) at O(url) was seen to answer, by O(cluster).
      - V(increased) - the fresh timestamp in O(cluster) is above O(before). Returns RV(fresh).
      - V(proved) - that, and every server answers and sends clients to the one leader. Returns RV(fresh).
    type: str
    choices: [package, may_stop, outdated, answers, increased, proved]
    required: true
  name:
    description: The name of a server.
    type: str
  url:
    description: Its base URL.
    type: str
  urls:
    description: The base URLs of all.
    type: list
    elements: str
    default: []
  cluster:
    description: A result of M(atlasdb.timelock.timelock_info), failed or not.
    type: dict
    default: {}
  look:
    description: A result of M(atlasdb.timelock.timelock_server_info).
    type: dict
    default: {}
  version:
    description: The version that is to run.
    type: str
    default: ""
  differs:
    description: Whether its configuration, stores or unit are to be written.
    type: bool
    default: false
  package:
    description:
      - What a package adds up to, as C(checksum), or what it says of itself, as C(version); empty for nothing. Or why
        there is none, as C(error).
    type: dict
  checksum:
    description: The checksum that was named for the package, V(sha256:HEX).
    type: str
    default: ""
  before:
    description: A timestamp that the cluster has issued, in decimal digits.
    type: str
    default: "0"
extends_documentation_fragment:
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Nothing is written in any mode.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
seealso:
  - module: atlasdb.timelock.timelock_server_plan
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Refuse to stop a server that the others cannot do without
  atlasdb.timelock.timelock_server_check:
    that: may_stop
    name: tl-1
    url: https://tl-1:8421
    urls: "{{ timelock_server_urls }}"
    cluster: "{{ cluster }}"
"""

RETURN = r"""
reasons:
  description: Why it must be started anew; empty where it need not.
  returned: for O(that=outdated)
  type: list
  elements: str
fresh:
  description: The fresh timestamp, in decimal digits.
  returned: for O(that=increased) and O(that=proved)
  type: str
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: server-quorum
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timelock_server_check import ARGUMENT_SPEC, timelock_server_check


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timelock_server_check)


if __name__ == "__main__":
    main()
