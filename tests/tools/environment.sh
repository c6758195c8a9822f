# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# usage: source tests/tools/environment.sh demo|test
# Tools see the project's own settings, whatever the user has set, and leave nothing in the user's home.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment=$("$root/tests/tools/bootstrap.sh" "$1") || exit

while read -r name; do
    unset "$name"
done < <(compgen -v ANSIBLE_; compgen -v MOLECULE_)
# What Python compiles is kept, here and not beside the sources, or each process compiles it again.
unset name PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED
export PYTHONPYCACHEPREFIX="$root/.build/pycache"

export LC_ALL=C.UTF-8
export PATH="$environment/bin:$PATH"
export ANSIBLE_CONFIG="$root/tests/ansible.cfg"
export ANSIBLE_HOME="$root/.build/ansible"
export ANSIBLE_REMOTE_TMP="$ANSIBLE_HOME/tmp"
ANSIBLE_COLLECTIONS_PATH=$(python "$root/tests/tools/install_collection.py") || exit
export ANSIBLE_COLLECTIONS_PATH
