"""What Python functions of one's own are made with: commands, and hooks that hear of keys.

For configuration files and for programs: ``from geventcache.extension import command``.
"""

from geventcache.resp.replies import ResponseError
from geventcache.services.extensions import Context, Database, ExpiredKey, command, with_values

__all__ = ["Context", "Database", "ExpiredKey", "ResponseError", "command", "with_values"]
