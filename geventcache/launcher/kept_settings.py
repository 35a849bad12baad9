"""Settings that were changed at run time and are to outlive the process: CONFIG REWRITE keeps them in a file.

The configuration file is a program, with no place to write a value to. So they stand beside it, in a file of the same
name that ends with `.auto` in the place of `.py`; it is read last, and thus wins. Each line is the name of a setting
and its text, in double quotes as those of an inline command. It has no settings that are as the other sources say.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from geventcache.resp.reader import split_inline

SUFFIX = ".auto"
HEADING = b"# Written by CONFIG REWRITE: settings that were changed while the server ran. They win over all others.\n"
ESCAPES = {ord("\\"): b"\\\\", ord('"'): b'\\"'}


class KeptSettingsError(Exception):
    """The file cannot be read; the message says why, on one line."""


def path_beside(file: Path) -> Path:
    """Where the settings are kept, beside a configuration file."""
    return file.with_suffix(SUFFIX)


def read_kept_settings(path: Path) -> dict[str, bytes]:
    """The texts of the settings by their names; none if there is no such file.

    Raises:
        KeptSettingsError: it cannot be read, or a line makes no sense.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeptSettingsError(f"{path}: {error.strerror}") from None
    texts = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith(b"#"):
            words = split_inline(line)
            if words is None or len(words) != 2:
                raise KeptSettingsError(f"{path}:{number}: a line is a name, and a text in quotes")
            texts[words[0].decode("latin-1")] = words[1]
    return texts


def write_kept_settings(path: Path, texts: Mapping[str, bytes]) -> None:
    """Write texts of settings by their names; the file is for its owner alone, as there may be passwords in it.

    Raises:
        OSError: it cannot be written; the one of before stays whole.
    """
    data = HEADING + b"".join(b'%b "%b"\n' % (name.encode(), quoted(text)) for name, text in texts.items())
    descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def quoted(text: bytes) -> bytes:
    """A text as it stands between double quotes."""
    return b"".join(ESCAPES.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte) for byte in text)
