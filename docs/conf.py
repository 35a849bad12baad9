"""The settings of the documentation's build."""

from geventcache import __version__

project = "geventcache"
author = "geventcache developers"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "A Redis-compatible cache server on gevent", "fixed_sidebar": True}
