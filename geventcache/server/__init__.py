"""The event loop's side: listeners, a greenlet a client, the expiry worker. gevent is used from here up."""
