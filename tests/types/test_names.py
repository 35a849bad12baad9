"""Names of fields that are kept once."""

from geventcache.types.names import shared_name


def copy_of(name: bytes) -> bytes:
    """An equal name that is another object."""
    return bytes(bytearray(name))


def test_equal_names_are_one_object() -> None:
    """The first of them; long ones stay as they are."""
    name = shared_name(b"a name of a field")
    assert shared_name(copy_of(name)) is name
    long_name = copy_of(b"n" * 65)
    assert shared_name(copy_of(long_name)) == long_name
    assert shared_name(long_name) is long_name


def test_the_table_is_bounded() -> None:
    """As many other names push one out."""
    name = shared_name(b"soon forgotten")
    for i in range(1024):
        shared_name(b"another %d" % i)
    other = copy_of(name)
    assert shared_name(other) is other
