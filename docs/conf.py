"""The settings of the documentation's build."""

from geventcache import __version__

project = "geventcache"
author = "geventcache developers"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"geventcache {release}"
pygments_style = "friendly"
