"""Programs that use the public names; mypy reads them, nothing runs them."""
