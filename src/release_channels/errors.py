"""Why a release cannot go on, and what to do about it."""


class ReleaseError(Exception):
    """A release cannot go on: what is wrong, and in `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RefusedError(ReleaseError):
    """A guard said no before anything moved."""


class UnansweredError(RefusedError):
    """An index or a service that has to be asked did not answer."""


class UsageError(ReleaseError):
    """The request itself is wrong: an option, a value, a place."""

    exit_code = 2


class CommandError(ReleaseError):
    """A program is missing, was too slow, or failed."""


class SlowError(CommandError):
    """A program took longer than it was given; `said` is what it had written by then."""

    def __init__(self, message: str, *, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint=hint)
        self.said = said


class FailedError(ReleaseError):
    """A step began and did not reach the state that it wanted."""
