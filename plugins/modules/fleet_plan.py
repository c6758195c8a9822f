#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_plan
short_description: Plan the handover of a whole fleet, or say why not
version_added: 0.1.0
description:
  - Weighs what M(atlasdb.timelock.client_config_info) read of every node, together with what each service's key-value
    service and TimeLock say, and decides for each service what would be done.
  - Names everything that speaks against it, for all services at once, and not only the first thing.
  - Writes nothing, and asks nothing of TimeLock that would create a namespace. Only with O(fresh_timestamps) it
    consumes timestamps.
  - A refusal of a service does not fail this module - see RV(refused).
extends_documentation_fragment:
  - atlasdb.timelock.timelock
  - atlasdb.timelock.attributes
options:
  nodes:
    description:
      - All nodes of the group, in its order, as the filter P(atlasdb.timelock.fleet_nodes#filter) gives them.
    type: list
    elements: dict
    required: true
  stores:
    description:
      - The key-value service of each service, as the filter P(atlasdb.timelock.fleet_stores#filter) gives them.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: Name of the service.
        type: str
        required: true
      kvs:
        description: As O(atlasdb.timelock.timestamp_info#module:kvs).
        type: dict
        required: true
        suboptions:
          type:
            description:
              - The kind of store. V(oracle) is not built yet, and refused with C(config-store-unsupported).
            type: str
            choices: [postgres, oracle, cassandra]
            required: true
          hosts:
            description:
              - Where it is. For PostgreSQL exactly one host, as in AtlasDB's own configuration; for Cassandra the hosts
                to begin with, of the datacentre that is to answer.
            type: list
            elements: str
            required: true
          port:
            description: Its port. By default 5432 for PostgreSQL, and 9042, where it speaks CQL, for Cassandra.
            type: int
          user:
            description:
              - The login. Use the service's own, since it owns the timestamp table, and its search path decides which
                table is meant.
            type: str
          password:
            description: The login's password.
            type: str
          service_login:
            description: The login that the service itself has on Cassandra, where the collection uses another one.
            type: dict
            suboptions:
              username:
                description: The login.
                type: str
                required: true
              password:
                description: Its password.
                type: str
                required: true
          database:
            description: The database, for PostgreSQL and Oracle.
            type: str
          keyspace:
            description: The keyspace, for Cassandra, in upper and lower case as it was made.
            type: str
          thrift_port:
            description: The port that AtlasDB's own connections to Cassandra go to, by default 9160.
            type: int
          table_prefix:
            description: What stands before the names of AtlasDB's tables (C(ddl.tablePrefix)).
            type: str
            default: ""
          tls:
            description:
              - Whether to encrypt the connection to Cassandra. O(stores[].kvs.ca_path) and O(stores[].kvs.client_cert)
                say so as well. For PostgreSQL they are what decides.
            type: bool
            default: false
          ca_path:
            description:
              - A PEM file with the certificate authorities that the server's certificate must come from.
              - Without it a connection to PostgreSQL is encrypted if the server offers that, and the server is not
                verified; one to Cassandra that is encrypted is verified by the system's own authorities.
            type: path
          client_cert:
            description: A PEM file with the certificate to show to the server.
            type: path
          client_key:
            description: A PEM file with the key of O(stores[].kvs.client_cert). By default the same file.
            type: path
          validate_certs:
            description: Whether the server's certificate and name are checked.
            type: bool
            default: true
      new_login:
        description: The login that stands in place of the service's own, which is then shut out.
        type: dict
        suboptions:
          username:
            description: The login.
            type: str
            required: true
          password:
            description: Its password, with which the plan tries it.
            type: str
            required: true
      ignore_sessions:
        description: Sessions there that are no AtlasDB client.
        type: list
        elements: dict
        default: []
        suboptions:
          user:
            description: The login.
            type: str
            required: true
          application:
            description: The name that the client gave itself.
            type: str
            required: true
      known_clients:
        description: Addresses and networks of its clients that are of no service.
        type: list
        elements: str
        default: []
  playing:
    description: The names of the hosts that take part in this run. A service of which only some do is refused.
    type: list
    elements: str
    required: true
  host_looks:
    description: As O(atlasdb.timelock.kvs_sessions_info#module:host_looks), for the stores of all services.
    type: list
    elements: dict
    default: []
  known_clients:
    description:
      - Clients of any of O(stores) that are not of its service, as addresses or networks. A session of anybody else is
        refused with C(kvs-session-open), on stores that do not tell their sessions apart.
    type: list
    elements: str
    default: []
  take_over:
    description: The run whose lock is to be taken away. Without it a service that another run holds is refused.
    type: str
  kept:
    description:
      - What this module returned before. A service is refused with C(plan-stale) unless its plan is still that one. A
        bound that has grown, and what an unfinished run of that plan has done, are no difference.
    type: dict
  skip_refused:
    description: Whether the others may go on where some services are refused, see RV(left_out).
    type: bool
    default: false
  server_version:
    description: The version of the TimeLock servers, which they do not tell. One that is unsafe is refused.
    type: str
  repair:
    description:
      - Whether to plan the repair of migrations that were done by hand, see RV(services), and nothing else.
    type: bool
    default: false
  fresh_timestamps:
    description:
      - Whether to take a fresh timestamp of each namespace that TimeLock lists already, and that is a service's own by
        its record, its configuration, its invalidated store or C(timelock_adopt_namespace). It is consumed; the counter
        cannot be read otherwise. Not of a service that another run holds, and not in check mode.
    type: bool
    default: false
  direction:
    description: Whether the services are to go to TimeLock, or back from it to their embedded timestamps, or the only
      one to another namespace there.
    type: str
    choices: [migrate, reverse, rename]
    default: migrate
  rename_to:
    description: That namespace, for V(rename).
    type: str
  highest_issued:
    description:
      - For V(reverse) where TimeLock is lost - a number that no timestamp exceeds, in decimal digits. Where TimeLock
        gives out a timestamp all the same, as O(fresh_timestamps) asks for it, the service is refused.
    type: str
attributes:
  check_mode:
    description: Nothing is written in any mode.
    support: full
  diff_mode:
    description: Nothing is changed. What would change on the nodes is in RV(services).
    support: none
requirements:
  - psycopg, where the module runs
seealso:
  - module: atlasdb.timelock.client_config_info
  - module: atlasdb.timelock.handover_check
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Plan the whole fleet
  atlasdb.timelock.fleet_plan:
    nodes: "{{ groups['atlasdb_services'] | atlasdb.timelock.fleet_nodes(hostvars) }}"
    stores: "{{ groups['atlasdb_services'] | atlasdb.timelock.fleet_stores(hostvars) }}"
    playing: "{{ ansible_play_hosts_all }}"
    servers: "{{ timelock_server_urls }}"
  delegate_to: localhost
  run_once: true
  register: plan

- name: Show it
  ansible.builtin.debug:
    msg: "{{ plan.table }}"
  run_once: true
"""

RETURN = r"""
boot_id:
  description: What tells the machine on which the plan was made, and its boot, from any other. Empty where the system
    does not say.
  returned: success
  type: str
services:
  description: The plan of each service of which a node takes part, by its name. Holds no secret.
  returned: success
  type: dict
  contains:
    todo:
      description:
        - V(migrate), V(reverse), V(nothing) (done already), V(new) (it has never run, so there is nothing to hand
          over), V(refused), or with O(repair) V(left alone).
      type: str
    refusals:
      description: Why it is refused, each with C(code), C(found), C(do) and C(msg).
      type: list
      elements: dict
    drifted:
      description: Nodes that were switched to TimeLock and no longer are, or that run on the old service still, as
        refusals. They do not speak against a run.
      type: list
      elements: dict
    notes:
      description: What was accepted all the same, in sentences.
      type: list
      elements: str
    version:
      description: The version of its AtlasDB client.
      type: str
    migration:
      description: Who invalidates the store, V(manual) (a run) or V(automated) (the client's own migration).
      type: str
    own_begun:
      description: Whether an unfinished migration has started a node that may invalidate the store at any time.
      type: bool
    fence:
      description: The login that is shut out, C(old), and the one in its place, C(new); null without a fence.
      type: dict
    repair:
      description:
        - What is left to repair of a migration that was done by hand. V(backup) - the backup stands where AtlasDB does
          not look. V(rest) - the store was invalidated, and no client brought to TimeLock. Null where there is nothing.
      type: str
    repairing:
      description: The same, with O(repair); else null.
      type: str
    resuming:
      description: Whether a run is on record that did not finish.
      type: bool
    nodes:
      description: The nodes, in the group's order.
      type: list
      elements: str
    coordinator:
      description: The node that speaks for the service in a play.
      type: str
    nodes_to_stop:
      description: The nodes that are not on TimeLock yet.
      type: list
      elements: str
    modes:
      description: Where each node takes its timestamps from, as its configuration says.
      type: dict
    namespace:
      description: The namespace; the new one where that is to change.
      type: str
    store:
      description: The state of the key-value service's bound, as RV(atlasdb.timelock.timestamp_info#module:state).
      type: str
    bound:
      description: The live bound, or null.
      type: int
    backup:
      description: The bound that was kept when it was invalidated, or null.
      type: int
    corroboration:
      description: What else the key-value service holds, see RV(atlasdb.timelock.timestamp_info#module:corroboration).
      type: list
      elements: dict
    identity:
      description: What tells this key-value service from every other.
      type: dict
    trust:
      description:
        - Whether it has to show who it is. V(verified); V(off), where O(stores[].kvs.validate_certs) is; V(none), where
          no certificate is asked for. Null where no configuration says where it is.
      type: str
    timelock:
      description:
        - V(free) or V(listed), as TimeLock has no namespace of that name or has one; V(unusable) where TimeLock is, no
          server is named, or it gave no timestamp of it.
      type: str
    fresh_timestamp:
      description: A timestamp that was taken of the namespace, with O(fresh_timestamps), or null.
      type: int
    up:
      description: For each node whether its process runs and is healthy; null where nobody could look.
      type: dict
    proofs:
      description: For each node whether the probe C(process), and the store's list of C(sessions), sees it now.
      type: dict
    sessions_seen:
      description: The nodes that the store's list of sessions shows, or showed before an unfinished run stopped them.
      type: list
      elements: str
    view:
      description:
        - Where the sessions are seen. C(kind) is V(store) (by the store), V(hosts) (on its C(hosts), named here) or
          V(nodes) (on the nodes' own hosts); C(addresses) and C(ports) are where clients connect to; C(unseen) are
          sentences on what nobody looked at. Null where the store cannot be asked.
      type: dict
    addresses:
      description: The C(addresses) of its nodes in RV(clients).
      type: list
      elements: str
    known_clients:
      description:
        - O(known_clients), O(stores[].known_clients), and the addresses of other services' nodes that may have sessions
          at its key-value service.
          Not of those that may be this service under another name, unless that was accepted.
      type: list
      elements: str
    record:
      description: What earlier runs wrote down, with C(epoch) and C(holder) of the lock; null where there is none.
      type: dict
    digests:
      description: By node, what tells the content of its configuration files from any other.
      type: dict
    diffs:
      description: By node, how its configuration files would change, without secrets.
      type: dict
servers:
  description: The TimeLock servers that the plan is for.
  returned: success
  type: list
  elements: str
left_out:
  description: The services that are refused and skipped, with O(skip_refused).
  returned: success
  type: list
  elements: str
refused:
  description: Whether anything is refused that is not left out.
  returned: success
  type: bool
reasons:
  description: All refusals, in words.
  returned: success
  type: list
  elements: str
refusals:
  description: The refusals that belong to no single service, each with C(code), C(found), C(do) and C(msg).
  returned: success
  type: list
  elements: dict
clients:
  description: >-
    For each service that may use a store which others use as well, the C(addresses) of its nodes, those of its
    C(store), null where that is not known, and the C(keyspace) that its configuration names.
  returned: success
  type: dict
depends:
  description: >-
    Who takes timestamps from whom, each with C(dependent), the C(server) that its configuration names, and C(provider),
    null where no service of the inventory is there.
  returned: success
  type: list
  elements: dict
table:
  description: The plan as lines of text, one for each service.
  returned: success
  type: list
  elements: str
diff_lines:
  description: >-
    How the configuration files would change, as lines of text; nodes whose files change alike share one diff, and stand
    above it.
  returned: success
  type: list
  elements: str
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.fleet_plan import ARGUMENT_SPEC, fleet_plan


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, fleet_plan)


if __name__ == "__main__":
    main()
