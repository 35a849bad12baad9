"""What everything else stands on: errors, the clock, strict numbers, glob patterns. Imports nothing of this package."""
