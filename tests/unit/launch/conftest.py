"""Plans and trust for the tests of the launch room."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from openai_replay.launch.plan import Plan, RunOptions, planned
from openai_replay.launch.trust import Trust
from openai_replay.proxy.certificate_authority import CertificateAuthority, certificate_authority

type Planner = Callable[..., Plan]


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh Python has imported after a line of code."""
    path = ":".join(entry for entry in sys.path if entry)
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path},
    )
    return set(result.stdout.split())


@pytest.fixture
def plan_of(tmp_path: Path) -> Planner:
    """Make a plan for a folder of recordings that exists."""

    def made(environment: Mapping[str, str] | None = None, **options: object) -> Plan:
        return planned(RunOptions(directory=str(tmp_path), **options), environment or {})  # type: ignore[arg-type]

    return made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return certificate_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def trust(authority: CertificateAuthority) -> Trust:
    return Trust(authority.folder / "trust", authority.certificate_file)
