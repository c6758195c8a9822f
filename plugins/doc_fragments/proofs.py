# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the options by which an effect is handed what it depends on."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(extends_documentation_fragment: atlasdb.timelock.proofs)."""

    DOCUMENTATION = r"""
options:
  nodes:
    description:
      - The names of all nodes of the service. Each needs the proofs C(hold) and C(process).
    type: list
    elements: str
    default: []
  offline_proofs:
    description:
      - The proofs that the nodes are offline, of M(atlasdb.timelock.node_offline) for each node, and then of
        M(atlasdb.timelock.kvs_sessions_info) for the service, all taken by the run that holds the service's lock.
      - The sessions must have been looked for after the last node was held. In their place C(kvs_sockets) of each node
        will do, which M(atlasdb.timelock.node_offline) proves for a store that does not tell who is connected.
    type: list
    elements: dict
    default: []
  timelock_proof:
    description:
      - The proof of M(atlasdb.timelock.timelock_fast_forward) that TimeLock is above the bound.
    type: dict
  accept_unproven:
    description:
      - Why proofs may be missing. A reason here waives what is missing, and stands in the result.
      - A proof that is given is checked all the same, and so is the lock of the run that took it. Where there is no
        proof at all, nobody else may hold the service's lock.
    type: str
  max_proof_age:
    description:
      - How old a proof may be, in seconds, by the larger of the controller's wall clock and its clock since boot.
    type: float
    default: 300.0
"""
