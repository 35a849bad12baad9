"""Tests of geventcache.services."""
