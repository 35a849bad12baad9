"""The scripts that EVAL and SCRIPT LOAD brought, by the SHA1 of their text.

Scripts of SCRIPT LOAD stay until SCRIPT FLUSH. Of the others, the ones that were not used for longest make room: an
application that puts values into the text of its scripts must not fill the memory.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

from geventcache.services.scripting.headers import Rules

EVAL_LIMIT = 500
NOTHING_HASHED = hashlib.sha1(usedforsecurity=False)


class Script:
    """One script.

    Attributes:
        sha: the SHA1 of its text, in hexadecimal.
        text: as it was sent.
        function: as the runtime compiled it.
        rules: what its header says.
        is_loaded: it came with SCRIPT LOAD and stays.
    """

    def __init__(self, sha: bytes, text: bytes, function: Any, rules: Rules, is_loaded: bool) -> None:
        self.sha = sha
        self.text = text
        self.function = function
        self.rules = rules
        self.is_loaded = is_loaded


class ScriptCache:
    """All scripts of a server.

    Attributes:
        evicted: how many made room for others.
        text_bytes: length of all texts together.
    """

    def __init__(self) -> None:
        self.by_sha: dict[bytes, Script] = {}
        self.by_text: dict[bytes, Script] = {}
        self.brief: OrderedDict[bytes, Script] = OrderedDict()
        self.evicted = 0
        self.text_bytes = 0

    def __len__(self) -> int:
        return len(self.by_sha)

    def of_text(self, text: bytes) -> Script | None:
        """The script of a text; it was used now."""
        script = self.by_text.get(text)
        if script is not None and not script.is_loaded:
            self.brief.move_to_end(script.sha)
        return script

    def of_sha(self, sha: bytes) -> Script | None:
        """The script of a SHA1 in any case; it was used now."""
        script = self.by_sha.get(sha) or self.by_sha.get(sha.lower())
        if script is not None and not script.is_loaded:
            self.brief.move_to_end(script.sha)
        return script

    def add(self, script: Script) -> None:
        """Keep a script."""
        self.by_sha[script.sha] = script
        self.by_text[script.text] = script
        self.text_bytes += len(script.text)
        if not script.is_loaded:
            self.brief[script.sha] = script
            if len(self.brief) > EVAL_LIMIT:
                self.evict()

    def evict(self) -> None:
        """Forget the script that was not used for longest."""
        _, script = self.brief.popitem(last=False)
        del self.by_sha[script.sha]
        del self.by_text[script.text]
        self.text_bytes -= len(script.text)
        self.evicted += 1

    def keep(self, script: Script) -> None:
        """SCRIPT LOAD named it: it stays."""
        script.is_loaded = True
        self.brief.pop(script.sha, None)

    def clear(self) -> None:
        """Forget all."""
        self.by_sha.clear()
        self.by_text.clear()
        self.brief.clear()
        self.text_bytes = 0


def sha_of(text: bytes) -> bytes:
    """The name of a script."""
    digest = NOTHING_HASHED.copy()  # takes less time than to make one
    digest.update(text)
    return digest.hexdigest().encode()
