"""From a command line to a running server: settings, logging, the process; the root that composes everything below."""
