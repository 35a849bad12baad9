"""What all containers have in common."""


class Container:
    """A value that holds elements and changes in place.

    Attributes:
        revision: grows with every change and with nothing else; the keyspace compares it before and after a command.
        keeps_empty: an empty container of this kind stays a key (only streams do).
    """

    keeps_empty = False
    type_name = b""

    def __init__(self) -> None:
        self.revision = 0
