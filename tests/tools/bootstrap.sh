#!/usr/bin/env bash
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: bootstrap.sh demo|test
# Prints the path of a ready Python environment, made first where it is missing. PYTHON names one interpreter to use.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Each would lead Python or pip away from the environment that is being made.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER PIP_REQUIRE_VIRTUALENV

candidates() {
    if [[ -n ${PYTHON:-} ]]; then
        type -P "$PYTHON"
        return
    fi
    local name
    for name in python3.11 python3.12 python3.13 python3.14 python3; do
        type -ap "$name" || true
    done
}

# A name on the PATH proves nothing: version managers leave shims that fail, and some systems ship Python without venv.
usable='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'

while read -r python; do
    "$python" -c "$usable" </dev/null >/dev/null 2>&1 || continue
    status=0
    "$python" "$here/build_environment.py" "$1" </dev/null || status=$?
    # 75: this Python could not make an environment after all.
    [[ $status -eq 75 ]] || exit "$status"
done < <(candidates)

echo "No Python of 3.11 to 3.14 here has both venv and ensurepip. On Debian: apt-get install python3-venv" >&2
exit 1
