"""The exceptions of the package, each with the situation that it means.

OpenAIReplayError
├── BadOption          an option makes no sense: mitmdump does not start
├── BadHeader          a request's own header makes no sense: the request is refused
├── BadRecording       a file among the recordings cannot be read
│   └── NotReplayable  a well-formed file that is no HTTP exchange
├── NameTaken          another recorder has just written a file of this name
└── NotRecordable      an exchange that no recording can hold without changing it
    ├── HoldsSecret    a recording that would hold a credential of its request
    └── KeptSuccess    a failure that would replace the success of an earlier run
"""

from __future__ import annotations

from pathlib import Path


class OpenAIReplayError(Exception):
    """Base class of all errors of this package."""


class BadOption(OpenAIReplayError):
    """An option has a value that makes no sense, or a name that does not exist."""


class BadHeader(OpenAIReplayError):
    """A header for this proxy has a value that makes no sense: `<header>=<value>: <problem>`."""


class NameTaken(OpenAIReplayError):
    """Another recorder has written a file of this name at the same time; the next number may be free."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: expected a free name, another recorder has written this file")
        self.path = path


class NotRecordable(OpenAIReplayError):
    """An exchange that a recording could only hold by changing it; the message names the reason."""


class HoldsSecret(NotRecordable):
    """A recording that would hold a credential of its request; the message does not quote it."""


class KeptSuccess(NotRecordable):
    """A failed call whose recording would replace a success of an earlier run; the message names the success."""


class BadRecording(OpenAIReplayError):
    """A recording that cannot be read: `<path>: <problem> @ <place>`."""

    def __init__(self, path: Path, problem: str, place: str = "$") -> None:
        super().__init__(f"{path}: {problem} @ {place}")
        self.path = path
        self.problem = problem
        self.place = place


class NotReplayable(BadRecording):
    """A well-formed file that holds no HTTP exchange, such as the invocation of a tool."""
