const durationUnits: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Record<string, number> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Reads `15s`, `1m30s`, `6h`, `30d`. Milliseconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (durationUnits[unit ?? ""] ?? Number.NaN);
  }
  return total;
}

/** Writes milliseconds as Compose and people read them: `90s` is `1m30s`, 2 days are `48h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  let rest = Math.round(milliseconds / 1_000);
  let text = "";
  for (const [unit, seconds] of [
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

/** Writes an age in its largest unit and the next: `3d4h`, `12m`, `8s`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const parts: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const first = parts.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  let rest = seconds;
  let text = "";
  for (const [unit, size] of parts.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

/** Reads `512m`, `4g`, `1.5g`, `100mb`, `10MiB`. Bytes (binary units), or undefined where the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])(?:i?b)?$/i.exec(text.trim());
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? "").toLowerCase()] ?? Number.NaN));
}

/** Writes bytes for people: `1.5 GB`, `512 MB`. Binary units, as Docker counts memory. */
export function formatSize(bytes: number): string {
  const unit = unitOf(bytes);
  return `${amountIn(bytes, unit)} ${unitNames[unit]}`;
}

/** Writes a part of bytes with their whole, in the unit of the whole: `200/381 MB`. */
export function formatShare(bytes: number, whole: number): string {
  return `${amountIn(bytes, unitOf(whole))}/${formatSize(whole)}`;
}

const unitNames = ["B", "KB", "MB", "GB", "TB"];

function unitOf(bytes: number): number {
  return Math.min(unitNames.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
}

function amountIn(bytes: number, unit: number): string {
  const amount = bytes / 1024 ** unit;
  return amount >= 100 || Number.isInteger(amount) ? String(Math.round(amount)) : amount.toFixed(1);
}

/** Writes bytes as a Compose byte value without loss where it can: `512m`, `2g`. */
export function composeSize(bytes: number): string {
  for (const unit of ["g", "m", "k"] as const) {
    const size = sizeUnits[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}b`;
}
