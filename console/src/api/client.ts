// The one way to the server. Cookies go along by themselves; the browser says that it is this origin.
import { PROOF_NEEDED } from "./types";
import type { Problem } from "./types";

export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfter: number | null = null,
  ) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
  }
  get status(): number {
    return this.problem.status;
  }
}

export interface Answer<T> {
  body: T;
  status: number;
  etag: string | null;
}

export interface Ask {
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  etag?: string | null;
  idempotent?: string; // a key: the same creation twice is one
  signal?: AbortSignal;
}

const API = "/api/v1/";

function address(path: string, query?: Ask["query"]): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined && value !== "") params.set(name, String(value));
  const text = params.toString();
  return API + path + (text === "" ? "" : `?${text}`);
}

function unreadable(status: number): Problem {
  return {
    title: status === 0 ? "Not reachable" : `Answer ${status}`,
    status,
    detail:
      status === 0
        ? "The gateway does not answer. Is the network there, and the gateway running?"
        : "The answer of the gateway could not be read.",
  };
}

async function problemOf(answer: Response): Promise<ProblemError> {
  let problem = unreadable(answer.status);
  try {
    const said: unknown = await answer.json();
    if (typeof said === "object" && said !== null) problem = { ...problem, ...said, status: answer.status };
  } catch {
    // Not JSON: what there is to say about it stands in unreadable().
  }
  const retry = Number(answer.headers.get("Retry-After"));
  return new ProblemError(problem, Number.isFinite(retry) && retry > 0 ? retry : null);
}

// Asks the person for a proof that the server wants; over when there was one. Set by the frame.
let prove: (problem: Problem) => Promise<void> = () => Promise.resolve();
let mayProve = false;

export function setProver(prover: ((problem: Problem) => Promise<void>) | null): void {
  mayProve = prover !== null;
  if (prover !== null) prove = prover;
}

// A change that needs a newer or stronger proof is sent again, as it was, when that was given.
export async function call<T>(method: string, path: string, ask: Ask = {}): Promise<Answer<T>> {
  for (;;) {
    try {
      return await once<T>(method, path, ask);
    } catch (e) {
      if (!mayProve || !(e instanceof ProblemError) || e.problem.type !== PROOF_NEEDED) throw e;
      await prove(e.problem);
    }
  }
}

async function once<T>(method: string, path: string, ask: Ask = {}): Promise<Answer<T>> {
  const headers = new Headers({ Accept: "application/json" });
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store", redirect: "error" };
  if (ask.body !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(ask.body);
  }
  if (ask.etag != null) headers.set("If-Match", ask.etag);
  if (ask.idempotent !== undefined) headers.set("Idempotency-Key", ask.idempotent);
  if (ask.signal !== undefined) init.signal = ask.signal;
  let answer: Response;
  try {
    answer = await fetch(address(path, ask.query), init);
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") throw e;
    throw new ProblemError(unreadable(0));
  }
  if (!answer.ok) throw await problemOf(answer);
  const text = answer.status === 204 ? "" : await answer.text();
  try {
    return {
      body: (text === "" ? null : JSON.parse(text)) as T,
      status: answer.status,
      etag: answer.headers.get("ETag"),
    };
  } catch {
    throw new ProblemError(unreadable(answer.status));
  }
}

export async function get<T>(path: string, query?: Ask["query"], signal?: AbortSignal): Promise<T> {
  return (await call<T>("GET", path, { query, signal })).body;
}

// One part of an export, and where the next one goes on.
export async function part(
  path: string,
  query: Ask["query"],
  signal: AbortSignal,
): Promise<{ text: string; next: string | null }> {
  const answer = await fetch(address(path, query), { credentials: "same-origin", cache: "no-store", redirect: "error", signal });
  if (!answer.ok) throw await problemOf(answer);
  return { text: await answer.text(), next: answer.headers.get("Postern-Next") };
}
