"""State that is not data: who is connected, who listens, what is configured, what was counted."""
