# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on this machine, each with a root, a service manager, a network and an sshd of its own.

A host is a booted systemd-nspawn container: a network namespace, an overlay over one base image, a control group. All
that a lab's hosts need follows from the lab's id, so that a killed run's are found and removed as well.
"""
