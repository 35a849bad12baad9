"""The tests of geventcache. Nothing here sleeps, and nothing asserts on elapsed time."""
