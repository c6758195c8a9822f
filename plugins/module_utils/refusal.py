# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection refuses: one code each, what was found, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """When a mistake can be noticed (plan, prepare, window, after, status, any), and what its user does next."""

    when: str
    do: str


CODES = {
    "inventory-empty": Code("plan", "Put the nodes in the group atlasdb_services and the servers in timelock_servers."),
    "inventory-service-unnamed": Code("plan", "Set atlasdb_service_name for every node."),
    "inventory-service-split": Code("plan", "Use --limit with whole services: name the service's group."),
    "inventory-node-shared": Code("plan", "Give each service its own unit and configuration file on the host."),
    "inventory-vars-disagree": Code("plan", "Set the variable once, for the service's group."),
    "controller-requirements": Code("plan", "Install the collection's requirements.txt where its modules run."),
    "inventory-changed": Code("any", "Restore the service's group as it was when this handover began, or finish it first."),
    "inventory-namespace-shared": Code("plan", "Check both services' configuration files: only one may own the namespace."),
    "config-missing": Code("plan", "Correct atlasdb_config_path, or the file's permissions."),
    "config-invalid": Code("plan", "Correct the file, or name the block with atlasdb_config_root."),
    "config-nodes-disagree": Code("plan", "Make the nodes' configuration files agree, then plan again."),
    "config-namespace-illegal": Code("plan", "TimeLock cannot serve this name: use letters, digits, _ and -, up to 100."),
    "config-mixed-active": Code("plan", "Stop the service and put every node on the embedded configuration first."),
    "config-changed": Code("window", "Find who changed the file; then run migrate.yml again, which stages it anew."),
    "config-not-writable": Code("plan", "Make room or correct the permissions of the file's folder."),
    "config-version-unknown": Code("plan", "Set atlasdb_version to the version of the AtlasDB client library."),
    "hold-impossible": Code("plan", "Make it a plain file that nothing else writes, or name the real file."),
    "service-is-one-instance": Code("plan", "Declare both as one service, since they share one key-value service."),
    "config-namespace-mismatch": Code("plan", "Make the namespace equal to keyspace, dbName or sid; see AtlasDB's rules."),
    "config-remote-timestamps": Code("plan", "Migrate it by the order for services with remote timestamps."),
    "config-has-dependents": Code("plan", "Migrate the services that take timestamps from this one first."),
    "config-other-timelock": Code("plan", "Check the inventory's servers against the configuration on the nodes."),
    "config-store-unsupported": Code("plan", "This store cannot be migrated by this collection."),
    "config-secret-encrypted": Code("plan", "Give the credential with atlasdb_kvs_overrides, kept in a vault."),
    "config-tls-missing": Code("plan", "Set timelock_client_ssl to a trust store that exists on every node."),
    "config-client-too-old": Code("plan", "Upgrade the AtlasDB client of the service first."),
    "kvs-unreachable": Code("plan", "Check host, port and TLS of the key-value service, and that it runs."),
    "kvs-denied": Code("plan", "Grant the login what is named above."),
    "kvs-identity": Code("plan", "Point the inventory at the primary that the service itself uses."),
    "kvs-lock-held": Code("window", "End that session if it is not needed, then run again."),
    "store-reactivated": Code("plan", "Keep the service stopped and find out who reactivated the store."),
    "new-but-not-empty": Code("plan", "Remove atlasdb_service_is_new: this service has data."),
    "bound-absent": Code("plan", "Check database, search path and table prefix; a service without data needs no migration."),
    "bound-ambiguous": Code("plan", "Stop the service and establish which number is right before anything else."),
    "bound-unreadable": Code("plan", "Stop the service and establish its bound before anything else."),
    "bound-manual-backup": Code("plan", "Repair the backup column first."),
    "bound-renamed": Code("plan", "Rename the column back to the name AtlasDB uses, once you know who renamed it."),
    "bound-length": Code("plan", "Establish the bound by hand; see the page on stores."),
    "bound-out-of-range": Code("plan", "This number is not one that AtlasDB issues: establish where it came from."),
    "bound-below-record": Code("plan", "The store was put back to an older state: establish which, before anything else."),
    "bound-contradicted": Code("plan", "Something issued timestamps above the bound: establish what, before anything else."),
    "bound-moved": Code("window", "A client is still alive: find it and stop it, then run again."),
    "timelock-unreachable": Code("plan", "Check the server list, ports, and that a majority of the servers run."),
    "timelock-no-leader": Code("plan", "Look at the TimeLock servers' logs: they do not elect a leader."),
    "timelock-many-leaders": Code("plan", "Two servers lead: check that the list names one cluster."),
    "timelock-not-timelock": Code("plan", "Check address, port and timelock_context_path."),
    "timelock-clusters-differ": Code("plan", "Name the servers of one cluster, with the addresses they use for each other."),
    "timelock-tls": Code("plan", "Check ca_path, client_cert, client_key and the names in the servers' certificates."),
    "timelock-namespace-used": Code("plan", "If it is really this service's own, set timelock_adopt_namespace."),
    "timelock-behind-backup": Code("plan", "TimeLock has lost data, or it is another cluster: start nothing, restore it first."),
    "timelock-too-old": Code("plan", "Upgrade TimeLock to 0.643.0 or later first."),
    "timelock-client-limit": Code("prepare", "Raise max-number-of-clients or allow new clients on every server."),
    "timelock-stuck": Code("plan", "The namespace was fast-forwarded too far: it cannot be used."),
    "timelock-behind": Code("window", "Start nothing; look at the TimeLock servers before running again."),
    "timelock-went-backwards": Code("window", "Start nothing: this TimeLock issues timestamps out of order."),
    "node-unreachable": Code("plan", "Make the node reachable for Ansible, or remove it from the service for good."),
    "node-unhealthy-before": Code("plan", "Bring the node into service first, then plan again."),
    "node-lost": Code("window", "Make the node reachable and run migrate.yml again."),
    "node-still-running": Code("window", "Find out why it does not stop, stop it by hand, and run again."),
    "port-still-open": Code("window", "Find the process that listens there, stop it, and run again."),
    "kvs-session-open": Code("window", "Find that client and stop it, or name it in timelock_ignore_sessions if it is no AtlasDB client."),
    "probe-blind": Code("plan", "Correct the unit, port or address: a probe that cannot see the node cannot prove it gone."),
    "proof-missing": Code("plan", "Obtain the proof, or set timelock_accept_unproven to the reason for going without."),
    "operator-locked": Code("plan", "Wait for that run to end; if it is gone for good, see 'A lock is left' in the runbook."),
    "operator-lock-lost": Code("any", "Another run has taken over: let it finish, and look with status.yml."),
    "plan-stale": Code("plan", "Make a new plan."),
    "node-unhealthy": Code("after", "Look at the node's log; the other nodes stay down until migrate.yml is run again."),
    "node-not-on-timelock": Code("after", "Look at the node's log and configuration; the others stay down until it is mended."),
    "config-drifted": Code("status", "Find who changed the node's configuration after the handover."),
    "reverse-not-migrated": Code("plan", "There is nothing to take back."),
    "reverse-timelock-lost": Code("plan", "See the runbook: TimeLock's numbers are needed to go back safely."),
    "reverse-multi-node": Code("plan", "This AtlasDB version has no embedded service of several nodes."),
}


class Refusal(Exception):
    """Something that the collection will not do.

    ``code`` is a key of CODES, ``found`` a sentence that says what was found with its values and without any secret,
    ``do`` a sentence that says what to do next (default: the code's own).
    """

    def __init__(self, code: str, found: str, do: str | None = None):
        self.code = code
        self.found = found
        self.do = CODES[code].do if do is None else do
        super().__init__(f"{code}: {found} {self.do}")

    def result(self) -> dict:
        """The refusal as the result of a failed module."""
        return {"failed": True, "changed": False, "code": self.code, "found": self.found, "do": self.do, "msg": str(self)}
