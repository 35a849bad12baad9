# cython: language_level=3
"""The Door of door.py, which says what it is to its users, as a function of C that Lua calls.

Whoever gives a text leaves its address here: `kept` and `verdict` hold the objects for as long as Lua may read them.
"""

cimport cython
from geventcache.base.c_api cimport (
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
    PyErr_Clear,
    memcpy,
    memset,
    uint32_t,
    uint64_t,
    uintptr_t,
)
from geventcache.base.numbers cimport format_integer


cdef double EXACT = 9007199254740992.0

cdef enum:
    BLOCK = 64
    SHORT = 4096  # what takes longer to hash is left to hashlib

cdef const char *HEXADECIMAL = "0123456789abcdef"


cdef inline uint32_t rolled(uint32_t word, int by) noexcept nogil:
    return word << by | word >> (32 - by)


cdef inline uint32_t chosen(uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    return d ^ (b & (c ^ d))


cdef inline uint32_t parity(uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    return b ^ c ^ d


cdef inline uint32_t majority(uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    return b & c | d & (b | c)


cdef inline void turn(uint32_t a, uint32_t *b, uint32_t *e, uint32_t mixed) noexcept nogil:
    """A round of SHA1: instead of moving five words, the caller names them anew."""
    e[0] += rolled(a, 5) + mixed
    b[0] = rolled(b[0], 30)


cdef void take_block(uint32_t *state, const unsigned char *block) noexcept nogil:
    """Take a block into the state of a SHA1 (FIPS 180-4, 6.1.2)."""
    cdef uint32_t w[80]
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4]
    cdef int i
    for i in range(16):
        w[i] = <uint32_t>block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3]
    for i in range(16, 80):
        w[i] = rolled(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
    for i in range(0, 20, 5):
        turn(a, &b, &e, chosen(b, c, d) + 0x5A827999u + w[i])
        turn(e, &a, &d, chosen(a, b, c) + 0x5A827999u + w[i + 1])
        turn(d, &e, &c, chosen(e, a, b) + 0x5A827999u + w[i + 2])
        turn(c, &d, &b, chosen(d, e, a) + 0x5A827999u + w[i + 3])
        turn(b, &c, &a, chosen(c, d, e) + 0x5A827999u + w[i + 4])
    for i in range(20, 40, 5):
        turn(a, &b, &e, parity(b, c, d) + 0x6ED9EBA1u + w[i])
        turn(e, &a, &d, parity(a, b, c) + 0x6ED9EBA1u + w[i + 1])
        turn(d, &e, &c, parity(e, a, b) + 0x6ED9EBA1u + w[i + 2])
        turn(c, &d, &b, parity(d, e, a) + 0x6ED9EBA1u + w[i + 3])
        turn(b, &c, &a, parity(c, d, e) + 0x6ED9EBA1u + w[i + 4])
    for i in range(40, 60, 5):
        turn(a, &b, &e, majority(b, c, d) + 0x8F1BBCDCu + w[i])
        turn(e, &a, &d, majority(a, b, c) + 0x8F1BBCDCu + w[i + 1])
        turn(d, &e, &c, majority(e, a, b) + 0x8F1BBCDCu + w[i + 2])
        turn(c, &d, &b, majority(d, e, a) + 0x8F1BBCDCu + w[i + 3])
        turn(b, &c, &a, majority(c, d, e) + 0x8F1BBCDCu + w[i + 4])
    for i in range(60, 80, 5):
        turn(a, &b, &e, parity(b, c, d) + 0xCA62C1D6u + w[i])
        turn(e, &a, &d, parity(a, b, c) + 0xCA62C1D6u + w[i + 1])
        turn(d, &e, &c, parity(e, a, b) + 0xCA62C1D6u + w[i + 2])
        turn(c, &d, &b, parity(d, e, a) + 0xCA62C1D6u + w[i + 3])
        turn(b, &c, &a, parity(c, d, e) + 0xCA62C1D6u + w[i + 4])
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e


@cython.cdivision(True)
cdef void sha1_of(const char *text, size_t size, char *digest) noexcept nogil:
    """The SHA1 of a text in hexadecimal: of a short one, for which hashlib takes longer to begin than to hash it."""
    cdef uint32_t state[5]
    cdef unsigned char last[2 * BLOCK]
    cdef size_t blocks = size // BLOCK, rest = size % BLOCK, at
    cdef size_t padded = BLOCK if rest < BLOCK - 8 else 2 * BLOCK
    cdef int i
    state[0], state[1], state[2], state[3], state[4] = 0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u
    for at in range(blocks):
        take_block(state, <const unsigned char *>text + at * BLOCK)
    memcpy(last, text + blocks * BLOCK, rest)
    memset(last + rest, 0, padded - rest)
    last[rest] = 0x80
    for i in range(8):
        last[padded - 1 - i] = <unsigned char>((<uint64_t>size << 3) >> (8 * i))
    for at in range(padded // BLOCK):
        take_block(state, last + at * BLOCK)
    for i in range(DIGEST):
        digest[i] = HEXADECIMAL[state[i >> 3] >> (28 - 4 * (i & 7)) & 15]


# ---------------------------------------------------------------- strings of JSON

cdef enum:
    ENDLESS = 0  # how a string ends: its text does; a wrong escape; at its quote; not yet, since there is no more room
    WRONG_ESCAPE = 1
    WRONG_UNICODE = 2
    CLOSED = 3
    FULL = 4


cdef const char *SHORT_ESCAPES = "btn\0fr"  # of the codes from 8 on


cdef size_t escape(const unsigned char *text, size_t size, unsigned char *room) noexcept nogil:
    """Write a text as a string of JSON without quotes; return how many bytes that are, up to six for one."""
    cdef unsigned char *out = room
    cdef unsigned char c
    cdef size_t i
    for i in range(size):
        c = text[i]
        if c >= 32 and c != c'"' and c != c"/" and c != c"\\" and c != 127:
            out[0] = c
            out += 1
            continue
        out[0] = c"\\"
        out += 2
        if c >= 32 and c != 127:
            out[-1] = c
        elif 8 <= c <= 13 and c != 11:
            out[-1] = SHORT_ESCAPES[c - 8]
        else:
            out[-1] = c"u"
            out[0] = out[1] = c"0"
            out[2] = HEXADECIMAL[c >> 4]
            out[3] = HEXADECIMAL[c & 15]
            out += 4
    return out - room


cdef int digits(const unsigned char *text) noexcept nogil:
    """The number of four hexadecimal digits; -1 if they are none."""
    cdef int number = 0, i
    cdef unsigned char c
    for i in range(4):
        c = text[i] | 32
        if c"0" <= text[i] <= c"9":
            number = number << 4 | c - c"0"
        elif c"a" <= c <= c"f":
            number = number << 4 | c - c"a" + 10
        else:
            return -1
    return number


cdef int code_of(const unsigned char *text, size_t *length) noexcept nogil:
    """The code of an escape behind its backslash, and its length in bytes; a negative way to end if it is none."""
    cdef int code, low
    cdef unsigned char c = text[0]
    length[0] = 1
    if c == c'"' or c == c"\\" or c == c"/":
        return c
    for code in range(8, 14):
        if c == SHORT_ESCAPES[code - 8] and c != 0:
            return code
    if c != c"u":
        return -WRONG_ESCAPE
    code = digits(text + 1)
    length[0] = 5
    if 0xD800 <= code <= 0xDFFF:
        low = digits(text + 7) if code < 0xDC00 and text[5] == c"\\" and text[6] == c"u" else -1
        length[0] = 11
        code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00 if 0xDC00 <= low <= 0xDFFF else -1
    return code if code >= 0 else -WRONG_UNICODE


cdef int unescape(
    const unsigned char *text, size_t start, unsigned char *room, size_t size, double *reached
) noexcept nogil:
    """Read a string of JSON from a place on, behind which a zero must come; return how it ends.

    `reached` is how many bytes were written, and the place of what ended it.
    """
    cdef const unsigned char *at = text + start
    cdef unsigned char *out = room
    cdef unsigned char c
    cdef int code = FULL
    cdef size_t length
    while out + 4 <= room + size:
        c = at[0]
        if c == c'"' or c == 0:
            code = CLOSED if c else ENDLESS
            break
        if c != c"\\":
            out[0] = c
            out += 1
            at += 1
            continue
        code = code_of(at + 1, &length)
        if code < 0:
            code = -code
            break
        at += 1 + length
        out += encode(code, out)
        code = FULL
    reached[0] = out - room
    reached[1] = at - text
    return code


cdef size_t encode(int code, unsigned char *out) noexcept nogil:
    """Write a character in UTF-8; return its length."""
    cdef size_t length = 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    cdef size_t i
    for i in range(length - 1, 0, -1):
        out[i] = 0x80 | code & 0x3F
        code >>= 6
    out[0] = code if length == 1 else 0xF0 << (4 - length) & 0xFF | code
    return length


# ---------------------------------------------------------------- the door

cdef void enter(void *host, int operation, int count, const char **texts, const double *numbers) noexcept nogil:
    cdef Desk *desk = <Desk *>host
    if operation == SHA1 and texts[0] != NULL and numbers[0] <= SHORT:
        sha1_of(texts[0], <size_t>numbers[0], desk.digest)
        desk.places[ANSWER] = desk.digest
        desk.facts[VALUE] = DIGEST
        desk.facts[KIND] = TEXT
    else:
        enter_held(desk.door, operation, count, texts, numbers)


cdef void enter_held(
    void *door, int operation, int count, const char **texts, const double *numbers
) noexcept with gil:
    if (<Enter>entered)(<Door>door, operation, count, texts, numbers) < 0:
        PyErr_Clear()  # of memory that is lost: what raises others has dealt with them
        (<Door>door).desk.facts[KIND] = LOST


# To Lua, an exception is an answer: `entered`, for a caller that looks at what it returns.
ctypedef int (*Enter)(Door door, int operation, int count, const char **texts, const double *numbers) noexcept


cdef int entered(Door door, int operation, int count, const char **texts, const double *numbers) except -1:
    cdef list args = []
    cdef int i
    for i in range(count):
        if texts[i] is NULL:
            args.append(argument(numbers[i]))
        else:
            args.append(PyBytes_FromStringAndSize(texts[i], <Py_ssize_t>numbers[i]))
    door.inside.answer(operation, args)
    return 0


cdef inline object argument(double number):
    """A number as an argument of a command, if it is an integer that is exact: most are."""
    if -EXACT < number < EXACT and number == <long long>number:
        return format_integer(<long long>number)
    return number


cdef class Host:
    cpdef answer(self, int operation, list args):
        raise NotImplementedError


cdef class Door:
    def __init__(self, inside):
        self.inside = inside
        self.desk.door = <void *>self
        self.desk.facts[VERDICT] = -1

    def addresses(self):
        return {
            b"enter": <double><uintptr_t>&enter,
            b"host": <double><uintptr_t>&self.desk,
            b"facts": <double><uintptr_t>&self.desk.facts[0],
            b"places": <double><uintptr_t>&self.desk.places[0],
            b"texts": <double><uintptr_t>&self.desk.texts[0],
            b"numbers": <double><uintptr_t>&self.desk.numbers[0],
            b"escape": <double><uintptr_t>&escape,
            b"unescape": <double><uintptr_t>&unescape,
        }

    def limit(self, double size):
        self.desk.facts[LIMIT] = size

    def log_from(self, int level):
        self.desk.facts[LOG_LEVEL] = level

    cpdef bint wants_resp3(self):
        return self.desk.facts[IS_RESP3] != 0

    cpdef give(self, int kind, double number=0):
        self.desk.facts[KIND], self.desk.facts[VALUE] = kind, number

    cpdef give_text(self, int kind, bytes text):
        self.kept = text
        self.desk.places[ANSWER] = PyBytes_AS_STRING(text)
        self.desk.facts[KIND], self.desk.facts[VALUE] = kind, PyBytes_GET_SIZE(text)

    cpdef give_verdict(self, bytes text):
        self.verdict = text
        self.desk.places[REASON] = PyBytes_AS_STRING(text)
        self.desk.facts[VERDICT] = PyBytes_GET_SIZE(text)
