"""``python -m geventcache`` is the command ``geventcache``."""

import sys

from geventcache.launcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
