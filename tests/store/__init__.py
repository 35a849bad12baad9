"""Tests of the keyspace and of what belongs to it."""
