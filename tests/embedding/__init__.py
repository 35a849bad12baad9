"""geventcache inside another program: the embedded server and cache, the pytest plugin, beside gunicorn."""
