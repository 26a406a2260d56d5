"""Point out, once, a proxy that records with a real key and that other machines can use."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mitmproxy import ctx

from ..options import Mode, Settings

log = logging.getLogger(__name__)

_ALL_ADDRESSES = ("", "0.0.0.0", "::")


@dataclass(slots=True)
class Exposure:
    """Whether it was pointed out."""

    is_pointed_out: bool = False

    def point_out(self, settings: Settings, credentials: tuple[str, ...]) -> None:
        """Warn when a request with a credential is recorded by a proxy that listens on all addresses."""
        if self.is_pointed_out or not credentials or settings.mode is Mode.REPLAY:
            return
        self.is_pointed_out = True
        if ctx.options.listen_host in _ALL_ADDRESSES:
            log.warning(
                "This proxy listens on all addresses of this machine while it records with a real key: others in "
                "the network can use it. Add --listen-host 127.0.0.1 unless they should. (This is said once.)"
            )
