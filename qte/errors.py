"""What can go wrong between a program and its exchange: the class says what the caller may conclude."""


class ExchangeStartError(RuntimeError):
    """The exchange did not start; nothing of it is left running. The text says why and what to do."""


class ExchangeUnavailable(RuntimeError):
    """No usable answer came: the exchange is not running, or it said so. A write may or may not have happened."""


class Refused(ValueError):
    """The exchange read the request and refused it; nothing changed.

    `code` and `text` are the exchange's own (-2010, "Account has insufficient balance ..."), `status` is HTTP's.
    """

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(f"{text} (code {code}, HTTP {status})")
        self.status = status
        self.code = code
        self.text = text
