"""Environment variables that lead a program in any language to the proxy (HTTPS_PROXY, certificates, base URL).

Two ways. Through the proxy: proxy variables, and the proxy's certificate in every variable that a client looks in.
Through the base URL: the variables that name the API, for clients that cannot be told about proxies or certificates.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ..options import HostPattern, Mode
from .base_url import BASE_URL_VARIABLES, ORIGINAL_BASE_URL, Target, original_base_url
from .running_proxy import ADDRESS
from .trust import TRUST_STORE_PASSWORD, Trust, java_home, java_options, trust_store_of

# Long enough to be replaced where it shows up in a request, and no word that a prompt would hold.
DUMMY_KEY = "sk-replay-needs-no-key-0"

# Ruby reads http_proxy for https, too, PHP's streams read the upper-case names alone, Go both.
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_NODE_CERTIFICATES = "NODE_EXTRA_CA_CERTS"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# A variable that is set, or, with None, taken away.
type Changes = dict[str, str | None]


def proxy_url(port: int, test_id: str | None = None) -> str:
    """Return the URL of the proxy; a test id is its user name.

    The password says nothing, but without one Node's fetch leaves the user name out.
    """
    user = f"{quote(test_id, safe='')}:any@" if test_id else ""
    return f"http://{user}{ADDRESS}:{port}"


def base_url(port: int, path: str, test_id: str | None = None) -> str:
    """Return the base URL that leads to the proxy; a test id goes before the API's own path."""
    prefix = f"/@{quote(test_id, safe='')}" if test_id else ""
    return f"http://{ADDRESS}:{port}{prefix}{path}"


def through_proxy(
    environment: Mapping[str, str],
    port: int,
    trust: Trust,
    hosts: Sequence[HostPattern],
    test_id: str | None = None,
) -> Changes:
    """Return the variables of a program that reaches the API through the proxy.

    Args:
        environment: the variables of the program without the proxy.
        hosts: the recorded hosts, which no NO_PROXY of the user's may exempt.
        test_id: the test that the program's requests belong to.
    """
    without_proxy = no_proxy(environment, hosts)
    return {
        **_proxy_variables(proxy_url(port, test_id)),
        "NO_PROXY": ",".join(without_proxy),
        "no_proxy": ",".join(without_proxy),
        "NODE_USE_ENV_PROXY": "1",
        "PERL_LWP_ENV_PROXY": "1",
        **_trust_variables(environment, trust),
        "JAVA_TOOL_OPTIONS": _java_tool_options(environment, port, trust, without_proxy),
        **_base_urls_as_they_were(environment),
    }


def through_base_url(
    environment: Mapping[str, str], port: int, target: Target, test_id: str | None = None
) -> Changes:
    """Return the variables of a program that reaches the API through the proxy's base URL."""
    url = base_url(port, target.path, test_id)
    without_proxy = ",".join(_with_loopback(listed(environment)))
    return {
        **dict.fromkeys(BASE_URL_VARIABLES, url),
        ORIGINAL_BASE_URL: original_base_url(environment),
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }


def tls_at_base_url(environment: Mapping[str, str], trust: Trust) -> Changes:
    """Return variables for openai-node, whose Realtime client uses TLS even where the base URL is `http://`."""
    return {_NODE_CERTIFICATES: str(trust.addition(environment.get(_NODE_CERTIFICATES, "")))}


def dummy_key(environment: Mapping[str, str], mode: Mode) -> Changes:
    """Return a key for a program that has none: replay needs none, but the program will not start without."""
    if mode is Mode.REPLAY and not environment.get("OPENAI_API_KEY"):
        return {"OPENAI_API_KEY": DUMMY_KEY}
    return {}


def applied(changes: Changes, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the changes made to it."""
    result = {name: value for name, value in environment.items() if name not in changes}
    return result | {name: value for name, value in changes.items() if value is not None}


def no_proxy(environment: Mapping[str, str], hosts: Sequence[HostPattern]) -> list[str]:
    """Return the hosts that need no proxy: the user's own and loopback, without recorded hosts."""
    return [entry for entry in _with_loopback(listed(environment)) if not _exempts_any(entry, hosts)]


def listed(environment: Mapping[str, str]) -> list[str]:
    """Return the entries of the user's NO_PROXY."""
    text = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return [entry for entry in re.split(r"[,\s]+", text) if entry]


def _with_loopback(entries: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*entries, *_LOOPBACK)))


def _exempts_any(entry: str, hosts: Sequence[HostPattern]) -> bool:
    return any(exempts(entry, host) for host in hosts)


def exempts(entry: str, host: HostPattern) -> bool:
    """Tell whether an entry of NO_PROXY covers a recorded host, or a host that its `*.` stands for."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host.name) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # one of the two is a name
    covered = re.sub(r":\d+$", "", entry).removeprefix("*").strip(".").lower()
    recorded = host.name.lower()
    if recorded == covered or recorded.endswith(f".{covered}"):
        return True
    return host.text.startswith("*.") and covered.endswith(f".{recorded}")


def _proxy_variables(url: str) -> Changes:
    return {spelling: url for name in _PROXY_VARIABLES for spelling in (name, name.lower())}


def _trust_variables(environment: Mapping[str, str], trust: Trust) -> Changes:
    """Return the variables by which clients trust the proxy; CLIENTS.md says which client reads which.

    A variable that replaces a list of authorities gets all of them; a variable that adds to it gets the proxy's alone.
    """
    own = environment.get("SSL_CERT_FILE", "")
    requests = environment.get("REQUESTS_CA_BUNDLE", "")
    curl = environment.get("CURL_CA_BUNDLE", "")
    perl = environment.get("PERL_LWP_SSL_CA_FILE", "")
    bundle = trust.bundle(own)
    variables: Changes = {
        "SSL_CERT_FILE": str(bundle),
        "REQUESTS_CA_BUNDLE": str(trust.bundle(requests, curl, own)),
        "CURL_CA_BUNDLE": str(trust.bundle(curl, own)),
        "PERL_LWP_SSL_CA_FILE": str(trust.bundle(perl, own)),
        "SYSTEM_WGETRC": str(trust.wgetrc(bundle, environment.get("SYSTEM_WGETRC", ""))),
        _NODE_CERTIFICATES: str(trust.addition(environment.get(_NODE_CERTIFICATES, ""))),
        "DENO_CERT": str(trust.addition(environment.get("DENO_CERT", ""))),
        "PHP_INI_SCAN_DIR": _with_folder(
            environment.get("PHP_INI_SCAN_DIR", ""), str(trust.php_ini_folder(bundle))
        ),
    }
    if of_nix := environment.get(
        "NIX_SSL_CERT_FILE"
    ):  # before SSL_CERT_FILE, for programs that Nix has built
        variables["NIX_SSL_CERT_FILE"] = str(trust.bundle(of_nix))
    return variables


def _with_folder(folders: str, added: str) -> str:
    """Return PHP_INI_SCAN_DIR with a folder more; an empty element stands for PHP's own."""
    return folders if added in folders.split(":") else f"{folders}:{added}"


def _java_tool_options(
    environment: Mapping[str, str], port: int, trust: Trust, without_proxy: Sequence[str]
) -> str:
    """Return JAVA_TOOL_OPTIONS with the proxy and a trust store: Java looks in no variable for either."""
    given = java_options(environment.get("JAVA_TOOL_OPTIONS", ""))
    bundle = trust.bundle(environment.get("SSL_CERT_FILE", ""))
    store = trust.java_trust_store(bundle, trust_store_of(given), java_home(environment))
    ours = {
        "http.proxyHost": ADDRESS,
        "http.proxyPort": str(port),
        "https.proxyHost": ADDRESS,
        "https.proxyPort": str(port),
        "http.nonProxyHosts": "|".join(_java_pattern(entry) for entry in without_proxy),
        "javax.net.ssl.trustStore": str(store),
        "javax.net.ssl.trustStoreType": "PKCS12",
        "javax.net.ssl.trustStorePassword": TRUST_STORE_PASSWORD,
    }
    kept = [option for option in given if option.removeprefix("-D").partition("=")[0] not in ours]
    return " ".join(_java_quoted(option) for option in (*kept, *(f"-D{n}={v}" for n, v in ours.items())))


def _java_pattern(entry: str) -> str:
    return f"*{entry}" if entry.startswith(".") else entry


def _java_quoted(option: str) -> str:
    """Quote an option for JAVA_TOOL_OPTIONS, which knows both quotes and no escapes."""
    if not re.search(r"[\s'\"]", option):
        return option
    return f'"{option}"' if '"' not in option else f"'{option}'"


def _base_urls_as_they_were(environment: Mapping[str, str]) -> Changes:
    """Undo the variables of a run around this one: through the proxy, a program asks the API by its own name."""
    if ORIGINAL_BASE_URL not in environment:
        return {}
    original = environment[ORIGINAL_BASE_URL] or None
    return {**dict.fromkeys(BASE_URL_VARIABLES, original), ORIGINAL_BASE_URL: None}


# --- writing them down ---


def taken_back(changes: Changes, environment: Mapping[str, str]) -> Changes:
    """Return the changes that unset the variables of `changes`, for a shell that does not remember earlier values."""
    unset: Changes = dict.fromkeys(changes)
    if environment.get("OPENAI_API_KEY") == DUMMY_KEY:
        unset["OPENAI_API_KEY"] = None
    return {**unset, **_base_urls_as_they_were(environment)}


def as_sh(changes: Changes) -> str:
    """Return lines for the `eval` of sh, dash, bash, zsh and ksh (POSIX, Shell Command Language, 2.2)."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in changes.items()
    )


def as_fish(changes: Changes) -> str:
    """Return lines for fish's `source`, whose single quotes know two escapes (fish's documentation, "Quotes")."""
    return "".join(
        f"set -e {name}\n" if value is None else f"set -gx {name} '{_fish_escaped(value)}'\n"
        for name, value in changes.items()
    )


def as_dotenv(changes: Changes) -> str:
    """Return a .env file; single quotes keep all from being expanded. It cannot unset anything."""
    return "".join(
        f"{name}={_dotenv_quoted(value)}\n" for name, value in changes.items() if value is not None
    )


def as_powershell(changes: Changes) -> str:
    """Return lines for PowerShell."""
    return "".join(
        f"Remove-Item Env:{name} -ErrorAction SilentlyContinue\n"
        if value is None
        else f"$env:{name} = '{value.replace("'", "''")}'\n"
        for name, value in changes.items()
    )


def as_json(changes: Changes) -> str:
    """Return one JSON object; null stands for a variable that is to be unset."""
    return json.dumps(changes, indent=2, ensure_ascii=False) + "\n"


def _fish_escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _dotenv_quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    escaped = re.sub(r'(["\\$])', r"\\\1", value)
    return f'"{escaped}"'


FORMATS = {"sh": as_sh, "fish": as_fish, "dotenv": as_dotenv, "powershell": as_powershell, "json": as_json}
