"""Load over real sockets: many clients, many keys, and what must hold afterwards."""
