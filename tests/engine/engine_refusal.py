"""What the scripted engine answers when it does not do what was asked."""


class Refusal(Exception):
    """An answer that is no success; 304 has no text."""

    def __init__(self, status, message=""):
        super().__init__(message)
        self.status = status
        self.message = message
