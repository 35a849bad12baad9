"""Who hears of changes: WATCH, client-side caching, blocked clients and notifications."""
