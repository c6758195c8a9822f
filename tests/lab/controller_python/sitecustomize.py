# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of ansible-playbook in a third less of a processor's time. Python imports this file by itself, by its name.

Ansible forks a process for each task and host, and each of them compiles its templates, loads the same plugins, and has
Python's garbage collector write to memory that it shares with its parent. Here what templates and collections compile
to is kept, and so is what modules are packed to; plugins are loaded before the forks, and the collector leaves alone
what was there before.
"""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import os
import sys

from ansible.release import __version__
from compiled_once import FOLDER, keep, kept, key_of

TRIED = ("2.19.", "2.21.")
"""This reaches into Ansible: versions other than these are left as they are."""

TESTS = ("defined", "undefined", "mapping", "truthy", "succeeded")
FILTERS = ("default", "combine", "to_json", "bool", "dict2items", "ternary", "atlasdb.timelock.server_urls")
ACTIONS = ("set_fact", "debug", "include_tasks", "normal")
MODULES = (
    "ansible.executor.module_common",
    "ansible.module_utils._internal._json._profiles._module_legacy_c2m",
    "ansible.module_utils._internal._json._profiles._module_legacy_m2c",
)


class _WhenImported:
    """Does something to a module as soon as it is there."""

    def __init__(self, then):
        self._then = then

    def find_spec(self, name, path, target=None):
        if name not in self._then:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self._then[name](module)

        spec.loader.exec_module = exec_module
        return spec


def _compile_templates_once(jinja):
    from jinja2.environment import TemplateExpression

    environment = jinja.AnsibleEnvironment
    compile_template, compile_expression = environment.compile, environment.compile_expression
    expressions = []

    def key(self, kind, source):
        """All that the code depends on."""
        context = jinja._TemplateCompileContext.current(optional=True)
        options = [getattr(self, name) for name in jinja._TEMPLATE_OVERRIDE_FIELD_NAMES]
        escapes = context and context.escape_backslashes
        return key_of(__version__, kind, str(source), escapes, options)

    def compile(self, source, name=None, filename=None, raw=False, defer_init=False):
        if raw or name or filename or defer_init:
            return compile_template(self, source, name, filename, raw, defer_init)
        if isinstance(source, str):
            own = key(self, "template", source)
            return kept(own) or keep(own, compile_template(self, source))
        code = compile_template(self, source)
        return keep(expressions[-1], code) if expressions else code

    def compile_an_expression(self, source, undefined_to_none=True):
        own = key(self, "expression", source)
        if code := kept(own):
            template = self.template_class.from_code(self, code, self.make_globals(None))
            return TemplateExpression(template, undefined_to_none)
        expressions.append(own)
        try:
            return compile_expression(self, source, undefined_to_none)
        finally:
            expressions.pop()

    environment.compile = compile
    environment.compile_expression = compile_an_expression


def _compile_collections_once(finder):
    """Ansible imports them by a loader of its own, which compiles each file in each process."""

    def compiled(source, filename, *options, **more):
        own = key_of(filename, source)
        return kept(own) or keep(own, compile(source, filename, *options, **more))

    finder.compile = compiled


def _load_plugins_first(manager):
    from ansible.plugins import loader

    run = manager.TaskQueueManager.run

    def loaded(self, play):
        for kind, names in ((loader.test_loader, TESTS), (loader.filter_loader, FILTERS)):
            for name in names:
                kind.get(name)
        for name in ACTIONS:
            loader.action_loader.get(f"ansible.builtin.{name}", class_only=True)
        for kind, name in ((loader.connection_loader, "local"), (loader.shell_loader, "sh")):
            kind.get(name, class_only=True)
        for name in MODULES:
            importlib.import_module(name)
        _share_packed_modules()
        return run(self, play)

    manager.TaskQueueManager.run = loaded


def _share_packed_modules():
    """Ansible packs a module for the nodes once a run. Of a collection whose folder is named by its content, it is the
    same package in each.
    """
    from ansible import constants

    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    named_by_content = os.path.dirname(collections) == os.path.join(os.path.dirname(FOLDER), "collections")
    own = os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
    if named_by_content and not os.path.lexists(own):
        shared = os.path.join(FOLDER, f"modules-{os.path.basename(collections)}-{__version__}")
        os.makedirs(shared, exist_ok=True)
        os.symlink(shared, own)


THEN = {
    "ansible.utils.collection_loader._collection_finder": _compile_collections_once,
    "ansible._internal._templating._jinja_bits": _compile_templates_once,
    "ansible.executor.task_queue_manager": _load_plugins_first,
}

if FOLDER and __version__.startswith(TRIED):
    gc.disable()
    os.register_at_fork(before=gc.freeze)
    sys.meta_path.insert(0, _WhenImported(THEN))
