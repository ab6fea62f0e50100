const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** The five fields of a cron line, in order. */
const fields = [
  { name: "minute", from: 0, to: 59, names: [] },
  { name: "hour", from: 0, to: 23, names: [] },
  { name: "day of the month", from: 1, to: 31, names: [] },
  { name: "month", from: 1, to: 12, names: months },
  { name: "day of the week", from: 0, to: 7, names: days },
] as const;

/** Days of the longest year's months, January first. */
const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * What is wrong with a cron line of five fields, or undefined where it is sound: `*`, numbers, names of months and days,
 * ranges `1-5`, lists `1,3`, steps `8-18/2`. What one cron knows and the next does not (`L`, `#`,
 * `@daily`, `5/10`) is refused, so that a schedule means the same everywhere.
 */
export function cronProblem(text: string): string | undefined {
  const given = text.trim().split(/\s+/);
  if (given.length !== fields.length)
    return "expected five fields: minute, hour, day of the month, month, day of the week";
  const values: number[][] = [];
  for (const [index, field] of fields.entries()) {
    const outcome = readField(given[index] ?? "", field);
    if (typeof outcome === "string") return outcome;
    values.push(outcome);
  }
  const [, , dayList = [], monthList = []] = values;
  const canHappen =
    given[4] !== "*" || monthList.some((month) => dayList.some((day) => day <= (longest[month - 1] ?? 0)));
  return canHappen ? undefined : "there is no such day: it would never run";
}

type Field = (typeof fields)[number];

/** The values that a field stands for, or what is wrong with it. */
function readField(text: string, field: Field): number[] | string {
  const values: number[] = [];
  for (const item of text.split(",")) {
    const [, range = "", step = "1"] = /^([^/]*)(?:\/(\d{1,2}))?$/.exec(item) ?? [];
    const bounds = readRange(range, field);
    const steps = item.includes("/");
    if (bounds === undefined || Number(step) === 0 || (steps && !/[*-]/.test(range)))
      return `"${item}" is no ${field.name}: expected ${expectation(field)}`;
    for (let value = bounds[0]; value <= bounds[1]; value += Number(step)) values.push(value);
  }
  return values;
}

function readRange(text: string, field: Field): [number, number] | undefined {
  if (text === "*") return [field.from, field.to];
  const [first = "", last = first, more] = text.split("-");
  const [from, to] = [readValue(first, field), readValue(last, field)];
  if (from === undefined || to === undefined || more !== undefined || from > to) return undefined;
  return [from, to];
}

function readValue(text: string, { from, to, names }: Field): number | undefined {
  const named = (names as readonly string[]).indexOf(text.toUpperCase());
  if (named !== -1) return named + from;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}

function expectation({ from, to, names }: Field): string {
  const more = names.length === 0 ? "" : `, ${names[0]} to ${names.at(-1)}`;
  return `*, ${from} to ${to}${more}, a list (1,3), a range (1-5) or a step (*/2)`;
}
