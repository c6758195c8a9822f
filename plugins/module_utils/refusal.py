# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection refuses: one code each, what was found, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from .printable import printable


@dataclass(frozen=True)
class Code:
    """When a mistake can be noticed (plan, prepare, window, after, status, any), and what its user does next."""

    when: str
    do: str


CODES = {
    "inventory-empty": Code(
        "plan",
        "Put the nodes into the group atlasdb_services, and the servers into timelock_servers or "
        "timelock_server_urls.",
    ),
    "inventory-service-unnamed": Code("plan", "Set atlasdb_service_name for every node."),
    "inventory-name-unusable": Code(
        "plan", "Give it a name that can be printed, and that Ansible does not read as a pattern of hosts."
    ),
    "inventory-service-split": Code("plan", "Use --limit with whole services: name the service's group."),
    "inventory-node-shared": Code(
        "plan", "Give each service its own unit and configuration file on the host, or name the node once."
    ),
    "inventory-vars-disagree": Code("plan", "Set the variable once, for the service's group."),
    "controller-requirements": Code("plan", "Install the collection's requirements.txt where its modules run."),
    "delegate-elsewhere": Code(
        "plan",
        "Run the playbook on that host itself, and leave timelock_delegate at localhost. status.yml can look from it.",
    ),
    "inventory-changed": Code(
        "any",
        "Make the group as it was when that run began, finish the handover, then change the group. A node that is gone "
        "for good may be missing once a migration has invalidated the store; before that, and in any other run, where "
        "timelock_accept_unproven names it and says so: see 'A node is gone for good' in the runbook.",
    ),
    "inventory-namespace-shared": Code(
        "plan", "Check both services' configuration files: only one of them may own it."
    ),
    "config-missing": Code("plan", "Correct atlasdb_config_path, or the file's permissions."),
    "config-invalid": Code("plan", "Correct the file, or name the block with atlasdb_config_root."),
    "config-nodes-disagree": Code("plan", "Make the nodes' configuration files agree, then plan again."),
    "config-namespace-illegal": Code(
        "plan", "TimeLock cannot serve this name. It must be letters, digits, _ and -, at most 100 of them."
    ),
    "config-mixed-active": Code(
        "plan",
        "Stop the service. Whether those nodes may go back depends on whether they ever served on TimeLock: "
        "see this code in docs/refusals.md.",
    ),
    "config-changed": Code(
        "window",
        "Find who changed the file, and stop that. Then run the playbook again; for a node that is held, see first "
        "'Nodes stay held' in the runbook.",
    ),
    "config-not-writable": Code("plan", "Make room or correct the permissions of the file's folder."),
    "config-version-unknown": Code(
        "plan", "Set atlasdb_version to the version of the service's AtlasDB client, such as 0.905.0."
    ),
    "hold-impossible": Code(
        "plan",
        "Make it a plain file that nothing else writes, or name the real file. For a node that is held, see first "
        "'Nodes stay held' in the runbook.",
    ),
    "service-is-one-instance": Code("plan", "Declare both as one service, since they share one key-value service."),
    "config-namespace-mismatch": Code(
        "plan", "Make the namespace equal to dbName, keyspace or sid, as AtlasDB itself wants it."
    ),
    "config-remote-timestamps": Code(
        "plan",
        "Such a service has no bound of its own, and is moved by hand, before the one that issues its timestamps: see "
        "there, and this code in docs/refusals.md.",
    ),
    "config-has-dependents": Code("plan", "Migrate the services that take timestamps from this one first."),
    "config-other-timelock": Code(
        "plan", "Find out which TimeLock is right: the inventory's servers, or those in the nodes' configuration."
    ),
    "config-store-unsupported": Code(
        "plan", "This store is not built yet; PostgreSQL and Cassandra are. The service stays as it is."
    ),
    "config-secret-encrypted": Code("plan", "Give the credential with atlasdb_kvs_overrides, kept in a vault."),
    "config-tls-missing": Code(
        "plan", "Set timelock_client_ssl, with the trustStorePath of a trust store that exists on every node."
    ),
    "config-template": Code(
        "plan", "Correct the template that atlasdb_config_template names, or leave that unset: the file is edited then."
    ),
    "config-client-too-old": Code("plan", "Upgrade the AtlasDB client of the service first."),
    "kvs-unreachable": Code("plan", "Check host, port and TLS of the key-value service, and that it runs."),
    "kvs-denied": Code("plan", "Give the login the rights that are named, or correct user and password."),
    "kvs-identity": Code(
        "plan",
        "Name the primary that the service itself uses. If the database was restored or failed over, find "
        "out first what became of the timestamps: 'The store is another one' in the runbook.",
    ),
    "kvs-lock-held": Code("window", "End that session if it is not needed, then run again."),
    "store-reactivated": Code(
        "plan",
        "Start no node with an old configuration, and find out who reactivated the store: a restored backup, "
        "or somebody by hand.",
    ),
    "new-but-not-empty": Code("plan", "Remove atlasdb_service_is_new: this service has data."),
    "bound-absent": Code(
        "plan", "Check database, login, search path and table prefix. For a service that has never run, set "
        "atlasdb_service_is_new."
    ),
    "bound-ambiguous": Code("plan", "Change nothing yet. Establish which number is right, with the service stopped."),
    "bound-unreadable": Code(
        "plan", "Start nothing. Establish the bound, from a backup or from TimeLock, before anything else."
    ),
    "bound-manual-backup": Code(
        "plan",
        "Start nothing. Run repair.yml, which puts it where AtlasDB looks for it, with TimeLock above it.",
    ),
    "bound-renamed": Code(
        "plan", "Find out who renamed the column. Give it back the name that AtlasDB uses once you know."
    ),
    "bound-length": Code("plan", "Establish the bound by hand: AtlasDB 0.32.0 wrote it in another form."),
    "bound-out-of-range": Code(
        "plan", "AtlasDB does not issue such a number. Establish where it came from before anything else."
    ),
    "bound-below-record": Code(
        "plan", "The store was put back to an older state. Start nothing, and find out by whom and from which backup."
    ),
    "bound-contradicted": Code(
        "plan", "Something issued timestamps above the bound. Find out what before anything else."
    ),
    "bound-moved": Code("window", "A client is still alive. Find it and stop it, then run again."),
    "timelock-unreachable": Code("plan", "Check the server list, ports, and that a majority of the servers run."),
    "timelock-no-leader": Code("plan", "Look at the TimeLock servers' logs: they do not elect a leader."),
    "timelock-many-leaders": Code(
        "plan", "Check that the list names one cluster; if it does, look at the servers' logs and run again."
    ),
    "timelock-not-timelock": Code("plan", "Check address, port and timelock_context_path."),
    "timelock-clusters-differ": Code(
        "plan", "List every server of one cluster once, by the address that the servers use for each other."
    ),
    "timelock-tls": Code(
        "plan",
        "Check timelock_ca_path, timelock_client_cert and timelock_client_key (of a module ca_path, client_cert and "
        "client_key), and the names in the servers' certificates.",
    ),
    "timelock-namespace-used": Code(
        "plan", "If it really is this service's own, set timelock_adopt_namespace for the service."
    ),
    "timelock-behind-backup": Code(
        "plan",
        "TimeLock has lost data, or this is another cluster. Start nothing; restore TimeLock first. Where no client "
        "ever ran on it, and the store was invalidated by hand: step 4 of 'TS was too small' in the runbook.",
    ),
    "timelock-too-old": Code("plan", "Upgrade TimeLock to 0.643.0 or later first."),
    "timelock-client-limit": Code(
        "prepare", "Raise max-number-of-clients, or allow new clients, on every server; then run again."
    ),
    "timelock-stuck": Code(
        "plan", "Look at the TimeLock servers' logs. A namespace that was fast-forwarded too far never answers again."
    ),
    "timelock-behind": Code("window", "Start nothing. Look at the TimeLock servers before you run again."),
    "timelock-not-quiet": Code(
        "window", "Find who still takes timestamps of the namespace, and stop that. Then run the playbook again."
    ),
    "timelock-went-backwards": Code("window", "Start nothing. This TimeLock issues timestamps out of order."),
    "node-unreachable": Code(
        "plan", "Make the node reachable for Ansible, or take it out of the service's group if it is gone for good."
    ),
    "node-unhealthy-before": Code("plan", "Bring the node into service first, then plan again."),
    "node-lost": Code("window", "Make the node reachable, then run the playbook again."),
    "node-still-running": Code("window", "Find out why it does not stop, stop it by hand, then run again."),
    "port-still-open": Code("window", "Find the process that listens there and stop it, then run again."),
    "kvs-session-open": Code(
        "plan",
        "Find that client and stop it. If it is no client of this service, name it in timelock_ignore_sessions, or its "
        "address in timelock_kvs_known_clients.",
    ),
    "fence-login": Code(
        "plan", "Correct atlasdb_kvs_new_login: a login of its own, made beforehand, with the rights that are named."
    ),
    "fence-denied": Code(
        "plan", "Give the collection a login with atlasdb_kvs_overrides that may do it, and is not the service's own."
    ),
    "fence-shared": Code(
        "plan", "Give the service a login of its own first, in its configuration, and restart it with that."
    ),
    "fence-changed": Code("plan", "Set atlasdb_kvs_new_login as it was when the service was fenced."),
    "fence-unsupported": Code("plan", "Unset atlasdb_kvs_new_login: what the handover observes is the same without."),
    "fence-open": Code("window", "Find out who keeps those sessions or changes the login, and run again."),
    "probe-blind": Code(
        "plan",
        "Correct atlasdb_service_unit, atlasdb_service_ports or the store's address: a probe that does not "
        "see the node cannot prove it gone.",
    ),
    "proof-missing": Code(
        "plan",
        "Run the playbook again, which takes it anew. Where it cannot be had, timelock_accept_unproven takes "
        "the reason for going without.",
    ),
    "reason-missing": Code(
        "any", "Say in a few words why it may be accepted; where it may not, leave the variable out, or empty."
    ),
    "operator-locked": Code(
        "plan", "Wait for that run to end. If it is gone for good: 'A lock is left' in the runbook."
    ),
    "operator-lock-lost": Code("any", "Another run has taken over. Let it finish, and look with status.yml."),
    "window-too-long": Code(
        "window", "See in the output which step took the time, and mend that or raise timelock_window_limit."
    ),
    "plan-stale": Code("plan", "Make a new plan."),
    "node-unhealthy": Code(
        "after",
        "Look at the node's log and mend it, then run the playbook again. Nodes that are held stay down until "
        "then.",
    ),
    "node-not-on-timelock": Code(
        "after",
        "Look at the node's log and configuration, mend it, then run the playbook again. Nodes that are held "
        "stay down until then.",
    ),
    "migration-by-hand": Code(
        "plan",
        "Start none as it is. Give each node the file that it had before, start them, and run migrate.yml. Where they "
        "may have served on a TimeLock that is gone, see this code in docs/refusals.md first.",
    ),
    "migration-unsuitable": Code("plan", "Leave timelock_migration at manual: the collection does the steps."),
    "migration-not-done": Code(
        "after",
        "Start nothing. Set timelock_migration to manual and run migrate.yml again, which stops what runs and does the "
        "steps itself.",
    ),
    "hook-failed": Code(
        "after",
        "Mend what the task file does. Then run the playbook again, which does it again on every node and goes on.",
    ),
    "config-drifted": Code(
        "status", "Find who changed the node's configuration after the handover. Then run migrate.yml again."
    ),
    "node-on-old-service": Code(
        "status",
        "Stop it now: it issues timestamps from memory. Then run what status.yml names: it takes it to TimeLock.",
    ),
    "reverse-unfinished": Code("plan", "Run reverse.yml again, which ends it. After that migrate.yml is possible."),
    "server-cluster-split": Code("plan", "Run without --limit: what one server may do depends on all the others."),
    "server-config-invalid": Code("plan", "Correct the variables of the role timelock_server."),
    "server-tls-missing": Code(
        "plan", "Give timelock_server_keystore and timelock_server_truststore. For a lab, set timelock_server_lab_ca."
    ),
    "server-java-missing": Code("plan", "Install Java there, or name its folder with timelock_server_java_home."),
    "server-package": Code("plan", "Correct timelock_server_distribution, timelock_server_checksum or the version."),
    "server-downgrade": Code(
        "plan", "Keep the newer version. To have the older one, found another cluster and move the services to it."
    ),
    "server-data-lost": Code(
        "plan",
        "Do not let it start as new: it would have forgotten what it promised. Mount its disk, or restore both "
        "directories as they were last; see this code in docs/refusals.md.",
    ),
    "server-data-unknown": Code(
        "plan", "Find out whose data that is. A cluster that something else has installed is not taken over."
    ),
    "server-data-precreated": Code(
        "plan",
        "Remove the empty directory, and mount a volume at most on the folder above it: TimeLock takes a directory "
        "that exists for data, and would not start as new.",
    ),
    "server-members-changed": Code(
        "plan",
        "Make the group as it was. A majority of other members could forget what the old ones agreed, so TimeLock has "
        "no way to change them; found another cluster and move the services to it.",
    ),
    "server-clusters-differ": Code("plan", "Put the servers of one cluster into timelock_servers, and only those."),
    "server-quorum": Code("window", "Bring the other servers into service first, then run again."),
    "server-not-serving": Code(
        "after", "Look at that server's log and mend it, then run again: it goes on with that server."
    ),
    "reverse-not-migrated": Code("plan", "There is nothing to take back."),
    "reverse-timelock-lost": Code("plan", "See the runbook: TimeLock's numbers are needed to go back safely."),
    "rename-unclear": Code("plan", "Name one service with --limit, and its new namespace with timelock_rename_to."),
    "rename-not-migrated": Code("plan", "Only a service on TimeLock has a namespace there: run migrate.yml first."),
    "rename-unfinished": Code(
        "plan", "Run rename_namespace.yml again with the same timelock_rename_to, which ends it."
    ),
    "reverse-multi-node": Code("plan", "This AtlasDB version has no embedded service of several nodes."),
}


class Refusal(Exception):
    """Something that the collection will not do.

    ``code`` is a key of CODES, ``found`` a sentence that says what was found with its values and without any secret,
    ``do`` a sentence that says what to do next (default: the code's own). Whatever is in them can be printed.
    """

    def __init__(self, code: str, found: str, do: str | None = None):
        self.code = code
        self.found = printable(found)
        self.do = printable(CODES[code].do if do is None else do)
        super().__init__(f"{code}: {self.found} {self.do}")

    def result(self) -> dict:
        """The refusal as the result of a failed module."""
        said = {"code": self.code, "found": self.found, "do": self.do, "msg": str(self)}
        return {"failed": True, "changed": False, **said}
