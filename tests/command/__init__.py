"""Tests of what a command is."""
