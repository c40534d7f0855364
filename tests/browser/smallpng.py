"""Makes a screenshot small: a page has few colours, so that a palette of 256 says nearly all of it."""
import struct
import zlib


def chunks(data):
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += size + 12


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(raw, width, height, step):
    """The lines of an image without their filters (PNG, 3rd edition, section 9)."""
    stride = width * step
    above = bytearray(stride)
    for y in range(height):
        at = y * (stride + 1)
        how, line = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        if how == 1:
            for i in range(step, stride):
                line[i] = (line[i] + line[i - step]) & 255
        elif how == 2:
            for i in range(stride):
                line[i] = (line[i] + above[i]) & 255
        elif how == 3:
            for i in range(stride):
                line[i] = (line[i] + (((line[i - step] if i >= step else 0) + above[i]) >> 1)) & 255
        elif how == 4:
            for i in range(stride):
                a, c = (line[i - step], above[i - step]) if i >= step else (0, 0)
                b = above[i]
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                line[i] = (line[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
        yield line
        above = line


def shrink(data):
    """PNG in, PNG out: 8 bits of palette, colours rounded until they fit into it."""
    parts = list(chunks(data))
    width, height, depth, colour = struct.unpack(">IIBB", parts[0][1][:10])
    if depth != 8 or colour not in (2, 6):
        return data
    step = 3 if colour == 2 else 4
    raw = zlib.decompress(b"".join(d for kind, d in parts if kind == b"IDAT"))
    lines = [[bytes(line[i:i + 3]) for i in range(0, width * step, step)] for line in rows(raw, width, height, step)]
    counts = {}
    for line in lines:
        for pixel in line:
            counts[pixel] = counts.get(pixel, 0) + 1
    # The commonest stay as they are; a rarer one becomes what it is next to.
    kept = sorted(counts, key=counts.get, reverse=True)[:256]
    index = {pixel: i for i, pixel in enumerate(kept)}
    for pixel in counts:
        if pixel not in index:
            index[pixel] = min(range(len(kept)), key=lambda i: sum((a - b) ** 2 for a, b in zip(kept[i], pixel)))
    packed = b"".join(b"\0" + bytes(index[pixel] for pixel in line) for line in lines)
    small = data[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + \
        chunk(b"PLTE", b"".join(kept)) + chunk(b"IDAT", zlib.compress(packed, 9)) + chunk(b"IEND", b"")
    return min(data, small, key=len)
