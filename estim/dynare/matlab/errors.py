"""What is wrong with Matlab code, or lacking here, by its line."""


class MatlabError(Exception):
    """Code that is wrong, or that needs what the interpreter lacks; ``line`` counts from 1 in its text."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.message, self.line = message, line
