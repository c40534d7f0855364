"""The messages between postern's processes, for tests that play one of them.

Everything comes from src/ipc/messages.def and records.def, the same tables that the C code is made
from: the numbers of the types, the order and the width of the fields. A test that packs a message by
hand would only prove that it agrees with itself.
"""

import array
import os
import re
import select
import socket
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKET_MAX = 160000
ROLES = {"SUPERVISOR": 1, "EDGE": 2, "SIGNER": 4, "KEEPER": 8, "COURIER": 16, "CHILD": 30}
NUMBERS = {"U8": ">B", "U16": ">H", "U32": ">I", "U64": ">Q"}


def _parse(path, opening, closing):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    tables, name = {}, None
    for line in text.splitlines():
        word = re.match(r"\s*(\w+)\((.*)\)\s*$", line)
        if not word:
            continue
        what, arguments = word[1], [part.strip() for part in word[2].split(",")]
        if what == opening:
            name = arguments[0]
            tables[name] = {"arguments": arguments, "fields": []}
        elif what == closing:
            name = None
        else:
            size = int(arguments[1], 0) if len(arguments) > 1 else 0
            tables[name]["fields"].append((what, arguments[0], size))
    return tables


MESSAGES = _parse(os.path.join(ROOT, "src/ipc/messages.def"), "MESSAGE", "END")
RECORDS = _parse(os.path.join(ROOT, "src/ipc/records.def"), "RECORD", "RECORD_END")
TYPES = {name: number for number, name in enumerate(MESSAGES, 1)}
NAMES = {number: name for name, number in TYPES.items()}


def _bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def _pack(fields, values):
    unknown = set(values) - {name for _, name, _ in fields}
    if unknown:
        raise KeyError("no such field: %s" % ", ".join(sorted(unknown)))
    out = b""
    for kind, name, size in fields:
        if kind in NUMBERS:
            out += struct.pack(NUMBERS[kind], values.get(name, 0))
        elif kind == "FIXED":
            value = _bytes(values.get(name, bytes(size)))
            if len(value) != size:
                raise ValueError("%s must be %d bytes" % (name, size))
            out += value
        else:
            value = _bytes(values.get(name, b""))
            out += struct.pack(">I", len(value)) + value
    return out


def _unpack(fields, payload):
    values, at = {}, 0

    def take(count):
        nonlocal at
        if at + count > len(payload):
            raise ValueError("short payload")
        piece = payload[at : at + count]
        at += count
        return piece

    for kind, name, size in fields:
        if kind in NUMBERS:
            form = NUMBERS[kind]
            values[name] = struct.unpack(form, take(struct.calcsize(form)))[0]
        elif kind == "FIXED":
            values[name] = take(size)
        else:
            length = struct.unpack(">I", take(4))[0]
            if length > size:
                raise ValueError("%s is longer than %d" % (name, size))
            values[name] = take(length)
    if at != len(payload):
        raise ValueError("%d bytes left over" % (len(payload) - at))
    return values


def encode(name, **values):
    """The payload of a message, without the packet's header."""
    return _pack(MESSAGES[name]["fields"], values)


def decode(name, payload):
    return _unpack(MESSAGES[name]["fields"], payload)


def encode_record(name, **values):
    return _pack(RECORDS[name]["fields"], values)


def decode_record(name, payload):
    return _unpack(RECORDS[name]["fields"], payload)


def address(text):
    """The 16-byte form of an address; IPv4 is mapped."""
    if ":" in text:
        return socket.inet_pton(socket.AF_INET6, text)
    return bytes(10) + b"\xff\xff" + socket.inet_pton(socket.AF_INET, text)


class Message:
    def __init__(self, name, serial, fields, fd):
        self.name, self.serial, self.fields, self.fd = name, serial, fields, fd

    def __getattr__(self, field):
        try:
            return self.__dict__["fields"][field]
        except KeyError:
            raise AttributeError(field) from None

    def __repr__(self):
        return "<%s #%d %r>" % (self.name, self.serial, self.fields)


class Closed(Exception):
    """The other end has closed the channel."""


class Wire:
    """One end of a channel, blocking with a time limit."""

    def __init__(self, sock):
        self.sock = sock
        self.serial = 0
        self.kept = []  # messages that arrived while another was waited for
        self.ignored = set()  # names of messages that are as good as not sent

    @staticmethod
    def pair():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * PACKET_MAX)
        return Wire(ours), theirs

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def send_raw(self, packet, fd=None):
        ancillary = []
        if fd is not None:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([packet], ancillary)

    def send(self, name, serial=None, fd=None, **values):
        """Sends and returns the serial used."""
        if serial is None:
            self.serial += 1
            serial = self.serial
        self.send_raw(struct.pack(">HI", TYPES[name], serial) + encode(name, **values), fd)
        return serial

    def receive(self, timeout=10.0):
        if self.kept:
            return self.kept.pop(0)
        return self._read(timeout)

    def _read(self, timeout):
        ready, _, _ = select.select([self.sock], [], [], timeout)
        if not ready:
            raise TimeoutError("no message within %.1f s" % timeout)
        try:
            packet, ancillary, _, _ = self.sock.recvmsg(PACKET_MAX + 1, socket.CMSG_SPACE(4))
        except ConnectionError:
            raise Closed() from None
        if not packet:
            raise Closed()
        fd = None
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fd = array.array("i", data[:4])[0]
        number, serial = struct.unpack(">HI", packet[:6])
        name = NAMES[number]
        if name in self.ignored:
            return self._read(timeout)
        return Message(name, serial, decode(name, packet[6:]), fd)

    def expect(self, name, timeout=10.0, serial=None):
        """The next message of this name; others are kept for later."""
        for index, message in enumerate(self.kept):
            if message.name == name and serial in (None, message.serial):
                return self.kept.pop(index)
        while True:
            message = self._read(timeout)
            if message.name == name and serial in (None, message.serial):
                return message
            self.kept.append(message)

    def ask(self, name, timeout=10.0, fd=None, **values):
        """Sends a question and returns the reply with its serial."""
        serial = self.send(name, fd=fd, **values)
        return self.expect(MESSAGES[name]["arguments"][4].lower(), timeout, serial)


def sealed(name, content):
    """A sealed memory file; the caller closes the descriptor."""
    import fcntl

    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    # F_SEAL_SEAL, SHRINK, GROW, WRITE
    fcntl.fcntl(fd, 1033, 0x0001 | 0x0002 | 0x0004 | 0x0008)
    return fd
