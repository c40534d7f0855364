/* What the reader says to each of these files, word for word. "f" is the file's name; the empty
 * text means that it is accepted. Included by yaml_test.c alone. */
static const struct {
    const char *text;
    const char *errors;
} CASES[] = {
    /* clang-format off */
    {"",
     "f:1: portal.host: expected a host name in lower case, without port, found nothing\n"},
    {"# only a comment\n",
     "f:1: portal.host: expected a host name in lower case, without port, found nothing\n"},
    {"[]",
     "f:1: document: expected a mapping, found a list\n"},
    {"hello",
     "f:1: document: expected a mapping, found \"hello\"\n"},
    {"portal:\n",
     "f:1: portal: expected a mapping, found nothing\n"},
    {"portal: {host: }\n",
     "f:1: portal.host: expected a host name in lower case, without port, found nothing\n"},
    {"portal: [host]\n",
     "f:1: portal: expected a mapping, found a list\n"},
    {"portal: {hots: p.test}\n",
     "f:1: portal.hots: expected a key of portal, found \"hots\"; did you mean \"host\"?\n"
     "f:1: portal.host: expected a host name in lower case, without port, found nothing\n"},
    {"portl: {host: p.test}\n",
     "f:1: portl: expected a section, found \"portl\"; did you mean \"portal\"?\n"
     "f:1: portal.host: expected a host name in lower case, without port, found nothing\n"},
    {"portal: {host: p.test}\n"
     "portal: {host: a.test}\n",
     "f:2: portal: expected this key once, found it again (first on line 1)\n"},
    {"portal: {host: p.test}\n"
     "zonse: {}\n",
     "f:2: zonse: expected a section, found \"zonse\"; did you mean \"zones\"?\n"},
    {"portal: {host: p.test}\n"
     "limits: 5\n",
     "f:2: limits: expected a mapping, found \"5\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 100, connections: 200}\n",
     "f:2: limits.connections: expected this key once, found it again (first on line 2)\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0/8], a: [11.0.0.0/8]}\n",
     "f:2: zones.a: expected this key once, found it again (first on line 2)\n"},
    {"portal: {host: p.test}\n"
     "routes: []\n",
     "f:2: routes: expected a mapping, found a list\n"},
    {"portal: {host: p.test}\n"
     "rules: {}\n",
     "f:2: rules: expected a list, found a mapping\n"},
    {"portal: {host: p.test}\n"
     "rules: [5]\n",
     "f:2: rules[0]: expected a mapping, found \"5\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: main\n",
     "f:2: listeners: expected a list, found \"main\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: {b: c}}\n",
     "f:2: zones.a.b: expected a key of zone, found \"b\"\n"
     "f:2: zones.a: expected networks or an interface, found neither\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: 10.0.0.0/8}\n",
     "f:2: zones.a: expected a list, found \"10.0.0.0/8\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [[10.0.0.0/8]]}\n",
     "f:2: zones.a[0]: expected one value, found a list\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: []}\n",
     "f:2: zones.a: expected networks or an interface, found neither\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: {interface: wg0}, b: {interface: eth0.5, cidrs: [10.0.0.0/8]}, c: {cidrs: [10.0.0.0/8]}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "zones: {a: {interface: wg/0}}\n",
     "f:2: zones.a.interface: expected a network interface such as wg0 (A-Z, a-z, 0-9, . _ -), found \"wg/0\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: {cidrs: []}}\n",
     "f:2: zones.a: expected networks or an interface, found neither\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', interface: sixteen-bytes-ab}]\n",
     "f:2: listeners.m.interface: expected a network interface such as wg0 (A-Z, a-z, 0-9, . _ -), at most 15 bytes, found \"sixteen-bytes-ab\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: nothing}\n",
     "f:2: routes.t: expected a mapping, found \"nothing\"\n"},
    {"portal: {host: p.test}\n"
     "? [complex]\n"
     ": value\n",
     "f:2: document: expected a key, found a list\n"},
    {"portal: {host: p.test}\n"
     "limits: {{a: b}: c}\n",
     "f:2: limits: expected a key, found a mapping\n"},
    {"portal: {host: p.test}\n"
     "limits: &x {connections: 100}\n",
     "f:2: limits: expected a plain value, found an anchor\n"},
    {"portal: {host: p.test}\n"
     "limits: !!map {connections: 100}\n",
     "f:2: limits: expected a plain value, found a tag\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: !!int 100}\n",
     "f:2: limits.connections: expected a plain value, found a tag\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: &n [10.0.0.0/8], b: *n}\n",
     "f:2: zones.a: expected a plain value, found an anchor\n"
     "f:2: zones.b: expected a list, found an alias\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [*n]}\n",
     "f:2: zones.a[0]: expected one value, found an alias\n"},
    {"portal: {host: p.test}\n"
     "<<: {a: b}\n",
     "f:2: <<: expected a section, found \"<<\"\n"},
    {"portal: {host: p.test}\n"
     "--- \n"
     "portal: {host: q.test}\n",
     "f:2: document: expected one document, found a second one\n"},
    {"%YAML 1.1\n"
     "---\n"
     "portal: {host: p.test}\n",
     "f:1: document: expected no directives, found one\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found a list\n"
     "f:2: limits.connections: expected no deeper nesting, found more than 16 levels\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 100\n",
     "f:3: syntax: expected YAML, found a mistake (did not find expected ',' or '}')\n"},
    {"portal: {host: p.test}\n"
     "\011limits: {}\n",
     "f:2: syntax: expected YAML, found a mistake (found character that cannot start any token)\n"},
    {"portal: {host: p.test}\n"
     "a: b: c\n",
     "f:2: a: expected a section, found \"a\"\n"
     "f:2: syntax: expected YAML, found a mistake (mapping values are not allowed in this context)\n"},
    {"portal: {host: p.test}\n"
     "x: \"\\q\"\n",
     "f:2: x: expected a section, found \"x\"\n"
     "f:2: syntax: expected YAML, found a mistake (found unknown escape character)\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 0x10}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"0x10\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 0o17}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"0o17\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 010}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"010\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 1_000}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"1_000\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 1e3}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"1e3\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: +100}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"+100\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: -1}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"-1\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: '100'}\n",
     "f:2: limits.connections: expected a number without quotes, found \"100\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 100.0}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"100.0\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 15}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"15\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 1000001}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"1000001\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: 99999999999999999999999}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"99999999999999999999999\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: yes}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"yes\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: ~}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found \"~\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections: }\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found nothing\n"},
    {"portal: {host: p.test}\n"
     "limits: {connections:  {a: b}}\n",
     "f:2: limits.connections: expected a number from 16 to 1000000, found a mapping\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 500ms}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"500ms\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 10}\n",
     ""},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 1s}\n",
     ""},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 0s}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"0s\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 11m}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"11m\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 10 s}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"10 s\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 10S}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"10S\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: ten}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"ten\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: -1s}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"-1s\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_timeout: 1.5h}\n",
     "f:2: limits.header_timeout: expected a duration from 1s to 10m, found \"1.5h\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_bytes: 16KiB}\n",
     ""},
    {"portal: {host: p.test}\n"
     "limits: {header_bytes: 16kb}\n",
     "f:2: limits.header_bytes: expected a size from 1KiB to 256KiB, found \"16kb\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_bytes: 1MiB}\n",
     "f:2: limits.header_bytes: expected a size from 1KiB to 256KiB, found \"1MiB\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_bytes: 16K}\n",
     "f:2: limits.header_bytes: expected a size from 1KiB to 256KiB, found \"16K\"\n"},
    {"portal: {host: p.test}\n"
     "limits: {header_bytes: 1000}\n",
     "f:2: limits.header_bytes: expected a size from 1KiB to 256KiB, found \"1000\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: on}\n",
     "f:2: process.user: expected text, found \"on\", which readers of YAML take for a truth value; did you mean \"on\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: NO}\n",
     "f:2: process.user: expected text, found \"NO\", which readers of YAML take for a truth value; did you mean \"NO\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: null}\n",
     "f:2: process.user: expected text, found \"null\", which readers of YAML take for nothing; did you mean \"null\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: ~}\n",
     "f:2: process.user: expected text, found \"~\", which readers of YAML take for nothing; did you mean \"~\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: 0x1f}\n",
     "f:2: process.user: expected text, found \"0x1f\", which readers of YAML take for a number; did you mean \"0x1f\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: 1.5}\n",
     "f:2: process.user: expected text, found \"1.5\", which readers of YAML take for a number; did you mean \"1.5\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: 12}\n",
     "f:2: process.user: expected text, found \"12\", which readers of YAML take for a number; did you mean \"12\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: '12'}\n",
     ""},
    {"portal: {host: p.test}\n"
     "process: {user: 2e3}\n",
     "f:2: process.user: expected text, found \"2e3\", which readers of YAML take for a number; did you mean \"2e3\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: .inf}\n",
     "f:2: process.user: expected text, found \".inf\", which readers of YAML take for a number; did you mean \".inf\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: true}\n",
     "f:2: process.user: expected text, found \"true\", which readers of YAML take for a truth value; did you mean \"true\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: Alice}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"Alice\"; did you mean \"alice\"?\n"},
    {"portal: {host: p.test}\n"
     "process: {user: a b}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"a b\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: -a}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"-a\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: \"a\\0b\"}\n",
     "f:2: process.user: expected text without NUL, found \"a\\x00b\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: \"a\\nb\"}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"a\\x0ab\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: '\303\251'}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"\\xc3\\xa9\"\n"},
    {"portal: {host: p.test}\n"
     "process: {user: \"\"}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found an empty text\n"},
    {"portal: {host: p.test}\n"
     "process: {user: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
     "f:2: process.user: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\342\200\246\n"},
    {"portal: {host: p.test}\n"
     "zones: {on: [10.0.0.0/8]}\n",
     "f:2: zones.on: expected text, found \"on\", which readers of YAML take for a truth value; did you mean \"on\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "routes: {Tomcat: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.Tomcat: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"Tomcat\"; did you mean \"tomcat\"?\n"},
    {"portal: {host: p.test}\n"
     "on: yes\n",
     "f:2: on: expected a section, found \"on\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {local: [10.0.0.0/8]}\n",
     "f:2: zones.local: expected another name than that of the built-in zone, found \"local\"\n"},
    {"portal: {host: P.Test}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"P.Test\"; did you mean \"p.test\"?\n"},
    {"portal: {host: p.test:9443}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"p.test:9443\"\n"},
    {"portal: {host: p.test.}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"p.test.\"\n"},
    {"portal: {host: a..b}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"a..b\"\n"},
    {"portal: {host: -a.test}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"-a.test\"\n"},
    {"portal: {host: a_b.test}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"a_b.test\"\n"},
    {"portal: {host: https://p.test}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"https://p.test\"\n"},
    {"portal: {host: 10.0.0.1}\n",
     ""},
    {"portal: {host: 010.0.0.1}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"010.0.0.1\"\n"},
    {"portal: {host: 1.2.3}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"1.2.3\"\n"},
    {"portal: {host: 256.1.1.1}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"256.1.1.1\"\n"},
    {"portal: {host: a.1}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"a.1\"\n"},
    {"portal: {host: '*'}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"*\"\n"},
    {"portal: {host: p.test/x}\n",
     "f:1: portal.host: expected a host name in lower case, without port, found \"p.test/x\"\n"},
    {"portal: {host: xn--bcher-kva.test}\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"127.0.0.1\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:0}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"127.0.0.1:0\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:65536}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"127.0.0.1:65536\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: ':9443'}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \":9443\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: '::1:9443'}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"::1:9443\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: '[::1]:9443'}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 'localhost:9443'}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"localhost:9443\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: '[fe80::1%eth0]:9443'}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"[fe80::1%eth0]:9443\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:09443}]\n",
     "f:2: listeners.main.address: expected an address and port such as 127.0.0.1:9443 or [::1]:9443, found \"127.0.0.1:09443\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:9443, portal: no}]\n",
     "f:2: listeners.main.portal: expected true or false, found \"no\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:9443, portal: 'true'}]\n",
     "f:2: listeners.main.portal: expected true or false without quotes, found \"true\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:9443, connections: 1000001}]\n",
     "f:2: listeners.main.connections: expected a number from 0 to 1000000, found \"1000001\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 127.0.0.1:9443, portal: false}]\n",
     "f:2: listeners: expected a listener left to the portal, found a port route or portal: false on each\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/redis/', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/redis/\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: 'redis', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"redis\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '//a', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"//a\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/a/../b', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/a/../b\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/a%20', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/a%20\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/.postern', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/.postern\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/.postern/x', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/.postern/x\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: '/a;b', upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.path: expected a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end), found \"/a;b\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: /a, strip_path: true, upstream: 'http://127.0.0.1:1'}\n"
     "  u: {host: t.test, path: /a/b, upstream: 'http://127.0.0.1:1'}\n"
     "  v: {host: t.test, upstream: 'http://127.0.0.1:1'}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, path: /a, upstream: 'http://127.0.0.1:1'}\n"
     "  u: {host: t.test, path: /a, upstream: 'http://127.0.0.1:1'}\n",
     "f:4: routes.u.path: expected a path of its own, found the one of route \"t\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {port: 9443, path: /a, upstream: 'http://127.0.0.1:1'}\n",
     "f:1: listeners: expected a listener left to the portal, found a port route or portal: false on each\n"
     "f:3: routes.t.path: expected a path beside a host and no port, found \"/a\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  t: {host: t.test, strip_path: true, upstream: 'http://127.0.0.1:1'}\n",
     "f:3: routes.t.strip_path: expected a path to strip, found none\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: main, address: 0.0.0.0:9443}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: []\n",
     "f:2: listeners: expected at least one listener, found none\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{address: '127.0.0.1:9443'}]\n",
     "f:2: listeners[0].name: expected a name (a-z, 0-9, then also . _ - @, at most 63), found nothing\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: a, address: '127.0.0.1:9443'}, {name: a, address: '127.0.0.1:9444'}]\n",
     "f:2: listeners.a.name: expected a name of its own, found \"a\" a second time\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: a, address: '127.0.0.1:9443'}, {name: b, address: '127.0.0.1:9443'}]\n",
     "f:2: listeners.b.address: expected an address of its own, found the one of \"a\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [010.0.0.1]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"010.0.0.1\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.1/8]}\n",
     "f:2: zones.a[0]: expected a network whose host bits are zero, found \"10.0.0.1/8\"; did you mean \"10.0.0.0/8\"?\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [0.0.0.0/33]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"0.0.0.0/33\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [::/129]}\n",
     "f:2: syntax: expected YAML, found a mistake (did not find expected node content)\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0/08]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0.0/08\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0/]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0.0/\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0/-1]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0.0/-1\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [fe80::1%eth0]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"fe80::1%eth0\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: ['fe80::/10']}\n",
     ""},
    {"portal: {host: p.test}\n"
     "zones: {a: [2001:db8::1/32]}\n",
     "f:2: zones.a[0]: expected a network whose host bits are zero, found \"2001:db8::1/32\"; did you mean \"2001:db8::/32\"?\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: ['::ffff:10.0.0.0/104']}\n",
     ""},
    {"portal: {host: p.test}\n"
     "zones: {a: ['::ffff:10.1.0.0/104']}\n",
     "f:2: zones.a[0]: expected a network whose host bits are zero, found \"::ffff:10.1.0.0/104\"; did you mean \"10.0.0.0/8\"?\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: ['[::1]']}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"[::1]\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [0x0a.0.0.1]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"0x0a.0.0.1\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0/8/8]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0.0/8/8\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [example.com]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"example.com\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [10.0.0.0-10.0.0.9]}\n",
     "f:2: zones.a[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found \"10.0.0.0-10.0.0.9\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: ['1.2.3.4/0']}\n",
     "f:2: zones.a[0]: expected a network whose host bits are zero, found \"1.2.3.4/0\"\n"},
    {"portal: {host: p.test}\n"
     "zones: {a: [0.0.0.0/0]}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, kind: tcp, upstream: 'tcp://127.0.0.1:902'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'tcp://127.0.0.1:902'}}\n",
     "f:2: routes.t.upstream: expected kind: tcp with tcp://ADDRESS:PORT, found http\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, kind: tcp, upstream: 'http://127.0.0.1:902'}}\n",
     "f:2: routes.t.upstream: expected tcp://ADDRESS:PORT with kind: tcp, found another\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, path: /x, kind: tcp, upstream: 'tcp://127.0.0.1:902'}}\n",
     "f:2: routes.t.path: expected none with kind: tcp, which has one address, found \"/x\"\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  a: {host: t.test, path: /x, upstream: 'http://127.0.0.1:8080'}\n"
     "  t: {host: t.test, kind: tcp, upstream: 'tcp://127.0.0.1:902'}\n",
     "f:4: routes.t.host: expected a host of its own with kind: tcp, found that of route \"a\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, kind: udp, upstream: 'tcp://127.0.0.1:902'}}\n",
     "f:2: routes.t.kind: expected http or tcp, found \"udp\"\nf:2: routes.t.upstream: expected kind: tcp with tcp://ADDRESS:PORT, found http\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'https://127.0.0.1:8443'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'HTTPS://127.0.0.1:8443'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"HTTPS://127.0.0.1:8443\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://tomcat'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"http://tomcat\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"http://127.0.0.1\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080/'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT without a path, found \"http://127.0.0.1:8080/\"; did you mean \"http://127.0.0.1:8080\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080/app'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT without a path, found \"http://127.0.0.1:8080/app\"; did you mean \"http://127.0.0.1:8080\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:0'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"http://127.0.0.1:0\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://[::1]:8080'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://0.0.0.0:8080'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT with the address of one host, found \"http://0.0.0.0:8080\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://169.254.169.254:80'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT with the address of one host, found \"http://169.254.169.254:80\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://224.0.0.1:80'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT with the address of one host, found \"http://224.0.0.1:80\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: '127.0.0.1:8080'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"127.0.0.1:8080\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://user@127.0.0.1:8080'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"http://user@127.0.0.1:8080\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:9443'}}\n",
     "f:2: routes.t.upstream: expected the console's address, found a listener of postern\n"},
    {"portal: {host: p.example}\nroutes: {t: {host: t.example, upstream: \"unix:/run/postern/keeper.sock\"}}\n",
     "f:2: routes.t.upstream: expected a console's socket, found one in a directory of postern\n"},
    {"portal: {host: p.example}\nstate: {directory: /srv/gate}\nroutes: {t: {host: t.example, upstream: \"unix:/srv/gate/x.sock\"}}\n",
     "f:3: routes.t.upstream: expected a console's socket, found one in a directory of postern\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://[fe80::1]:80'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT with the address of one host, found \"http://[fe80::1]:80\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.1:80'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"http://127.1:80\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'ftp://127.0.0.1:21'}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"ftp://127.0.0.1:21\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: ['http://127.0.0.1:1', 'http://127.0.0.1:2']}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: ['http://127.0.0.1:1', 'http://127.0.0.1:1']}}\n",
     "f:2: routes.t.upstream[1]: expected each upstream once, found one a second time\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: []}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found nothing\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:1', upstream_pin: [sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]}}\n",
     "f:2: routes.t.upstream_pin: expected an upstream with https://, found none\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'https://127.0.0.1:1', upstream_pin: [sha1/AAAA]}}\n",
     "f:2: routes.t.upstream_pin[0]: expected sha256/ and 44 letters of base64, found \"sha1/AAAA\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'https://127.0.0.1:1', upstream_sni: 127.0.0.1}}\n",
     "f:2: routes.t.upstream_sni: expected a host name, found an address\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'https://127.0.0.1:1', authorities: x}}\n",
     "f:2: routes.t.authorities: expected a key of route, found \"authorities\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], upstream_drain: ['http://127.0.0.1:3']}}\n",
     "f:2: routes.t.upstream_drain[0]: expected a text that stands in upstream, found \"http://127.0.0.1:3\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:1', upstream_drain: ['http://127.0.0.1:1']}}\n",
     "f:2: routes.t.upstream_drain: expected an upstream left that does not drain, found none\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test}}\n",
     "f:2: routes.t.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found nothing\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t: expected host or port, found neither\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: p.test, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t.host: expected another host than the portal's, found \"p.test\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {port: 9444, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t.port: expected the port of a listener, found 9444\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {port: 9443, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:1: listeners: expected a listener left to the portal, found a port route or portal: false on each\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {port: '9443', upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t.port: expected a number without quotes, found \"9443\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {port: 0, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t.port: expected a port from 1 to 65535, found \"0\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {name: x, host: t.test, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.t.name: expected a key of route, found \"name\"; did you mean \"name\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', host_header: Preserve}}\n",
     "f:2: routes.t.host_header: expected preserve or a host name in lower case, found \"Preserve\"; did you mean \"preserve\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', host_header: 'a b'}}\n",
     "f:2: routes.t.host_header: expected preserve or a host name in lower case, found \"a b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', host_header: A.test}}\n",
     "f:2: routes.t.host_header: expected preserve or a host name in lower case, found \"A.test\"; did you mean \"a.test\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', host_header: 'a.test:8080'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', inject_basic_file: ../secret}}\n",
     "f:2: routes.t.inject_basic_file: expected a file name without directory (A-Z, a-z, 0-9, . _ -), found \"../secret\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', inject_basic_file: .hidden}}\n",
     "f:2: routes.t.inject_basic_file: expected a file name without directory (A-Z, a-z, 0-9, . _ -), found \".hidden\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', inject_basic_file: /etc/shadow}}\n",
     "f:2: routes.t.inject_basic_file: expected a file name without directory (A-Z, a-z, 0-9, . _ -), found \"/etc/shadow\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', start: html}}\n",
     "f:2: routes.t.start: expected a path that begins with one /, found \"html\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', start: //evil.test}}\n",
     "f:2: routes.t.start: expected a path that begins with one /, found \"//evil.test\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', start: '/\\evil'}}\n",
     "f:2: routes.t.start: expected a path that begins with one /, found \"/\\\\evil\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', start: 'javascript:x'}}\n",
     "f:2: routes.t.start: expected a path that begins with one /, found \"javascript:x\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', start: '/a?b=c'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', body_bytes: 50MiB}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', body_bytes: 2000000GiB}}\n",
     "f:2: routes.t.body_bytes: expected a size from 0 to 1048576GiB, found \"2000000GiB\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', title: \"a\\tb\"}}\n",
     "f:2: routes.t.title: expected a line of text, found \"a\\x09b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', title: '\303\234berwachung'}}\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', title: yes}}\n",
     "f:2: routes.t.title: expected text, found \"yes\", which readers of YAML take for a truth value; did you mean \"yes\" in quotes?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', response_timeout: 0s}}\n",
     "f:2: routes.t.response_timeout: expected a duration from 1s to 1d, found \"0s\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080', stream_idel: 5m}}\n",
     "f:2: routes.t.stream_idel: expected a key of route, found \"stream_idel\"; did you mean \"stream_idle\"?\n"},
    {"portal: {host: p.test}\n"
     "routes:\n"
     "  a: {host: t.test, upstream: 'http://127.0.0.1:8080'}\n"
     "  b: {host: t.test, upstream: 'http://127.0.0.1:8080'}\n",
     "f:4: routes.b.host: expected a host of its own, found the one of route \"a\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {portal: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n",
     "f:2: routes.portal: expected another name, found the portal's own\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: a, address: '127.0.0.1:9443'}, {name: b, address: '127.0.0.1:9444'}]\n"
     "routes:\n"
     "  a: {port: 9444, upstream: 'http://127.0.0.1:8080'}\n"
     "  b: {port: 9444, upstream: 'http://127.0.0.1:8080'}\n",
     "f:5: routes.b.port: expected a port of its own, found the one of route \"a\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t]}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{users: [alice], zones: [local], routes: [t]}]\n",
     "f:3: rules[0].name: expected a name (a-z, 0-9, then also . _ - @, at most 63), found nothing\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, zones: [local], routes: [t]}]\n",
     "f:3: rules.r: expected users, groups, tokens or certificates, found none\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], routes: [t]}]\n",
     "f:3: rules.r.zones: expected at least one zone, found none\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local]}]\n",
     "f:3: rules.r.routes: expected at least one item: a name (a-z, 0-9, then also . _ - @, at most 63) or *, found nothing\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [loacl], routes: [t]}]\n",
     "f:3: rules.r.zones[0]: expected a zone that exists, found \"loacl\"; did you mean \"local\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [tt, q]}]\n",
     "f:3: rules.r.routes[0]: expected a route that exists, found \"tt\"\n"
     "f:3: rules.r.routes[1]: expected a route that exists, found \"q\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: ['**'], zones: [local], routes: ['*']}]\n",
     "f:3: rules.r.users[0]: expected a name (a-z, 0-9, then also . _ - @, at most 63) or *, found \"**\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: ['*'], groups: ['*'], zones: [local], routes: ['*']}]\n",
     "f:3: rules.r.groups[0]: expected a name (a-z, 0-9, then also . _ - @, at most 63), found \"*\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], methods: [get]}]\n",
     "f:3: rules.r.methods[0]: expected an HTTP method in upper case, found \"get\"; did you mean \"GET\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], methods: [GET, 'PO ST']}]\n",
     "f:3: rules.r.methods[1]: expected an HTTP method in upper case, found \"PO ST\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], methods: GET}]\n",
     "f:3: rules.r.methods: expected a list, found \"GET\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: [a]}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"a\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: [/a/**/b]}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a/**/b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: [/a*]}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a*\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: ['/a//b']}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a//b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: [/a/../b]}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a/../b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: ['/a%20b']}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a%20b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: ['/a;b']}]\n",
     "f:3: rules.r.paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"/a;b\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: ['/**', '/', '/a/*/c', '/a/']}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], paths: ['/a b/**']}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], assurance: high}]\n",
     "f:3: rules.r.assurance: expected none, password, mfa, phishing-resistant or hardware, found \"high\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], assurance: phishing_resistant}]\n",
     "f:3: rules.r.assurance: expected none, password, mfa, phishing-resistant or hardware, found \"phishing_resistant\"; did you mean \"phishing-resistant\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], assurance: MFA}]\n",
     "f:3: rules.r.assurance: expected none, password, mfa, phishing-resistant or hardware, found \"MFA\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], max_age: never}]\n",
     "f:3: rules.r.max_age: expected a duration from 0s to 7d, found \"never\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], max_age: 15m}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], max_age: 700000}]\n",
     "f:3: rules.r.max_age: expected a duration from 0s to 7d, found \"700000\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], approvers: leads, approvals: 2, grant_max: 30m}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], approvers: leads, approvals: 0}]\n",
     "f:3: rules.r.approvals: expected a number from 1 to 16, found \"0\"\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], tokens: [ci], zones: [local], routes: [t], approvers: leads}]\n",
     "f:3: rules.r: expected people in a rule with approvers, found tokens\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], routes: [t], demand: true, approvers: leads}]\n",
     "f:3: rules.r: expected no approvers in a demand, found one\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], user: [bob]}]\n",
     "f:3: rules.r.user: expected a key of rule, found \"user\"; did you mean \"users\"?\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], zones: [local]}]\n",
     "f:3: rules.r.zones: expected this key once, found it again (first on line 3)\n"},
    {"portal: {host: p.test}\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules:\n"
     "  - {name: r, users: [alice], zones: [local], routes: [t]}\n"
     "  - {name: r, users: [alice], zones: [local], routes: [t]}\n",
     "f:5: rules.r.name: expected a name of its own, found \"r\" a second time\n"},
    {"portal: {host: p.test}\n"
     "session: {idle: 2h, absolute: 1h}\n",
     "f:2: session.idle: expected at most session.absolute, found more\n"},
    {"portal: {host: p.test}\n"
     "process: {sandbox: stric}\n",
     "f:2: process.sandbox: expected strict or best, found \"stric\"; did you mean \"strict\"?\n"},
    {"portal: {host: p.test}\n"
     "process: {edges: 257}\n",
     "f:2: process.edges: expected a number from 0 to 256, found \"257\"\n"},
    {"portal: {host: p.test}\n"
     "state: {directory: relative}\n",
     "f:2: state.directory: expected an absolute path, found \"relative\"\n"},
    {"portal: {host: p.test}\n"
     "state: {runtime: /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
     "f:2: state.runtime: expected an absolute path, at most 80 bytes, found \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\342\200\246\n"},
    {"portal: {host: p.test}\n"
     "tls: {key: a/b}\n",
     "f:2: tls.key: expected a file name without directory (A-Z, a-z, 0-9, . _ -), found \"a/b\"\n"},
    {"portal: {host: p.test, zones: [offce]}\n"
     "zones: {office: [10.0.0.0/8]}\n",
     "f:1: portal.zones[0]: expected a zone that exists, found \"offce\"; did you mean \"office\"?\n"},
    {"portal: {host: p.test, zones: []}\n",
     "f:1: portal.zones: expected at least one item: a name (a-z, 0-9, then also . _ - @, at most 63), found nothing\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "rules: [{name: r, users: [alice], zones: [local], routes: [t], assurance: password}]\n",
     "f:4: rules.r.assurance: expected mfa or more while a listener is not on loopback, found \"password\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: [0.0.0.0/0]}\n",
     ""},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: [0.0.0.0/0]}\n",
     "f:1: portal.zones[0]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: ['::/0']}\n",
     "f:1: portal.zones[0]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: [128.0.0.0/1, 10.0.0.0/8, 0.0.0.0/1]}\n",
     "f:1: portal.zones[0]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: ['2000::/3']}\n",
     "f:1: portal.zones[0]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: ['::ffff:0:0/96']}\n",
     "f:1: portal.zones[0]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [all]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {all: [128.0.0.0/1, 0.0.0.0/2]}\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "zones: {all: [0.0.0.0/0]}\n"
     "rules: [{name: r, users: [alice], zones: [local, all], routes: [t]}]\n",
     "f:5: rules.r.zones[1]: expected no zone that is the whole internet while a listener is not on loopback, found \"all\"\n"},
    {"portal: {host: p.test, zones: [low, high]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {low: [0.0.0.0/1], high: [128.0.0.0/1]}\n",
     "f:1: portal.zones: expected no zones that are the whole internet together while a listener is not on loopback, found such\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '[::]:9443'}]\n"
     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:8080'}}\n"
     "zones: {a: ['2000::/4', 10.0.0.0/8], b: ['3000::/5'], c: ['3800::/5']}\n"
     "rules: [{name: r, users: [alice], zones: [a, local, b, c], routes: [t]}]\n",
     "f:5: rules.r.zones: expected no zones that are the whole internet together while a listener is not on loopback, found such\n"},
    {"portal: {host: p.test, zones: [low, high]}\n"
     "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
     "zones: {low: [0.0.0.0/1, 0.0.0.0/2], high: [128.0.0.0/1], most: [128.0.0.0/2, 192.0.0.0/3]}\n"
     "rules: [{name: r, users: [alice], zones: [low, most], routes: ['*']}]\n",
     "f:1: portal.zones: expected no zones that are the whole internet together while a listener is not on loopback, found such\n"},
    {"portal: {host: p.test, zones: [low, high]}\n"
     "zones: {low: [0.0.0.0/1], high: [128.0.0.0/1]}\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '192.0.2.1:9443'}]\n"
     "limits: {connections: 256}\n",
     "f:3: limits.connections_per_source: expected less than the 256 connections of listener \"m\", which is not on loopback, found 256\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '192.0.2.1:9443', connections: 100, connections_per_source: 100}]\n",
     "f:2: listeners.m.connections_per_source: expected less than the 100 connections of listener \"m\", which is not on loopback, found 100\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '192.0.2.1:9443', connections: 100, connections_per_source: 99}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', connections: 100, connections_per_source: 100}]\n",
     ""},
    {"portal: {host: p.test, zones: [all]}\n"
     "zones: {all: [0.0.0.0/0]}\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', proxy_protocol: v1v2, trusted_proxies: [10.0.0.2, 2001:db8::/32]}]\n",
     ""},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', proxy_protocol: v2}]\n",
     "f:2: listeners.m.proxy_protocol: expected off or v1v2, found \"v2\"; did you mean \"v1v2\"?\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', proxy_protocol: v1v2}]\n",
     "f:2: listeners.m.trusted_proxies: expected the addresses of the proxies in front, found none\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', trusted_proxies: [10.0.0.2]}]\n",
     "f:2: listeners.m.trusted_proxies: expected proxy_protocol or forwarded beside it, found neither\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', proxy_protocol: v1v2, trusted_proxies: ['0.0.0.0/0']}]\n",
     "f:2: listeners.m.trusted_proxies: expected the addresses of proxies, found the whole internet\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', proxy_protocol: v1v2, trusted_proxies: [10.0.0.2], forwarded: forwarded}]\n",
     "f:2: listeners.m.forwarded: expected off beside proxy_protocol, found a second word about one client\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: m, address: '127.0.0.1:9443', forwarded: X-Forwarded-For}]\n",
     "f:2: listeners.m.forwarded: expected off, x-forwarded-for or forwarded, found \"X-Forwarded-For\"; did you mean \"x-forwarded-for\"?\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: a, address: '127.0.0.1:9443', public_port: 443}, {name: b, address: '127.0.0.1:443'}]\n",
     "f:2: listeners.a.public_port: expected a port that leads to one listener, found that of \"b\"\n"},
    {"portal: {host: p.test}\n"
     "listeners: [{name: a, address: '127.0.0.1:9443', public_port: 443}, {name: b, address: '[::1]:9443', public_port: 443}]\n",
     ""},
    {"title: \377\n",
     "f:1: document: expected UTF-8 text, found other bytes\n"},
    /* clang-format on */
};
