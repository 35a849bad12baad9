# cython: language_level=3, boundscheck=False, wraparound=False
"""A turn's requests, one after the other: what runs.py says, where a call costs next to nothing."""


cdef Py_ssize_t run(Engine engine, Client client, list commands, long long limit_us) except -1:
    """Run requests until one holds the client or the time is up; return how many have been run.

    The engine looks the keys of several requests up ahead, so that they wait for memory together.
    """
    cdef Py_ssize_t count = len(commands)
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t ahead = 0 if count > 1 else 1
    while at < count:
        if at == ahead:
            ahead = engine.look_ahead(client, commands, at)
        at += 1
        engine.execute(client, commands[at - 1])
        if client.is_held or engine.last_us > limit_us:
            break
    return at
