"""Points in time that mean something by themselves, in milliseconds since the epoch."""

NEVER_MS = (1 << 63) - 1
