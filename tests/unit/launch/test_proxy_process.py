"""The proxy as a child process: started, waited for, asked, and ended."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openai_replay.launch.proxy_process import ProxyConfiguration, ProxyProcess, addon_script
from openai_replay.launch.running_proxy import ProxyFailed
from openai_replay.proxy.certificate_authority import CertificateAuthority

type Configure = Callable[..., ProxyConfiguration]


@pytest.fixture
def configure(tmp_path: Path, authority: CertificateAuthority) -> Iterator[Configure]:
    def configured(*options: tuple[str, str], mode: str = "regular") -> ProxyConfiguration:
        (tmp_path / "recordings").mkdir(exist_ok=True)
        given = (("recording_dir", str(tmp_path / "recordings")), *options)
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
        return ProxyConfiguration(authority.folder, mode, given, environment, log=log.fileno())

    with open(tmp_path / "log", "wb") as log:
        yield configured


@pytest.mark.parametrize("mode", ["regular", "reverse:https://api.openai.com"])
def test_a_proxy_runs_to_the_end_of_the_block(configure: Configure, mode: str) -> None:
    with ProxyProcess(configure(mode=mode)) as proxy:
        running = proxy.wait()
        assert running == proxy.running
        assert running.is_reverse == mode.startswith("reverse:")
        assert running.report()["totals"]["replayed"] == 0
        assert not proxy.has_ended()
    assert proxy.has_ended()
    with pytest.raises(ProxyFailed, match="does not answer"):
        running.report()


def test_a_proxy_that_does_not_start_is_an_error_and_its_reason_is_in_the_log(
    configure: Configure, tmp_path: Path
) -> None:
    with pytest.raises(ProxyFailed, match="the proxy did not start"):
        with ProxyProcess(configure(("recording_mode", "rewind"))) as proxy:
            proxy.wait()
    assert "openai-replay: recording_mode='rewind': expected one of" in (tmp_path / "log").read_text()


def test_the_script_of_a_checkout_is_beside_the_package() -> None:
    assert addon_script().name == "replay.py"
    assert addon_script().is_file()
