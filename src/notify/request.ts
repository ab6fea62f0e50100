/** Milliseconds that one request may take, its answer included. */
const timeLimit = 10_000;
/** Bytes of an answer that are read. */
const longestAnswer = 4_096;

/** What a server answered. */
export interface Answer {
  status: number;
  /** The beginning of it. */
  text: string;
}

/** One request without following where it leads elsewhere. The address is a secret: no error says it. */
export async function request(
  address: string,
  init: { method: "GET" | "POST"; body?: string },
  signal: AbortSignal,
  limit = timeLimit,
): Promise<Answer> {
  const url = parse(address);
  try {
    const response = await fetch(url, {
      method: init.method,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(limit)]),
      headers: { "user-agent": "create-stack", ...(init.body !== undefined && { "content-type": "application/json" }) },
      ...(init.body !== undefined && { body: init.body }),
    });
    return { status: response.status, text: await beginningOf(response) };
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`no answer from ${url.host}: ${reasonOf(error, limit)}`);
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of body) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    // Leaving the loop lets go of the rest.
    if (text.length >= longestAnswer) break;
  }
  return text.slice(0, longestAnswer);
}

function parse(address: string): URL {
  const text = address.trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  throw new Error("what the secret holds is no address such as https://…");
}

function reasonOf(error: unknown, limit: number): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return `none within ${limit / 1_000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return code === "" ? "the connection failed" : code;
}
