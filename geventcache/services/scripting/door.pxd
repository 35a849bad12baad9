cdef enum:
    KIND = 0
    VALUE = 1
    VERDICT = 2
    IS_RESP3 = 3
    LIMIT = 4
    LOG_LEVEL = 5
    FACTS = 6
    ANSWER = 0
    REASON = 1
    PLACES = 2
    FEW = 8

cpdef enum:
    CALL = 0
    ALLOWED = 1
    SHA1 = 2
    LOG = 3
    MORE = 4
    TICK = 5
    PROTOCOL = 6
    LOST = 0
    NUMBER = 1
    OKAY = 2
    FALSE = 3
    NIL = 4
    ENDED = 5
    TEXT = 8
    RESP = 9
    FAILED = 10

cdef enum:
    DIGEST = 40

cdef struct Desk:
    double facts[FACTS]
    const char *places[PLACES]
    const char *texts[FEW]
    double numbers[FEW]
    char digest[DIGEST]
    void *door

cdef class Host:
    cpdef answer(self, int operation, list args)

cdef class Door:
    cdef Desk desk
    cdef Host inside
    cdef bytes kept, verdict
    cpdef give(self, int kind, double number=*)
    cpdef give_text(self, int kind, bytes text)
    cpdef give_verdict(self, bytes text)
    cpdef bint wants_resp3(self)
