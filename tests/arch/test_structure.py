"""The shape of the house: who includes whom, and what each binary links."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))

# A folder may include itself and what stands here. Process folders never include each other.
MAY_INCLUDE = {
    "base": set(),
    "ipc": {"base"},
    "conf": {"base"},
    "policy": {"base", "conf"},
    "http": {"base"},
    "sandbox": {"base", "conf"},
    "pki": {"base"},
    "net": {"base", "ipc", "pki"},
    "store": {"base", "ipc"},  # the access record is one of ipc/records.def
    "identity": {"base", "store"},
    "audit": {"base", "store"},
    "signer": {"base", "ipc", "conf", "sandbox"},
    "edge": {"base", "ipc", "conf", "policy", "http", "sandbox", "net", "pki"},
    "keeper": {"base", "ipc", "conf", "policy", "http", "sandbox", "store", "identity", "audit", "pki"},
    "courier": {"base", "ipc", "conf", "sandbox"},
    "supervisor": {"base", "ipc", "conf", "sandbox"},
    "connect": {"base", "http"},
    "cli": {"base", "conf"},
}

# Pure folders: no system header that could do I/O.
PURE = {"http", "policy"}
IO_HEADERS = {"sys/socket.h", "unistd.h", "fcntl.h", "uv.h", "sys/stat.h", "stdio.h"}


def sources(folder):
    return [p for p in (TOP / "src" / folder).rglob("*") if p.suffix in (".c", ".h", ".def")]


def includes(path, form):
    return re.findall(r'^\s*#\s*include\s+' + form, path.read_text(), flags=re.M)


@pytest.mark.parametrize("folder", sorted(MAY_INCLUDE))
def test_a_folder_includes_only_what_lies_below_it(folder):
    wrong = []
    for path in sources(folder):
        for name in includes(path, r'"([^"]+)"'):
            top = name.split("/")[0]
            if "/" in name and top != folder and top not in MAY_INCLUDE[folder]:
                wrong.append(f"{path.relative_to(TOP)} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_every_folder_of_the_source_is_known():
    assert {p.name for p in (TOP / "src").iterdir() if p.is_dir()} == set(MAY_INCLUDE)


@pytest.mark.parametrize("folder", sorted(PURE))
def test_a_pure_folder_does_no_io(folder):
    wrong = [f"{p.relative_to(TOP)}: {h}" for p in sources(folder)
             for h in includes(p, r"<([^>]+)>") if h in IO_HEADERS]
    assert not wrong, "\n".join(wrong)


def test_foreign_event_loop_and_tls_headers_stay_at_their_border():
    allowed = {"uv.h": {"edge", "keeper", "courier", "supervisor", "net"},
               "openssl/ssl.h": {"net", "edge", "courier", "connect"},
               "sqlite3.h": {"store"},
               "jansson.h": {"conf", "keeper", "cli", "identity"},
               "fido.h": {"identity"},
               "cbor.h": {"identity"},
               "yaml.h": {"conf"},
               "sodium.h": {"identity"},
               "ldap.h": {"courier"}, "lber.h": {"courier"}, "openldap.h": {"courier"}, "curl/curl.h": {"courier"},
               "seccomp.h": {"sandbox"}}
    wrong = []
    for folder in MAY_INCLUDE:
        for path in sources(folder):
            for h in includes(path, r"<([^>]+)>"):
                if h in allowed and folder not in allowed[h]:
                    wrong.append(f"{path.relative_to(TOP)}: {h}")
    assert not wrong, "\n".join(wrong)


NEVER_LINKED = {
    "postern-edge": {"sqlite3", "pq", "fido2", "jansson", "sodium", "yaml", "qrencode", "ldap", "curl"},
    "postern-keeper": {"ssl", "nghttp2", "ldap", "curl"},
    "postern-supervisor": {"ssl", "crypto", "sqlite3", "nghttp2", "jansson", "sodium", "fido2", "ldap", "curl"},
    "postern-signer": {"ssl", "uv", "sqlite3", "jansson", "nghttp2", "sodium", "yaml", "fido2", "ldap", "curl"},
    "postern-courier": {"sqlite3", "pq", "fido2", "jansson", "sodium", "yaml", "qrencode", "nghttp2"},
    "postern-connect": {"uv", "sqlite3", "pq", "fido2", "jansson", "sodium", "yaml", "nghttp2", "ldap", "curl"},
    "postern": {"ssl", "crypto", "sqlite3", "uv", "nghttp2", "sodium", "fido2", "ldap", "curl"},
}
# Passkeys are the keeper's.
for never in set(NEVER_LINKED) - {"postern-keeper"}:
    NEVER_LINKED[never] |= {"fido2", "cbor"}


def libraries(binary):
    path = BUILD / "libexec" / binary
    out = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"NEEDED.*\[lib([\w+-]+?)(?:-[\d.]+)?\.so", out))


@pytest.mark.parametrize("binary", sorted(NEVER_LINKED))
def test_a_process_links_nothing_that_it_must_not_have(binary):
    linked = libraries(binary)
    assert "c" in linked, "positive control: the C library must be seen"
    assert not linked & NEVER_LINKED[binary]


def test_the_supervisor_has_no_http_parser_and_the_edge_no_key_code():
    def symbols(binary):
        return subprocess.run(["nm", str(BUILD / "libexec" / binary)], capture_output=True, text=True,
                              check=True).stdout
    assert "h1_request_parse" in symbols("postern-edge"), "positive control"
    assert "h1_request_parse" not in symbols("postern-supervisor")
    for word in ("password_hash", "argon2", "store_open", "ca_create"):
        assert word not in symbols("postern-edge")


@pytest.mark.parametrize("binary", sorted(NEVER_LINKED))
def test_a_binary_is_hardened(binary):
    path = str(BUILD / "libexec" / binary)
    run = lambda *a: subprocess.run(a, capture_output=True, text=True, check=True).stdout
    headers = run("readelf", "-W", "-l", path)
    dynamic = run("readelf", "-W", "-d", path)
    assert "DYN" in run("readelf", "-h", path), "position independent"
    assert "GNU_RELRO" in headers and "BIND_NOW" in dynamic
    stack = next(line for line in headers.splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack
    assert "__stack_chk_fail" in run("nm", "-D", path)


def test_sql_is_never_formatted():
    wrong = []
    for path in sources("store") + sources("keeper") + sources("audit"):
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r'(printf|buf_text|strcat)[^;]*"\s*(SELECT|INSERT|UPDATE|DELETE)\b', line):
                wrong.append(f"{path.relative_to(TOP)}:{n}")
    assert not wrong, "\n".join(wrong)


def test_banned_functions_are_not_used():
    banned = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen|rand|"
                        r"alloca|tmpnam|mktemp)\s*\(")
    wrong = []
    for folder in MAY_INCLUDE:
        for path in sources(folder):
            text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), path.read_text(), flags=re.S)
            text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
            for n, line in enumerate(text.splitlines(), 1):
                if banned.search(line):
                    wrong.append(f"{path.relative_to(TOP)}:{n}: {line.strip()}")
    assert not wrong, "\n".join(wrong)


def test_the_page_of_messages_agrees_with_the_table():
    subprocess.run(["/usr/bin/python3", str(TOP / "tests/messages_doc.py"), "--check"], check=True)


def test_every_sign_in_says_with_what_program_and_in_what_browser():
    """Else routes that bind to the program refuse for ever, and the session that was here goes on."""
    makers = [path.name for path in sources("keeper") if re.search(r"\(?struct signin\)?( \w+ =)?\s*\{\s*\.", path.read_text())]
    assert makers == ["login.c", "signin.c"], "a sign-in by a page begins with signin_of()"
