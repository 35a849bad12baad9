"""Pairs of a score and a member, ordered by score and then by the member's bytes.

Pairs stand in chunks of up to 2 * `LOAD`: an array of doubles beside a list of members. `tops` and `sizes` hold each
chunk's last score and its length, so a search looks at two short arrays and one chunk. `tree` is a Fenwick tree of
the sizes, for ranks: it follows single changes in O(log n) and is built anew, when a rank is next asked for, only
after a chunk came or went, which happens once in about `LOAD` changes.

Searches look for the score among doubles first, and for the member only among equal scores, so that a set in which
all scores are equal (an index of names) is logarithmic as well. Ranks count from 0. There is always one chunk, which
is empty when there are no pairs.
"""

from array import array
from bisect import bisect_left, bisect_right

LOAD = 256
# A chunk that shrinks below this is merged with a neighbour, if both together stay under `MERGED_LOAD`.
MIN_LOAD = 64
MERGED_LOAD = 384


class Chunk:
    """A run of pairs: `scores` beside `members`."""

    def __init__(self, scores: array, members: list[bytes]) -> None:  # type: ignore[type-arg]
        self.scores = scores
        self.members = members

    def position(self, score: float, member: bytes) -> int:
        """Where the pair is or belongs."""
        low = bisect_left(self.scores, score)
        if low == len(self.members) or self.scores[low] != score:
            return low
        return bisect_left(self.members, member, low, bisect_right(self.scores, score))

    def insert(self, at: int, score: float, member: bytes) -> None:
        """Put a pair in front of position `at`."""
        self.scores.insert(at, score)
        self.members.insert(at, member)

    def delete(self, start: int, stop: int) -> None:
        """Delete the pairs from `start` up to, not including, `stop`."""
        del self.scores[start:stop]
        del self.members[start:stop]

    def split(self, at: int) -> "Chunk":
        """Cut the pairs from `at` on off and return them as a chunk."""
        n = len(self.members)
        rest = Chunk(self.scores[at:n], self.members[at:n])
        self.delete(at, n)
        return rest


class Ranked:
    """Ordered pairs of a score, which is not NaN, and a member.

    Attributes:
        size: the number of pairs.
    """

    def __init__(self) -> None:
        self.chunks = [Chunk(array("d"), [])]
        self.tops = array("d", [0.0])
        self.sizes = array("q", [0])
        self.tree = array("q")
        self.is_stale = True
        self.size = 0

    def chunk_of_member(self, low: int, high: int, member: bytes, after: bool) -> int:
        """The first of the chunks from `low` on whose last member is not before `member`; `high` if there is none.

        With `after`, the first whose last member is behind it.
        """
        while low < high:
            middle = (low + high) >> 1
            chunk = self.chunks[middle]
            last = chunk.members[len(chunk.members) - 1]
            if last < member or (after and last == member):
                low = middle + 1
            else:
                high = middle
        return low

    def chunk_of(self, score: float, member: bytes) -> int:
        """The chunk in which the pair is or belongs."""
        last = len(self.chunks) - 1
        low = bisect_left(self.tops, score)
        if low >= last:
            return last
        if self.tops[low] != score:
            return low
        return self.chunk_of_member(low, min(bisect_right(self.tops, score), last), member, False)

    def refresh(self) -> None:
        """Build the tree from the sizes."""
        n = len(self.sizes)
        self.tree = array("q", [0])
        self.tree.extend(self.sizes)
        tree = self.tree
        for i in range(1, n + 1):
            parent = i + (i & -i)
            if parent <= n:
                tree[parent] += tree[i]
        self.is_stale = False

    def resized(self, index: int, change: int) -> None:
        """The chunk at `index` got longer by `change`."""
        self.size += change
        sizes = self.sizes
        sizes[index] += change
        if self.is_stale:
            return
        tree = self.tree
        n = len(self.tree)
        i = index + 1
        while i < n:
            tree[i] += change
            i += i & -i

    def before(self, index: int) -> int:
        """The number of pairs in front of the chunk at `index`."""
        if index == 0:
            return 0
        if self.is_stale:
            self.refresh()
        total = 0
        tree = self.tree
        i = index
        while i > 0:
            total += tree[i]
            i -= i & -i
        return total

    def locate(self, rank: int) -> tuple[int, int]:
        """The chunk that holds the pair of that rank, and its position there. Both ends are found without the tree."""
        last = len(self.sizes) - 1
        sizes = self.sizes
        if rank < sizes[0]:
            return 0, rank
        if rank >= self.size - sizes[last]:
            return last, rank - (self.size - sizes[last])
        if self.is_stale:
            self.refresh()
        tree = self.tree
        index = 0
        step = 1
        while step * 2 <= last:
            step *= 2
        while step > 0:
            if index + step <= last and tree[index + step] <= rank:
                index += step
                rank -= tree[index]
            step >>= 1
        return index, rank

    def split(self, index: int, at: int) -> None:
        """Make two chunks of the one at `index`, the second from position `at` on."""
        chunk = self.chunks[index]
        n = len(chunk.members)
        self.chunks.insert(index + 1, chunk.split(at))
        self.sizes.insert(index + 1, n - at)
        self.tops.insert(index + 1, self.tops[index])
        self.sizes[index] = at
        self.tops[index] = chunk.scores[at - 1]
        self.is_stale = True

    def drop(self, start: int, stop: int) -> None:
        """Forget the chunks from `start` up to, not including, `stop`."""
        del self.chunks[start:stop]
        del self.sizes[start:stop]
        del self.tops[start:stop]
        self.is_stale = True

    def mend(self, index: int) -> None:
        """After deletions from the chunk at `index`, if there is one: drop it, merge it, or note its last score."""
        if index >= len(self.chunks):
            return
        n = self.sizes[index]
        if n == 0:
            if len(self.chunks) > 1:
                self.drop(index, index + 1)
            return
        chunk = self.chunks[index]
        self.tops[index] = chunk.scores[n - 1]
        if n >= MIN_LOAD:
            return
        if index + 1 == len(self.chunks):
            index -= 1
        if index >= 0 and self.sizes[index] + self.sizes[index + 1] <= MERGED_LOAD:
            self.merge(index)

    def merge(self, index: int) -> None:
        """Make one chunk of the one at `index` and the next."""
        left = self.chunks[index]
        right = self.chunks[index + 1]
        left.scores.extend(right.scores)
        left.members.extend(right.members)
        self.sizes[index] += self.sizes[index + 1]
        self.tops[index] = self.tops[index + 1]
        self.drop(index + 1, index + 2)

    def add(self, score: float, member: bytes) -> None:
        """Add a pair that is not there."""
        index = self.chunk_of(score, member)
        chunk = self.chunks[index]
        at = chunk.position(score, member)
        n = len(chunk.members)
        chunk.insert(at, score, member)
        self.resized(index, 1)
        if at == n:
            tops = self.tops
            tops[index] = score
        if n + 1 > 2 * LOAD:
            # Pairs that come in their order leave full chunks behind.
            self.split(index, n if at == n and index + 1 == len(self.chunks) else LOAD)

    def remove(self, score: float, member: bytes) -> bool:
        """Remove a pair; False when it is not there."""
        index = self.chunk_of(score, member)
        chunk = self.chunks[index]
        at = chunk.position(score, member)
        n = len(chunk.members)
        if at == n or chunk.scores[at] != score or chunk.members[at] != member:
            return False
        chunk.delete(at, at + 1)
        self.resized(index, -1)
        if at == n - 1 or n <= MIN_LOAD:
            self.mend(index)
        return True

    def rank(self, score: float, member: bytes) -> int:
        """The number of pairs before this one, which need not be there."""
        index = self.chunk_of(score, member)
        chunk = self.chunks[index]
        return self.before(index) + chunk.position(score, member)

    def score_rank(self, score: float, after: bool) -> int:
        """The number of pairs with a score less than `score`, or not greater with `after`."""
        index = (bisect_right if after else bisect_left)(self.tops, score)
        if index == len(self.chunks):
            return self.size
        chunk = self.chunks[index]
        return self.before(index) + (bisect_right if after else bisect_left)(chunk.scores, score)

    def member_rank(self, member: bytes, after: bool) -> int:
        """The number of pairs whose member comes before `member`, or is it with `after`.

        Members are in the order of their bytes.
        """
        index = self.chunk_of_member(0, len(self.chunks) - 1, member, after)
        chunk = self.chunks[index]
        return self.before(index) + (bisect_right if after else bisect_left)(chunk.members, member)

    def members(self, start: int, stop: int) -> list[bytes]:
        """The members of rank `start` up to, not including, `stop` (ranks that exist)."""
        if start >= stop:
            return []
        index, offset = self.locate(start)
        chunk = self.chunks[index]
        count = stop - start
        found: list[bytes] = chunk.members[offset : min(offset + count, len(chunk.members))]
        while len(found) < count:
            index += 1
            chunk = self.chunks[index]
            found += chunk.members[0 : min(count - len(found), len(chunk.members))]
        return found

    def pairs(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """The same members with their scores."""
        found: list[tuple[bytes, float]] = []
        if start >= stop:
            return found
        index, offset = self.locate(start)
        chunk = self.chunks[index]
        scores = chunk.scores
        while start < stop:
            if offset == len(chunk.members):
                index += 1
                offset = 0
                chunk = self.chunks[index]
                scores = chunk.scores
            found.append((chunk.members[offset], scores[offset]))
            offset += 1
            start += 1
        return found

    def delete(self, start: int, stop: int) -> list[bytes]:
        """Delete the pairs of rank `start` up to, not including, `stop` (ranks that exist); return their members."""
        deleted: list[bytes] = []
        if start >= stop:
            return deleted
        first, offset = self.locate(start)
        index = first
        count = stop - start
        while len(deleted) < count:
            chunk = self.chunks[index]
            end = min(offset + count - len(deleted), len(chunk.members))
            deleted += chunk.members[offset:end]
            chunk.delete(offset, end)
            self.resized(index, offset - end)
            index += 1
            offset = 0
        if index - first > 2:
            self.drop(first + 1, index - 1)
        if index - first > 1:
            self.mend(first + 1)
        self.mend(first)
        return deleted

    def pop_end(self, last: bool) -> tuple[bytes, float]:
        """Delete and return the first pair, or the last; there is one at least."""
        index = len(self.chunks) - 1 if last else 0
        chunk = self.chunks[index]
        n = len(chunk.members)
        at = n - 1 if last else 0
        pair = (chunk.members[at], chunk.scores[at])
        chunk.delete(at, at + 1)
        self.resized(index, -1)
        if last or n <= MIN_LOAD:
            self.mend(index)
        return pair

    def fill(self, scores: list[float], members: list[bytes]) -> None:
        """Take these pairs, which are in order, in place of those before."""
        self.size = len(members)
        self.is_stale = True
        self.chunks = []
        self.tops = array("d")
        self.sizes = array("q")
        for start in range(0, max(self.size, 1), LOAD):
            stop = min(start + LOAD, self.size)
            self.chunks.append(Chunk(array("d", scores[start:stop]), members[start:stop]))
            self.tops.append(scores[stop - 1] if stop else 0.0)
            self.sizes.append(stop - start)

    def copy(self) -> "Ranked":
        """The same pairs in an order of their own."""
        other = Ranked()
        other.chunks = []
        for chunk in self.chunks:
            other.chunks.append(Chunk(chunk.scores[:], chunk.members[:]))
        other.tops = self.tops[:]
        other.sizes = self.sizes[:]
        other.size = self.size
        return other
