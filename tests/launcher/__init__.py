"""Tests of geventcache.launcher."""
