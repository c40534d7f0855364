#!/usr/bin/env python3
"""Makes api/openapi.yaml from the table of operations (src/keeper/table.c, answers.c) and from the
keys of the configuration file (src/conf/keys.def), of which zones, routes and rules are made.

openapi.py BUILD            writes it
openapi.py --check BUILD    fails when the file says something else"""
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NAME = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
DURATION = r"^(0|[1-9][0-9]{0,9})[smhdw]?$"
RESOURCES = {"zones": "Zone", "routes": "Route", "rules": "Rule", "tests": "Test"}

PATH = {"name": {"type": "string", "pattern": NAME}, "id": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,256}$"},
        "n": {"type": "integer", "minimum": 1}}

TEXT = """\
Everything that can be asked of postern, over HTTPS on the portal's host. Who may what follows from
membership of the built-in groups owners, administrators, auditors and operators: `x-roles` of an
operation names who may call it besides owners. Members of owners and administrators and break-glass
accounts are changed by owners only.

Made from the table of operations; do not edit."""


def field_schema(f):
    """The JSON Schema of one field."""
    kind, schema = f["type"], {}
    low, high = f["min"], f["max"]
    if kind == "string":
        schema = {"type": "string"}
        if high:
            schema["maxLength"] = high
        if low:
            schema["minLength"] = low
    elif kind == "flag":
        schema = {"type": "boolean"}
    elif kind == "number":
        schema = {"type": "integer", "minimum": low}
        if high:
            schema["maximum"] = high
    elif kind == "name":
        schema = {"type": "string", "pattern": NAME}
    elif kind == "enum":
        schema = {"type": "string", "enum": f["values"]}
    elif kind == "duration":
        pattern = DURATION if "values" not in f else "^(" + "|".join(f["values"]) + "|" + DURATION[1:-1] + ")$"
        schema = {"type": "string", "pattern": pattern}
    elif kind == "address":
        schema = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
    elif kind == "time":
        schema = {"type": "string", "format": "date-time"}
    elif kind == "object":
        schema = object_schema(f["fields"], f.get("schema")) if "fields" in f else {"type": "object"}
    elif kind in ("strings", "names", "enums", "objects"):
        item = dict(f, type=kind[:-1], min=0, max=0)
        schema = {"type": "array", "items": field_schema(dict(item, null=False, help=""))}
        if high:
            schema["maxItems"] = high
        if low:
            schema["minItems"] = low
    if f["null"] and schema:
        schema = dict(schema, type=[schema["type"], "null"]) if "type" in schema and "enum" not in schema else \
            {"anyOf": [schema, {"type": "null"}]}
    if f["help"]:
        schema = dict(schema, description=f["help"])
    return schema


SCHEMAS = {}


def object_schema(fields, name=None, closed=False):
    schema = {"type": "object", "properties": {f["name"]: field_schema(f) for f in fields}}
    required = [f["name"] for f in fields if f["required"]]
    if required:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    if not name:
        return schema
    SCHEMAS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def resource_schemas(keys):
    """Zone, Route and Rule as the configuration file has them, without the name, which is in the path."""
    for plural, name in RESOURCES.items():
        top = keys["properties"][plural]
        one = top["items"] if top["type"] == "array" else top["additionalProperties"]
        one = dict(next(s for s in one.get("anyOf", [one]) if s.get("type") == "object"))
        one["properties"] = {k: v for k, v in one["properties"].items() if k != "name"}
        one["required"] = [k for k in one.get("required", []) if k != "name"]
        if not one["required"]:
            del one["required"]
        SCHEMAS[name] = one
        SCHEMAS[name + "InForce"] = {
            "type": "object", "required": ["name"],
            "properties": dict(one["properties"], name={"type": "string"},
                               origin={"type": "string", "description": "where it comes from"})}


def resource_answer(op):
    plural = op["path"].split("/")[3]
    if plural not in RESOURCES or op["method"] == "DELETE":
        return None
    one = {"$ref": f"#/components/schemas/{RESOURCES[plural]}InForce"}
    if op["path"].endswith("}"):
        return one
    return {"type": "object", "required": [plural],
            "properties": {plural: {"type": "array", "items": one}, "next": {"type": "integer"}}}


PROBLEM = {
    "type": "object", "required": ["type", "title", "status", "detail"],
    "description": "Problem details (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "about:blank, or what a program may act on"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "for a person"},
        "field": {"type": "string", "description": "the member or parameter at fault, `rules[0].name`"},
        "instance": {"type": "string", "description": "the number of this request, as in the records"},
        "assurance": {"type": "string", "description": "what has to be proven for it"},
        "max_age": {"type": "integer", "description": "how recently, in seconds; 0: ever"},
        "prove": {"type": "string", "description": "where to prove it"},
    },
}


def operation_id(op):
    words = [w.strip("{}") for w in op["path"].removeprefix("/api/v1/").replace("-", "/").split("/")]
    words = [w for w in re.split(r"[^A-Za-z0-9]+", "_".join(words)) if w]
    verb = {"GET": "get", "PUT": "put", "POST": "do", "DELETE": "remove"}[op["method"]]
    return verb + "".join(w.capitalize() for w in words)


def body_schema(op):
    if "any" in op["flags"]:
        plural = op["path"].split("/")[3]
        return {"$ref": f"#/components/schemas/{RESOURCES[plural]}"} if plural in RESOURCES else {"type": "object"}
    return object_schema(op["body"], closed=True) if "body" in op else None


def answers(op):
    schema = resource_answer(op)
    if schema is None:
        schema = object_schema(op["answer"], op.get("schema")) if "answer" in op else {"type": "object"}
    kinds = {"application/json": {"schema": schema}}
    if op["path"] == "/api/v1/events":
        kinds = {"text/event-stream": {"schema": {"type": "string"}}}
    elif op["path"].endswith("/export") and op["path"] != "/api/v1/export":
        kinds = {"text/csv": {"schema": {"type": "string"}}, "application/jsonl": {"schema": {"type": "string"}}}
    good = {"description": "Done." if op["method"] != "GET" else "The answer.", "content": kinds}
    if op["method"] == "GET" and "application/json" in kinds:
        good["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
    out = {}
    for status in (op.get("status"), op.get("other_status")):
        if status:
            out[str(status)] = good
    if not out:
        out["2XX"] = good
    out["4XX"] = {"$ref": "#/components/responses/Problem"}
    out["5XX"] = {"$ref": "#/components/responses/Problem"}
    return out


def describe(op):
    parameters = [{"name": name, "in": "path", "required": True,
                   "schema": PATH.get(name, {"type": "string", "minLength": 1, "maxLength": 256})}
                  for name in re.findall(r"\{(\w+)\}", op["path"])]
    for f in op.get("query", []):
        schema = field_schema(dict(f, help=""))
        if f["type"] == "flag":
            schema = {"type": "string", "enum": ["0", "1", "false", "true"]}
        parameters.append({"name": f["name"], "in": "query", "required": f["required"],
                           "description": f["help"], "schema": schema})
    if op["method"] != "GET" and parameters:
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    if op["method"] == "POST" and not {"reads", "change"} & set(op["flags"]):
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    out = {"operationId": operation_id(op), "tags": [op["path"].split("/")[3]], "summary": op["summary"],
           "x-roles": op["roles"]}
    if parameters:
        out["parameters"] = parameters
    body = body_schema(op)
    if body is not None:
        required = "any" in op["flags"] or any(f["required"] for f in op["body"])
        out["requestBody"] = {"required": required, "content": {"application/json": {"schema": body}}}
    out["responses"] = answers(op)
    return out


def document(table, keys):
    resource_schemas(keys)
    SCHEMAS["Problem"] = PROBLEM
    paths = {}
    for op in sorted(table, key=lambda o: o["path"]):
        if op["path"].startswith("/api/v1/") and "page" not in op["flags"]:
            paths.setdefault(op["path"], {})[op["method"].lower()] = describe(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "postern", "version": "1", "description": TEXT},
        "servers": [{"url": "https://{host}", "description": "the portal",
                     "variables": {"host": {"default": "postern.localhost:9443"}}}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "an API token, pst_…"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-postern-console-9443",
                            "description": "a person who is logged in to the console; the name ends in the port"}},
            "parameters": {"IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 128},
                "description": "asked again with the same key within a day it is not made twice"},
                "IfMatch": {
                "name": "If-Match", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 256},
                "description": "the ETag of what this change is meant for; 412 when something else stands there"}},
            "headers": {"ETag": {"schema": {"type": "string"}, "description": "of the policy as a whole its version"}},
            "responses": {"Problem": {"description": "Nothing was changed.", "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}},
            "schemas": dict(sorted(SCHEMAS.items()))},
    }


def key_text(key):
    return key if re.fullmatch(r"[A-Za-z_$/{}][A-Za-z0-9_$/{}.-]*", key) and \
        not key.startswith("{") and key not in ("null", "true", "false", "yes", "no", "on", "off") else json.dumps(key)


def yaml(value, indent=0):
    """As YAML 1.2: strings are written as JSON has them, which YAML reads the same."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if isinstance(inner, (dict, list)) and inner:
                yield f"{pad}{key_text(key)}:"
                yield from yaml(inner, indent + 1)
            elif isinstance(inner, str) and "\n" in inner:
                yield f"{pad}{key_text(key)}: |-"
                yield from (("  " * (indent + 1) + line).rstrip() for line in inner.split("\n"))
            else:
                yield f"{pad}{key_text(key)}: {json.dumps(inner, ensure_ascii=False)}"
    elif isinstance(value, list) and value:
        for inner in value:
            if isinstance(inner, (dict, list)) and inner:
                lines = list(yaml(inner, indent + 1))
                yield pad + "- " + lines[0].lstrip()
                yield from lines[1:]
            else:
                yield f"{pad}- {json.dumps(inner, ensure_ascii=False)}"


def consistent(text):
    ids = re.findall(r'operationId: "(.*)"', text)
    twice = {i for i in ids if ids.count(i) > 1}
    lost = {r for r in re.findall(r'"#/components/schemas/(\w+)"', text) if r not in SCHEMAS}
    if twice or lost:
        sys.exit(f"operations of one name: {sorted(twice)}; schemas that do not exist: {sorted(lost)}")


def main():
    check = sys.argv[1] == "--check"
    build = pathlib.Path(sys.argv[2 if check else 1])
    table = json.loads(subprocess.check_output([build / "src/keeper/postern-keeper", "--offline", "table"]))
    keys = json.loads(subprocess.check_output([build / "src/conf/conf_keys", "schema"]))
    text = "\n".join(yaml(document(table, keys))) + "\n"
    path = HERE / "openapi.yaml"
    if check:
        consistent(text)
        if not path.exists() or path.read_text() != text:
            sys.exit("api/openapi.yaml is not what the table says: run api/openapi.py BUILD")
    else:
        path.write_text(text)


main()
