#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: handover_check
short_description: Judge between two steps of a handover, and refuse or go on
version_added: 0.1.0
description:
  - Looks at results of other modules and at nothing else. It connects to nothing and changes nothing.
  - No effect relies on it alone. M(atlasdb.timelock.timestamp_invalidate), M(atlasdb.timelock.timestamp_restore) and
    M(atlasdb.timelock.node_online) are handed what they depend on, and refuse by themselves where a task was skipped.
options:
  that:
    description:
      - What is judged, one after the other.
      - V(planned) - O(plan), made anew for one service, refuses nothing.
      - V(timelock_above) - TimeLock is above the backup of the store of O(plan), and above what it gave out before, by
        O(fresh_timestamp).
      - V(nodes) - a step succeeded on each of O(nodes), by its O(results). Returns RV(proofs).
      - V(in_time) - the service of O(plan), whose store is active, has been down for no more than O(limit).
      - V(bound) - O(store) has a usable bound, and nothing else known is above it. What a node wrote down that was
        started to migrate itself must be below O(fresh_timestamp), where that is given. Returns RV(ts).
      - V(young) - O(proofs) will still count in a moment. Never refuses; returns RV(young).
      - V(handed_over) - O(store) is invalidated at the number of O(expected), and O(fresh_timestamp) is above it,
        and the lock is still the same run's. Returns RV(handover).
      - V(may_migrate_itself) - O(store) has still the number of O(expected), all nodes of the O(plan) are proved
        offline by O(proofs), unless it is invalidated already, and O(timelock_proof) shows TimeLock above it, all under
        the lock of O(run_id) in O(epoch). Returns RV(handover).
      - V(migrated_itself) - that a client which was started to migrate itself has left all as V(handed_over) wants it,
        and says so in its O(log). Returns RV(handover).
      - V(way) - where a service goes whose step failed, by what its O(store) says now, what the O(plan) and
        O(expected) had read of it, and whether a node was started already, by O(plan) and O(starts). Returns RV(way).
      - V(left) - how such a service was left, by O(way) and the O(results) of putting O(nodes) back, or where they
        stay, by what came of the O(stops) and O(starts). Returns RV(words).
      - V(one_way) - no run that went another way than O(direction), and has not ended, is on record, by the O(lock)
        that was taken.
      - V(retreat) - where a service goes whose way back or rename (by O(direction)) failed in O(step), as V(way).
      - V(reverse_to) - O(fresh_timestamp) is above all that the O(plan) knows of. Returns RV(at_least).
      - V(given_back) - O(store) is live and guarded, not below O(expected), and the lock is O(run_id)'s in O(epoch).
        Returns RV(bound), and where that is not half of O(margin) above O(fresh_timestamp) RV(raise_to), unless it was
        O(raised) already.
      - V(uses_bound) - as V(nodes), and the bound of O(store), where that is given, has moved since O(expected).
      - V(rename_at) - O(fresh_timestamp) is above all that the O(plan) knows of. Returns RV(ts).
      - V(renamed) - all nodes of the O(plan) are proved offline by O(proofs), for O(store) as it was read back,
        O(timelock_proof) and O(fresh_timestamp) show the new namespace above O(earlier), and nobody took a timestamp of
        the old one between that and O(later), all under the lock of O(run_id) in O(epoch). Returns RV(handover).
    type: list
    elements: str
    choices:
      - planned
      - timelock_above
      - nodes
      - in_time
      - bound
      - young
      - handed_over
      - may_migrate_itself
      - migrated_itself
      - way
      - left
      - one_way
      - retreat
      - reverse_to
      - given_back
      - uses_bound
      - rename_at
      - renamed
    required: true
  plan:
    description: A service of RV(atlasdb.timelock.fleet_plan#module:services).
    type: dict
  store:
    description:
      - A result of M(atlasdb.timelock.timestamp_info).
    type: dict
  expected:
    description: The result of M(atlasdb.timelock.timestamp_info) from which TS was read.
    type: dict
  fresh_timestamp:
    description: A timestamp that TimeLock has just issued, in decimal digits.
    type: str
  nodes:
    description: The names of the nodes that a step was for.
    type: list
    elements: str
    default: []
  results:
    description: For each of O(nodes), in that order, the result of the step there. Empty for a node that was left
      out.
    type: list
    elements: dict
    default: []
  stops:
    description: For each of O(nodes), in that order, what came of stopping it; empty where it was not tried.
    type: list
    elements: dict
    default: []
  starts:
    description: The same of starting it.
    type: list
    elements: dict
    default: []
  proofs:
    description: Proofs that a service is offline.
    type: list
    elements: dict
    default: []
  max_proof_age:
    description: How old one may be when it is used, in seconds.
    type: float
    default: 300.0
  elapsed:
    description: For how many seconds the service has been down.
    type: float
  limit:
    description: For how many seconds it may be down. V(0) is no limit.
    type: float
  moved:
    description: Whether the namespace moved by more than the run's own calls.
    type: bool
    default: true
  earlier:
    description: A result of M(atlasdb.timelock.timelock_info) with a fresh timestamp and its proof.
    type: dict
  later:
    description: Another one, of later; for V(nodes) that by which O(moved) was found, or why there is none.
    type: dict
  margin:
    description: How far the bound is to be above TimeLock, in decimal digits.
    type: str
  run_id:
    description: The run that must have the lock.
    type: str
  epoch:
    description: The epoch of its lock.
    type: int
  timelock_proof:
    description:
      - The proof of a fast-forward, from M(atlasdb.timelock.timelock_fast_forward), or of a fresh timestamp after it,
        from M(atlasdb.timelock.timelock_info).
    type: dict
  direction:
    description: V(migrate), V(reverse) or V(rename).
    type: str
  step:
    description: The step that failed.
    type: str
  lock:
    description: The result of taking the service's lock; empty where that was not tried.
    type: dict
  raised:
    description: The result of raising the bound, where that was tried.
    type: dict
  way:
    description: RV(way) of the earlier judgement V(way).
    type: str
  playbook:
    description: The playbook that the run is of, for V(left), which says to run it again.
    type: str
    default: migrate.yml
  log:
    description:
      - The lines in which a client's log tells of its own migration, for V(migrated_itself), each after its number and
        a colon, as C(grep -n) has them. By default not asked.
    type: list
    elements: str
  log_before:
    description:
      - The same of before its start, which do not count.
    type: list
    elements: str
    default: []
  repairing:
    description:
      - What is repaired, as RV(atlasdb.timelock.fleet_plan#module:services) has it. The state that is repaired is then
        no reason against it.
    type: str
  accept_unproven:
    description: Why a proof may be missing.
    type: str
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
  - module: atlasdb.timelock.fleet_plan
  - module: atlasdb.timelock.timestamp_invalidate
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Refuse a bound that anything else contradicts
  atlasdb.timelock.handover_check:
    that: bound
    store: "{{ store }}"
  register: bound

- name: Refuse unless every node is held, and gone
  atlasdb.timelock.handover_check:
    that: nodes
    nodes: [orders-1, orders-2, orders-3]
    results: "{{ ['orders-1', 'orders-2', 'orders-3'] | map('extract', hostvars) | map(attribute='offline',
      default={}) }}"
  register: gone
"""

RETURN = r"""
at:
  description: When it was judged, by the controller's clock, in seconds since 1970 (UTC).
  returned: always, by the action
  type: float
  sample: 1795780800.25
proofs:
  description: The proofs that the step took on the nodes, for V(nodes).
  returned: for O(that=nodes)
  type: list
  elements: dict
ts:
  description: TS, the number that no issued timestamp exceeds, in decimal digits.
  returned: for O(that=bound) and O(that=rename_at)
  type: str
  sample: "5000000"
ts_above:
  description: The number above it, in decimal digits.
  returned: for O(that=bound)
  type: str
  sample: "5000001"
young:
  description: Whether all are.
  returned: for O(that=young)
  type: bool
at_least:
  description: The bound to restore at least, in decimal digits.
  returned: for O(that=reverse_to)
  type: str
  sample: "15000001"
bound:
  description: The bound that was given back, in decimal digits.
  returned: for O(that=given_back)
  type: str
raise_to:
  description: The bound to raise it to, in decimal digits; null where TimeLock is well below it.
  returned: for O(that=given_back)
  type: str
  sample: "15000001"
handover:
  description: What M(atlasdb.timelock.node_online) wants before a node may start on TimeLock, or the new namespace.
  returned: for O(that=handed_over), O(that=may_migrate_itself), O(that=migrated_itself) and O(that=renamed)
  type: dict
accepted_unproven:
  description: As O(accept_unproven), where nodes had to be proved offline; else null.
  returned: for O(that=may_migrate_itself) and O(that=renamed)
  type: str
way:
  description:
    - V(untouched) - the run never had the lock. V(back) - the store is active. V(forward) - the store is invalidated.
      V(older) - the store is active, below what was read of it before. V(reactivated) - it is active, and a node may
      run on TimeLock already. V(itself) - it is active, and a node may
      invalidate it at any moment. V(repair) - the backup is still where no client looks for it. V(shut_out) - the old
      login of the nodes could not be let in again. V(unknown) - the store cannot be read, or its bound could not be
      raised.
    - Of a way back or a rename V(back) - its nodes go on as before, V(as_left) or V(half_renamed) - the next run goes
      on.
  returned: for O(that=way), O(that=retreat) and O(that=left)
  type: str
as_it_was:
  description: Whether the service is as it was before the run.
  returned: for O(that=left)
  type: bool
words:
  description: How the service was left, for a person.
  returned: for O(that=left)
  type: str
  sample: "put back: the service runs as before"
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: node-lost
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
from ..module_utils.operations.handover_check import ARGUMENT_SPEC, handover_check


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, handover_check)


if __name__ == "__main__":
    main()
