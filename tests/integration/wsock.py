"""WebSocket frames by hand (RFC 6455 section 5), for tests that look at every byte."""
import base64
import hashlib
import os
import re
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# enum access_stream of src/ipc/message.h
STREAM = {"opened": 1, "client": 2, "upstream": 3, "client-lost": 4, "upstream-lost": 5, "idle": 6, "revoked": 7,
          "gateway": 8}


def frame(op, payload=b"", fin=True, mask=None, rsv=0):
    size = len(payload)
    masked = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | op])
    if size < 126:
        head += bytes([masked | size])
    elif size < 65536:
        head += bytes([masked | 126]) + struct.pack(">H", size)
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", size)
    return head if mask is None and not payload else head + (mask or b"") + unmask(payload, mask)


def unmask(payload, mask):
    if not mask:
        return payload
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def cut(data):
    """(frames, rest): each frame (fin, op, payload, masked)."""
    frames = []
    while len(data) >= 2:
        size, at = data[1] & 0x7f, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
        masked = bool(data[1] & 0x80)
        at += 4 if masked else 0
        if len(data) < at + size:
            break
        payload = unmask(data[at:at + size], data[at - 4:at] if masked else None)
        frames.append((data[0] >> 7, data[0] & 15, payload, masked))
        data = data[at + size:]
    return frames, data


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def answer(head, extra=b""):
    """The 101 to a handshake."""
    key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head).group(1)
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n" + extra + b"\r\n")


def lines(origin=None, **more):
    """The header lines of a handshake; a keyword replaces one (None: leaves it out)."""
    every = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Origin": origin,
             **{k.replace("_", "-"): v for k, v in more.items()}}
    return "".join(f"{k}: {v}\r\n" for k, v in every.items() if v is not None)


def closed_with(data):
    """(code, reason) of the close frame that ends data; None when there is none."""
    frames, rest = cut(data)
    if rest or not frames or frames[-1][1] != CLOSE or len(frames[-1][2]) < 2:
        return None
    return int.from_bytes(frames[-1][2][:2], "big"), frames[-1][2][2:].decode()
