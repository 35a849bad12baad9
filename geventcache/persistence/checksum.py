"""The checksum of snapshots: the CRC64 of Jones, reflected, which begins at 0 and ends as it is."""

import anycrc

MODEL = anycrc.Model("CRC64-REDIS")


def crc64(data: "bytes | bytearray | memoryview", crc: int = 0) -> int:
    """The checksum of `data`, which follow what had the checksum `crc`."""
    return MODEL.calc(data, crc)  # type: ignore[no-any-return]
