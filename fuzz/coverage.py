"""How much of what a target is for do the files of its corpus reach? coverage.py BUILD CORPORA

Prints one line for each target: line coverage of each source file that the target is for, from its
own corpus alone. BUILD is compiled with clang's -fprofile-instr-generate -fcoverage-mapping.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

FOR = {
    "addr": ["base/addr.c"],
    "audit": ["audit/record.c", "audit/export.c"],
    "conf_decide": ["policy/decide.c", "policy/rules.c", "policy/zones.c", "policy/explain.c",
                    "conf/pattern.c"],
    "conf_resource": ["conf/resource.c", "conf/value.c", "conf/spelling.c"],
    "conf_slice": ["conf/slice.c"],
    "conf_yaml": ["conf/yaml.c", "conf/value.c", "conf/verify.c", "conf/dump.c"],
    "cookie": ["http/cookie.c"],
    "forwarded": ["http/forwarded.c"],
    "h2_request": ["http/h2_request.c", "http/request_read.c"],
    "h1_body": ["http/h1_body.c", "http/trailers.c"],
    "h1_request": ["http/h1_head.c", "http/h1_request.c", "http/h1_fields.c", "http/header.c",
                   "http/fetchmeta.c", "http/websocket.c"],
    "h1_response": ["http/h1_response.c", "http/h1_fields.c", "http/websocket.c"],
    "handover": ["edge/handover.c", "edge/credential.c"],
    "http_misc": ["http/hygiene.c", "http/forwarded.c"],
    "rewrite": ["http/rewrite.c"],
    "identity": ["identity/totp.c", "identity/recovery.c", "identity/token.c",
                 "identity/password.c"],
    "keeper_edge": ["ipc/channel.c", "keeper/edge.c", "keeper/view.c", "keeper/handover.c",
                    "keeper/login.c", "keeper/actor.c", "keeper/pages_enrol.c"],
    "message": ["ipc/messages.def", "ipc/records.def", "base/cursor.c"],
    "operations": ["keeper/frame.c", "keeper/control.c", "keeper/operation.c", "keeper/call.c",
                   "keeper/json.c"],
    "proxyproto": ["net/proxyproto.c"],
    "courier": ["courier/facts.c", "courier/system.c"],
    "hosts": ["keeper/hosts.c", "keeper/hosts_file.c"],
    "sign": ["signer/certverify.c"],
    "text": ["base/text.c"],
    "uri": ["http/uri.c"],
    "ws_frame": ["http/ws_frame.c"],
}


def tool(name):
    """Debian's name with the version, else the plain one."""
    for candidate in (name + "-14", name):
        if any(os.access(os.path.join(d, candidate), os.X_OK)
               for d in os.environ["PATH"].split(":")):
            return candidate
    sys.exit(f"{name} is missing")


def replay(executable, corpus, scratch):
    raw, merged = scratch / "raw", scratch / "merged"
    subprocess.run([executable, corpus], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env={**os.environ, "LLVM_PROFILE_FILE": str(raw)})
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", raw, "-o", merged], check=True)
    out = subprocess.run([tool("llvm-cov"), "export", "-summary-only", executable,
                          f"-instr-profile={merged}"], check=True, capture_output=True).stdout
    return {f["filename"].split("/src/")[-1]: f["summary"]["lines"]["percent"]
            for f in json.loads(out)["data"][0]["files"]}


def main():
    build, corpora = map(pathlib.Path, sys.argv[1:])
    for executable in sorted(build.glob("fuzz/*/*_fuzz"), key=lambda p: p.name):
        target = executable.name.removesuffix("_fuzz")
        with tempfile.TemporaryDirectory() as scratch:
            reached = replay(executable, corpora / target, pathlib.Path(scratch))
        if target not in FOR:
            sys.exit(f"{target}: say in coverage.py which files it is for")
        print(f"{target}: " + ", ".join(f"{f} {reached[f]:.0f} %" for f in FOR[target]))


main()
