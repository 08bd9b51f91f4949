"""The exceptions of this tool: each has a message, a hint and an exit code."""


class ReleaseError(Exception):
    """Base of all expected errors: the message states the problem, `hint` states the fix."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RefusedError(ReleaseError):
    """A guard refused before anything was changed."""


class UnansweredError(RefusedError):
    """A required index or service did not respond."""


class UsageError(ReleaseError):
    """The request itself is invalid: an option, a value or a path."""

    exit_code = 2


class CommandError(ReleaseError):
    """A program is missing, timed out or failed."""


class SlowError(CommandError):
    """A program exceeded its timeout; `said` is its output until then."""

    def __init__(self, message: str, *, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint=hint)
        self.said = said


class FailedError(ReleaseError):
    """A step started but did not reach its target state."""
