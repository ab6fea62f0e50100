/** Reads the kernel's `0100007F:0BB8` of /proc/net/tcp and tcp6: `127.0.0.1` and 3000. */
export function addressOf(local: string): { address: string; port: number } {
  const [address = "", port = ""] = local.split(":");
  return { address: addressText(address), port: Number.parseInt(port, 16) };
}

/** The kernel writes each group of four bytes in the machine's order, which is the small end first. */
function addressText(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((group) => (group.match(/../g) ?? []).reverse());
  const dotted = (parts: readonly string[]) => parts.map((byte) => Number.parseInt(byte, 16)).join(".");
  if (bytes.length === 4) return dotted(bytes);
  if (/^0*$/.test(hex)) return "::";
  if (bytes.slice(0, 12).join("") === "00000000000000000000FFFF") return dotted(bytes.slice(12));
  const groups = bytes.join("").toLowerCase().match(/.{4}/g) ?? [];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}
