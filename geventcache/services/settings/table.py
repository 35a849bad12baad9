"""Every setting, declared once: the command line, CONFIG GET and SET and the reference page are made from this table.

Names, defaults and texts are the reference's where it has the setting; those of geventcache alone come last. A setting
that is not mutable is read once, at the start.
"""

from __future__ import annotations

from geventcache.services.settings.data_settings import DATA_SETTINGS
from geventcache.services.settings.ignored import IGNORED
from geventcache.services.settings.server_settings import SERVER_SETTINGS
from geventcache.services.settings.setting import Setting

SETTINGS: tuple[Setting, ...] = (
    *SERVER_SETTINGS,
    *DATA_SETTINGS,
    *(
        Setting(name, kind, default, "Accepted without effect", why, aliases=aliases)
        for name, kind, default, why, aliases in IGNORED
    ),
)

# How a setting is named where a name must be Python's: in the configuration file, as a keyword argument.
PYTHON_NAMES = {name.replace("-", "_"): name for setting in SETTINGS for name in (setting.name, *setting.aliases)}

# The names of settings whose values may be shown, in lower case.
PUBLIC_NAMES = frozenset(
    name.encode() for setting in SETTINGS if not setting.is_secret for name in (setting.name, *setting.aliases)
)
