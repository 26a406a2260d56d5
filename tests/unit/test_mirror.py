"""Each module of the package has its test file, and each test file of a room has its module.

A module is tested in `tests/unit` under its own path, or, in the room `proxy`, in `tests/addon`. Some are tested
through a program instead; `THROUGH` names the test file that does it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "addon" / "openai_replay"
UNIT, ADDON, E2E = (ROOT / "tests" / name for name in ("unit", "addon", "e2e"))

# Modules, or whole folders, that are tested through a program: by the hooks, over a socket, or as a command.
THROUGH = {
    "mock/api": "e2e/test_upstream_api.py",
    "mock": "e2e/test_upstream.py",
    "proxy": "addon/test_addon.py",
    "launch/check_command.py": "e2e/test_check_command.py",
    "launch/diff_command.py": "e2e/test_diff_command.py",
    "launch/drift_command.py": "e2e/test_drift.py",
    "launch/export_command.py": "e2e/test_export.py",
    "launch/import_command.py": "e2e/test_import.py",
    "launch/init_command.py": "e2e/test_options_file.py",
    "launch/list_command.py": "e2e/test_list_and_show.py",
    "launch/mock_command.py": "e2e/test_against_mock.py",
    "launch/proxy_command.py": "e2e/test_pytest_plugin.py",
    "launch/run_command.py": "e2e/test_run_command.py",
    "engine/server.py": "e2e/test_engine.py",
    "replay/recorded_session.py": "unit/replay/test_socket_session.py",
    "service/responses_replay.py": "e2e/test_responses_websocket.py",
    "service/session_replay.py": "e2e/test_realtime_websocket.py",
}
# Modules of data or declarations alone: a test of each would repeat it.
DECLARATIONS = {"errors.py", "modes.py", "limits.py", "wire/layouts.py"}
# Tests of the whole package, or of its pages.
OF_THE_WHOLE = {"test_docs.py", "test_layers.py", "test_mirror.py", "test_readme.py", "test_format_page.py"}


def modules() -> list[str]:
    paths = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in paths if not path.endswith("__.py") and "companion/" not in path)


def places(module: str) -> list[Path]:
    """Return the paths where a module's test file may be."""
    folder, _, name = module.rpartition("/")
    unit = UNIT / folder / f"test_{name}"
    in_addon = ADDON / folder.removeprefix("proxy").lstrip("/") / f"test_{name}"
    return [unit, in_addon] if folder.startswith("proxy") else [unit]


def through(module: str) -> str | None:
    return next(
        (THROUGH[part] for part in (module, *map(str, Path(module).parents)) if part in THROUGH), None
    )


@pytest.mark.parametrize("module", modules())
def test_each_module_has_its_test_file(module: str) -> None:
    program = through(module)
    assert module in DECLARATIONS or program or any(place.exists() for place in places(module))
    assert program is None or (ROOT / "tests" / program).exists()


def test_each_test_file_has_its_module() -> None:
    expected = {place for module in modules() for place in places(module)}
    found = {path for folder in (UNIT, ADDON) for path in folder.rglob("test_*.py")}
    strangers = {
        path.relative_to(ROOT).as_posix() for path in found - expected if path.name not in OF_THE_WHOLE
    }
    assert strangers <= {"tests/addon/test_outcomes.py", "tests/addon/test_script.py"}


def test_every_exception_is_still_one() -> None:
    known = {*modules(), *(str(parent) for module in modules() for parent in Path(module).parents)}
    assert {*THROUGH, *DECLARATIONS} <= known
