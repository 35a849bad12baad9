"""Tests of geventcache.base."""
