// Addresses and networks as numbers, to say at once, while somebody types, what a network holds.
// The gateway decides by its own reader; this one is for the hint only.
export interface Address {
  bits: 32 | 128;
  value: bigint;
}

function four(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function groups(text: string): bigint[] | null {
  if (text === "") return [];
  const out: bigint[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes(".")) {
      const v4 = four(part);
      if (v4 === null) return null;
      out.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(BigInt(`0x${part}`));
    else return null;
  }
  return out;
}

export function parseAddress(text: string): Address | null {
  const v4 = four(text);
  if (v4 !== null) return { bits: 32, value: v4 };
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groups(halves[0] ?? "");
  const tail = halves.length === 2 ? groups(halves[1] ?? "") : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  const value = all.reduce((v, group) => (v << 16n) | group, 0n);
  // An IPv4 address in IPv6 clothes is that IPv4 address.
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

export function inNetwork(address: Address, network: string): boolean {
  const [base = "", length] = network.split("/");
  const start = parseAddress(base);
  if (start === null || start.bits !== address.bits) return false;
  const kept = length === undefined ? start.bits : Number(length);
  if (!Number.isInteger(kept) || kept < 0 || kept > start.bits) return false;
  const shift = BigInt(start.bits - kept);
  return start.value >> shift === address.value >> shift;
}
