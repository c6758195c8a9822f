# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package with the layout of TimeLock's own distribution that holds the simulator, and a Java that runs it."""
from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import yaml

TESTS = Path(__file__).resolve().parents[2]
MAIN = "com.palantir.atlasdb.timelock.TimeLockServerLauncher"
PYTHON = "/usr/bin/python3"

INIT = """#!/bin/sh
# start, stop, status, console, as the launcher of an SLS distribution has them.
set -e
cd "$(dirname "$0")/../.."
pid_file=var/run/timelock-server.pid
run="$JAVA_HOME/bin/java -cp service/lib/timelock-server-VERSION.jar MAIN server var/conf/timelock.yml"
runs() {
    [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null
}
case "$1" in
console) exec $run ;;
start)
    runs && exit 0
    nohup $run >>var/log/startup.log 2>&1 </dev/null &
    echo $! >"$pid_file"
    ;;
stop)
    runs || exit 0
    kill "$(cat "$pid_file")"
    while runs; do sleep 0.1; done
    rm -f "$pid_file"
    ;;
status) runs ;;
*) exit 2 ;;
esac
"""

JAVA = f"""#!/bin/sh
# The lab's: what it is asked to run is the simulator.
if [ "$1" = -version ]; then
    echo 'openjdk version "17.0.0-lab"' >&2
    exit 0
fi
jar=
while [ "$1" != {MAIN} ]; do
    if [ "$1" = -cp ]; then jar=$2; fi
    shift
done
shift
PYTHONPATH="$PWD/$jar" exec {PYTHON} -m lab.timelock.server "$@"
"""


def write_package(path: Path, version: str) -> str:
    """A `.sls.tgz` of that version; its checksum, as the role takes it."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, f"timelock-server-{version}")
        _write(top / "deployment/manifest.yml", yaml.safe_dump({
            "manifest-version": "1.0", "product-group": "com.palantir.timelock", "product-name": "timelock-server",
            "product-version": version}))
        _write(top / "service/bin/init.sh", INIT.replace("VERSION", version).replace("MAIN", MAIN), 0o755)
        _write(top / "var/conf/timelock.yml", "install: {paxos: {is-new-service: false}}\n")
        jar = top / f"service/lib/timelock-server-{version}.jar"
        jar.parent.mkdir()
        with zipfile.ZipFile(jar, "w") as archive:
            archive.writestr("lab/__init__.py", "")
            for source in sorted((TESTS / "lab/timelock").glob("*.py")):
                archive.write(source, f"lab/timelock/{source.name}")
            for source in sorted(Path(yaml.__file__).parent.glob("*.py")):
                archive.write(source, f"yaml/{source.name}")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(top, top.name)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def write_java(home: Path) -> None:
    """A folder for JAVA_HOME; with the openssl by which the simulator reads key stores."""
    _write(home / "bin/java", JAVA, 0o755)
    shutil.copy(shutil.which("openssl"), home / "bin/openssl")


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
