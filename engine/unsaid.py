"""What holds a secret says nothing of itself: reprs end up in logs and tracebacks."""


class Unsaid:
    """A mixin in front of msgspec.Struct: the repr is the name of the class alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
