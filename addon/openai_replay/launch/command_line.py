"""Parts that the commands share: common options, the folder of the recordings, and exit statuses for errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import click

from ..errors import BadOption, OpenAIReplayError
from ..front_end import FrontEnd
from ..options import Mode, Settings
from ..options_file import resolve
from .run import FAILED, failure, file_problem

# The exit status for a command line that makes no sense, as click has it.
USAGE = 2

# The exit status for a command that could not do all of its work.
NOT_DONE = 1

# The parameter of a command for each option that has a flag.
_PARAMETERS = {"recording_mode": "mode", "recording_dir": "directory", "recording_test_id": "test_id"}

DIRECTORY = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(),
    help="The folder of the recordings; recordings without this.",
)
MODES = click.Choice([mode.value for mode in Mode])


def folder_settings(
    directory: str | None, mode: Mode = Mode.REPLAY, more_hosts: Sequence[str] = ()
) -> Settings:
    """Return the settings for a folder of recordings, by the command line or else the environment.

    Args:
        more_hosts: recorded hosts in addition to the options.

    Raises:
        BadOption: an option makes no sense; in replay, also that the folder does not exist.
    """
    given = {"recording_mode": mode.value, **({} if directory is None else {"recording_dir": directory})}
    checked = resolve(given, os.environ)
    if not more_hosts:
        return checked
    hosts = (*(host.text for host in checked.hosts), *more_hosts)
    return resolve({**given, "recording_hosts": hosts}, os.environ)


def _of_command_line(problem: BadOption, given: Mapping[str, object]) -> BadOption:
    """Return the problem of an option in the spelling of the command line, if it was given there."""
    front_end = FrontEnd.of_command_line(os.environ)
    name, _, rest = str(problem).partition("=")
    if given.get(_PARAMETERS.get(name, "")) is None:
        return BadOption(front_end.reworded(str(problem)))
    return BadOption(front_end.reworded(f"{front_end.flag(name)} {rest}"))


def guarded(work: Callable[[], int], status: int = FAILED) -> int:
    """Do the work of a command; say a problem in one line, and return that exit status then."""
    try:
        return work()
    except BadOption as exc:
        return failure(_of_command_line(exc, click.get_current_context().params), USAGE)
    except OpenAIReplayError as exc:
        return failure(exc, status)
    except OSError as exc:
        if exc.filename is None:  # not of a file: a closed pipe, which click ends quietly
            raise
        return failure(file_problem(exc), status)
