"""The wire: requests read from bytes, values written to bytes. No sockets, no commands."""

from geventcache.resp import encoders as encoders  # which makes the writer complete
