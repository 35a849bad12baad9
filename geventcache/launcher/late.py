"""What a server imports and reads only when it is wanted: by its first script, thread or name of a host.

A server that becomes another user does that before. Often that user cannot read this Python: one below ``/root``, as
several installers make it, or one of a service's own. Everything would seem well, until the first script.
"""

from __future__ import annotations

from importlib import import_module

import gevent

from geventcache.commands import load_commands
from geventcache.services.scripting.runtime import load_engine
from geventcache.services.settings.config import Config
from geventcache.web.pages import load_pages

# What the standard library and gevent import by themselves: for threads, and for names of hosts.
_FOREIGN = ("concurrent.futures.thread", "encodings.idna")
_BY_SETTING = {
    "http": ("geventcache.launcher.front", "geventcache.web.site"),
    "upstream": ("geventcache.upstream.upstream",),
}


def load_shared() -> None:
    """Import what every server needs, but for what depends on its settings."""
    load_commands()
    for name in ("loop", "resolver", "threadpool", "format_context"):  # which gevent imports when it makes a hub
        getattr(gevent.config, name)


def load_late(config: Config) -> None:
    """Import and read all that may be wanted later on, if the process is to become another user."""
    if not config["user"] and not config["group"]:
        return
    load_shared()
    wanted = [module for setting, modules in _BY_SETTING.items() if config[setting] for module in modules]
    for module in (*_FOREIGN, *wanted):
        import_module(module)
    load_engine()
    if config["http"]:
        load_pages()
