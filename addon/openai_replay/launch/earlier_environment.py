"""Remember the variables that `openai-replay env` replaces in a shell, so that `env --unset` can restore them.

One variable holds the earlier values, as JSON. So a company's HTTPS_PROXY comes back, and `env` twice is as `env` once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .environment import Changes, applied

EARLIER = "OPENAI_REPLAY_EARLIER_ENVIRONMENT"


def remembering(changes: Changes, environment: Mapping[str, str]) -> Changes:
    """Return the changes of `env`, and with them the variable that holds the values before.

    Args:
        environment: the variables before, see `before`.
    """
    return {**changes, EARLIER: json.dumps({name: environment.get(name) for name in changes})}


def restoring(environment: Mapping[str, str]) -> Changes:
    """Return the changes that undo `env` in the shell that has evaluated it; none where it has not."""
    earlier = _earlier(environment)
    return {**earlier, EARLIER: None} if earlier else {}


def before(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it was before the shell evaluated `env`, or as it is where it has not."""
    return applied(restoring(environment), environment)


def _earlier(environment: Mapping[str, str]) -> Changes:
    """Return the remembered values, none where the variable is not there or has been changed by other hands."""
    try:
        found = json.loads(environment.get(EARLIER, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if value is None or isinstance(value, str)}
