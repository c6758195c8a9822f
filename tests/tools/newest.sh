#!/usr/bin/env bash
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: newest.sh CHECK...
# Runs the checks on the Python for which requirements-lab.txt names the newest ansible-core. Where this machine does
# not have it, says so, and ends well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=3.13

candidates() {
    type -ap "python$version" || true
    # A shim of pyenv's runs what its user has chosen, and fails for all else that is installed.
    compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version.*/bin/python$version" || true
}

while read -r python; do
    if "$python" -c "import ensurepip, venv" </dev/null >/dev/null 2>&1; then
        export PYTHON=$python
        break
    fi
done < <(candidates)

if [[ -z ${python:-} ]]; then
    echo "newest: skipped: no Python $version here has both venv and ensurepip"
    exit
fi
source tests/tools/environment.sh test
python -c 'import platform, ansible.release as core
print("newest: ansible-core", core.__version__, "on Python", platform.python_version(), flush=True)'
PYTHONPATH=tests/tools exec python -m checks "$@"
