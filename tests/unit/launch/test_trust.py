"""The files that make clients trust the proxy."""

import shutil
import subprocess
from pathlib import Path

import pytest

from openai_replay.launch.trust import JavaTrustStore, Trust, java_home, java_options, trust_store_of

ONE = "-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----"
TWO = "-----BEGIN CERTIFICATE-----\ndHdv\n-----END CERTIFICATE-----"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.pem"
    path.write_text(f"words\n{ONE}\n")
    return path


def test_a_bundle_holds_the_replaced_list_and_the_authority(trust: Trust, own: Path, tmp_path: Path) -> None:
    text = trust.bundle(str(tmp_path / "none"), "", str(own)).read_text()
    assert text.startswith(ONE)
    assert trust.authority_file.read_text().strip() in text
    assert text.count("BEGIN CERTIFICATE") == 2


def test_a_folder_of_certificates_is_a_list(trust: Trust, tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "b").write_text(TWO)
    (folder / "a").write_text(ONE)
    assert trust.bundle(str(folder)).read_text().startswith(f"{ONE}\n{TWO}\n")


def test_files_of_equal_content_are_made_once(trust: Trust, own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(own.read_text())
    assert trust.bundle(str(own)) == trust.bundle(str(other))


def test_an_addition_is_the_authority_alone_unless_there_was_another(trust: Trust, own: Path) -> None:
    assert trust.addition("") == trust.authority_file
    assert trust.addition(str(trust.authority_file)) == trust.authority_file
    assert ONE in trust.addition(str(own)).read_text()


def test_wget_keeps_its_settings_and_gets_one_more(trust: Trust, own: Path, tmp_path: Path) -> None:
    settings = tmp_path / "wgetrc"
    settings.write_text("tries = 3\n  CA-Certificate=/old.pem\n# the end\n")
    made = trust.wgetrc(own, str(settings))
    assert made.read_text() == f"tries = 3\n# the end\nca_certificate = {own}\n"
    assert trust.wgetrc(own, str(made)) == made, "a run within a run"


def test_wget_without_settings_gets_one(trust: Trust, own: Path, tmp_path: Path) -> None:
    assert trust.wgetrc(own, str(tmp_path / "none")).read_text() == f"ca_certificate = {own}\n"


def test_wget_itself_accepts_the_file(trust: Trust, own: Path) -> None:
    wget = shutil.which("wget")
    if wget is None:
        pytest.skip("wget is not on PATH")
    made = trust.wgetrc(own, "")
    result = subprocess.run(
        [wget, "--version"], env={"SYSTEM_WGETRC": str(made)}, capture_output=True, check=False
    )
    assert (result.returncode, b"rror" in result.stderr) == (0, False), result.stderr


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", []),
        ("-Xmx1g  -Da=b", ["-Xmx1g", "-Da=b"]),
        ("""-Da="b c" '-Dd=e f'""", ["-Da=b c", "-Dd=e f"]),
        ('-Da="b', ['-Da="b']),
        ("-Da=b\\c", ["-Da=b\\c"]),
    ],
)
def test_java_options_are_split_as_java_splits_them(text: str, options: list[str]) -> None:
    assert java_options(text) == options


def test_a_trust_store_that_java_is_told_to_use_is_found_if_it_is_there(own: Path) -> None:
    options = [f"-Djavax.net.ssl.trustStore={own}", "-Djavax.net.ssl.trustStorePassword=p"]
    assert trust_store_of(options) == JavaTrustStore(own, "p")
    assert trust_store_of(options[:1]) == JavaTrustStore(own, "changeit")
    assert trust_store_of(["-Djavax.net.ssl.trustStore=/none"]) is None
    assert trust_store_of([]) is None


def test_the_java_of_java_home_counts_before_that_of_path(tmp_path: Path) -> None:
    home = tmp_path / "jdk"
    (home / "lib" / "security").mkdir(parents=True)
    assert java_home({"JAVA_HOME": str(home), "PATH": ""}) is None, "it has no authorities"
    (home / "lib" / "security" / "cacerts").write_bytes(b"")
    assert java_home({"JAVA_HOME": str(home), "PATH": ""}) == home
