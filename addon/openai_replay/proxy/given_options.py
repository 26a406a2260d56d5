"""The options that mitmproxy's command line and configuration give, before and after the addon registers its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from mitmproxy import ctx, exceptions, optmanager

from ..errors import BadOption
from ..options import OPTIONS, nearest_name


def take_deferred() -> None:
    """Set the options that mitmproxy kept until the addon had registered them.

    mitmproxy does this itself after `load`. A value that it cannot take would then leave the addon out, without a line
    in the log, and a proxy that forwards everything. None of the kept values remains.

    Raises:
        BadOption: an option with one value got none or several, or one of another type.
    """
    try:
        _refuse_repeated()
        ctx.options.process_deferred()
    except (exceptions.OptionsError, TypeError) as exc:
        raise BadOption(str(exc)) from exc
    finally:
        _forget_registered()


def _refuse_repeated() -> None:
    for option in OPTIONS:
        texts = getattr(ctx.options.deferred.get(option.name), "val", None)
        if isinstance(texts, list):  # the texts after --set, in contrast to a value of the configuration file
            option.given(texts)


def _forget_registered() -> None:
    """Drop the values that mitmproxy would try to set again with the next addon, and fail again."""
    for name in [name for name in ctx.options.deferred if name in ctx.options]:
        del ctx.options.deferred[name]


def given_options(names: Iterable[str]) -> dict[str, Any]:
    """Return the options that the command line, a configuration file or a script has set, be it to their defaults."""
    registered = ctx.options._options
    return {
        name: registered[name].current() for name in names if registered[name].value is not optmanager.unset
    }


def refuse_unregistered(command_line: Sequence[str]) -> None:
    """Check the names after `--set`: mitmproxy keeps an unknown name for an addon that may be loaded later.

    Raises:
        BadOption: no addon has registered an option of that name.
    """
    for word, value in pairwise((*command_line, "")):
        text = value if word == "--set" else word.removeprefix("--set=") if word.startswith("--set=") else ""
        name = text.partition("=")[0]
        if name and name in ctx.options.deferred:
            near = nearest_name(name, [option.name for option in OPTIONS])
            hint = f"did you mean {near}?" if near else "no addon of this proxy has it"
            raise BadOption(f"unknown option {name}: {hint}")
