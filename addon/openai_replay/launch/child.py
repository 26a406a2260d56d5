"""Run a command transparently: its streams, terminal, signals and exit status pass through."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# Exit statuses as shells have them (POSIX, Shell Command Language, 2.8.2).
NOT_EXECUTABLE = 126
NOT_FOUND = 127
KILLED = 128

# Handed on to the command. Not SIGTSTP and its like: they stop this process as they stop the command.
_HANDED_ON = frozenset(
    {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGWINCH,
    }
)

# A signal that comes before the command runs means that it should not run.
_GIVING_UP = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})

# Sent by a terminal, to its whole foreground process group.
_FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH, signal.SIGHUP})

# Python ignores these, and a command would inherit that.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class CommandFailed(Exception):
    """A command could not be started; `status` is the exit status that a shell gives for it."""

    message: str
    status: int

    def __str__(self) -> str:
        return self.message


@contextmanager
def held_signals() -> Iterator[frozenset[signal.Signals]]:
    """Hold signals for the command until it runs and can get them; yield the signals that were held before.

    They are not handled but waited for, because only so is it known who sent them.
    """
    earlier = frozenset(
        signal.Signals(number)
        for number in signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON | {signal.SIGCHLD})
    )
    try:
        yield earlier
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def run_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    held_before: frozenset[signal.Signals],
    when_another_child_ends: Callable[[], None],
) -> int:
    """Run a command to its end and return its exit status, 128 + n when signal n has ended it.

    Signals are handed on to it, except the signals that the terminal sends to it anyway: many programs end at once when
    a signal comes twice. To be called in `held_signals`.

    Args:
        held_before: the signals that are blocked for the command.
        when_another_child_ends: called when it may be that another child of this process has ended.

    Raises:
        CommandFailed: it could not be started, or was not to be any more.
    """
    if given_up := signal.sigpending() & _GIVING_UP:
        number = signal.Signals(min(given_up))
        raise CommandFailed(f"{command[0]} was not run: {number.name} came first", KILLED + number)
    child = _spawn(command, environment, held_before)
    while True:
        number, is_from_terminal = _next_signal()
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return _exit_status(status)
            when_another_child_ends()
        elif not is_from_terminal:
            os.kill(child, number)


def _spawn(command: Sequence[str], environment: Mapping[str, str], held: frozenset[signal.Signals]) -> int:
    try:
        return os.posix_spawnp(
            command[0], list(command), environment, setsigmask=held, setsigdef=_IGNORED_BY_PYTHON
        )
    except FileNotFoundError as exc:
        # Of a script it may be the interpreter in its first line that does not exist.
        is_there = "/" in command[0] and os.path.exists(command[0])
        what = "its interpreter is not there" if is_there else "command not found"
        raise CommandFailed(f"{command[0]}: {what}", NOT_FOUND) from exc
    except NotADirectoryError as exc:
        raise CommandFailed(f"{command[0]}: {exc.strerror}", NOT_FOUND) from exc
    except OSError as exc:
        reason = (
            "not a program: expected a first line such as #!/bin/sh" if exc.errno == errno.ENOEXEC else ""
        )
        raise CommandFailed(f"{command[0]}: {reason or exc.strerror}", NOT_EXECUTABLE) from exc


def _next_signal() -> tuple[signal.Signals, bool]:
    """Wait for a signal; tell also whether it is one that the terminal has sent to the command as well."""
    watched = _HANDED_ON | {signal.SIGCHLD}
    if sys.platform == "darwin":  # has no sigwaitinfo
        number = signal.Signals(signal.sigwait(watched))
        return number, number in _FROM_TERMINAL and _is_in_foreground()
    information = signal.sigwaitinfo(watched)
    # From the kernel, not from another process (SI_USER is 0, and other signals of processes are negative).
    return signal.Signals(information.si_signo), information.si_code > 0


def _is_in_foreground() -> bool:
    try:
        with open("/dev/tty", "rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return KILLED - code if code < 0 else code
