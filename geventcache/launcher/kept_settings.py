"""Settings that were changed at run time and are to outlive the process: CONFIG REWRITE keeps them in a file.

The configuration file is a program, with no place to write a value to. So they stand beside it, in a file of the same
name that ends with `.auto` in the place of `.py`; it is read last, and thus wins. Each line is the name of a setting
and its text, in double quotes as those of an inline command. It has no settings that are as the other sources say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geventcache.persistence.files import replace_file
from geventcache.resp.inline import quoted, split_inline

SUFFIX = ".auto"
HEADING = b"# Written by CONFIG REWRITE: settings that were changed while the server ran. They win over all others.\n"


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
    """Write texts of settings by their names.

    Raises:
        OSError: it cannot be written; the one of before stays whole.
    """
    lines = (b"%b %b\n" % (name.encode(), quoted(text)) for name, text in texts.items())
    replace_file(str(path), HEADING + b"".join(lines))
