# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties are tried as on a build server, wherever they are: the same examples each time, without a time limit."""

from __future__ import annotations

import hypothesis

# ansible-test does not let the variable through by which hypothesis would know.
hypothesis.settings.load_profile("ci")
