# cython: language_level=3
"""The Door of door.py, which says what it is to its users, as a function of C that Lua calls.

Whoever gives a text leaves its address here: `kept` and `verdict` hold the objects for as long as Lua may read them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uintptr_t


cdef void enter(void *door, int operation, int count, const char **texts, const double *numbers) noexcept with gil:
    (<Door>door).entered(operation, count, texts, numbers)


cdef class Door:
    def __init__(self, answer):
        self.answer = answer
        self.facts[VERDICT] = -1

    def addresses(self):
        return {
            b"enter": <double><uintptr_t>&enter,
            b"host": <double><uintptr_t><void *>self,
            b"facts": <double><uintptr_t>&self.facts[0],
            b"places": <double><uintptr_t>&self.places[0],
            b"texts": <double><uintptr_t>&self.texts[0],
            b"numbers": <double><uintptr_t>&self.numbers[0],
        }

    def limit(self, double size):
        self.facts[LIMIT] = size

    @property
    def resp3(self):
        return self.facts[IS_RESP3] != 0

    cpdef give(self, int kind, double number=0):
        self.facts[KIND], self.facts[VALUE] = kind, number

    cpdef give_text(self, int kind, bytes text):
        self.kept = text
        self.places[ANSWER] = PyBytes_AS_STRING(text)
        self.facts[KIND], self.facts[VALUE] = kind, PyBytes_GET_SIZE(text)

    cpdef give_verdict(self, bytes text):
        self.verdict = text
        self.places[REASON] = PyBytes_AS_STRING(text)
        self.facts[VERDICT] = PyBytes_GET_SIZE(text)

    cdef entered(self, int operation, int count, const char **texts, const double *numbers):
        cdef list args
        cdef int i
        try:
            args = []
            for i in range(count):
                if texts[i] is NULL:
                    args.append(numbers[i])
                else:
                    args.append(PyBytes_FromStringAndSize(texts[i], <Py_ssize_t>numbers[i]))
            self.answer(operation, args)
        except BaseException:  # MemoryError: what raises others has dealt with them
            self.facts[KIND] = LOST
