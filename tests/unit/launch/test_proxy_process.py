"""The proxy as a child process: started, waited for, asked, and ended."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openai_replay.errors import BadOption
from openai_replay.launch.prepared_proxy import PreparedProxy
from openai_replay.launch.proxy_process import ProxyConfiguration, ProxyProcess, addon_script
from openai_replay.launch.running_proxy import ProxyFailed
from openai_replay.proxy.certificate_authority import CertificateAuthority

type Start = Callable[..., ProxyProcess]


@pytest.fixture
def proxy_with(tmp_path: Path, authority: CertificateAuthority) -> Iterator[Start]:
    """Return a proxy with options, which writes its log to the file `log`."""

    def made(*options: tuple[str, str], mode: str = "regular") -> ProxyProcess:
        (tmp_path / "recordings").mkdir(exist_ok=True)
        given = (("recording_dir", str(tmp_path / "recordings")), *options)
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
        configuration = ProxyConfiguration(authority.folder, mode, given, environment)
        return ProxyProcess(configuration, PreparedProxy(environment, log.fileno()))

    with open(tmp_path / "log", "wb") as log:
        yield made


@pytest.mark.parametrize("mode", ["regular", "reverse:https://api.openai.com"])
def test_a_proxy_runs_to_the_end_of_the_block(proxy_with: Start, mode: str) -> None:
    with proxy_with(mode=mode) as proxy:
        running = proxy.wait()
        assert running == proxy.running
        assert running.is_reverse == mode.startswith("reverse:")
        assert running.report()["totals"]["replayed"] == 0
        assert not proxy.has_ended()
    assert proxy.has_ended()
    with pytest.raises(ProxyFailed, match="does not answer"):
        running.report()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("recording_mode", "rewind", "recording_mode='rewind': expected one of"),
        ("recording_pacign", "2x", "unknown option recording_pacign: did you mean recording_pacing?"),
        ("pacing", "2x", "unknown option pacing: did you mean recording_pacing?"),
        ("upstream_sert", "false", "unknown option upstream_sert: no addon of this proxy has it"),
    ],
)
def test_an_option_that_makes_no_sense_to_the_proxy_is_the_reason_why_it_does_not_start(
    proxy_with: Start, tmp_path: Path, name: str, value: str, reason: str
) -> None:
    with pytest.raises(BadOption, match=re.escape(reason)):
        with proxy_with((name, value)) as proxy:
            proxy.wait()
    assert (tmp_path / "log").read_text() == ""


def test_a_proxy_that_does_not_start_is_an_error_and_its_reason_is_in_the_log(
    proxy_with: Start, tmp_path: Path
) -> None:
    with pytest.raises(ProxyFailed, match="the proxy did not start"):
        with proxy_with(("scripts", "/nowhere.py")) as proxy:
            proxy.wait()
    assert "No such script" in (tmp_path / "log").read_text()


def test_the_script_of_a_checkout_is_beside_the_package() -> None:
    assert addon_script().name == "replay.py"
    assert addon_script().is_file()


def test_a_proxy_starts_its_process_itself_if_it_gets_none(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    given = (("recording_dir", str(tmp_path)),)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with ProxyProcess(ProxyConfiguration(authority.folder, "regular", given, environment)) as proxy:
        assert proxy.wait().report()["totals"]["unused"] == 0


def test_a_process_that_has_ended_before_its_configuration_is_an_error(proxy_with: Start) -> None:
    proxy = proxy_with(("recording_test_id", "long" * 100_000))
    assert proxy.prepared is not None
    proxy.prepared.process.kill()
    proxy.prepared.process.wait()
    with pytest.raises(ProxyFailed, match="the proxy did not start"):
        with proxy:
            proxy.wait()
