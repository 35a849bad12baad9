"""Tests of the formats and files of snapshots."""
