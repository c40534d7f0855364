// One stream of events for the whole console: names of what changed, never contents. Whoever shows
// something of a topic asks for it anew. Without the stream pages are as old as their last question.
import { useEffect, useRef } from "react";

export type Topic = "sessions" | "users" | "requests" | "policy" | "audit" | "health" | "tokens" | "alerts";
const TOPICS: readonly Topic[] = ["sessions", "users", "requests", "policy", "audit", "health", "tokens", "alerts"];
type Listener = (topics: ReadonlySet<string>) => void;

const listeners = new Set<Listener>();
let source: EventSource | null = null;
let wait = 1000;
let timer: number | undefined;
let ended: () => void = () => undefined;

function tell(topics: ReadonlySet<string>): void {
  for (const listener of [...listeners]) listener(topics);
}

function changed(e: MessageEvent<string>): void {
  try {
    const said: unknown = JSON.parse(e.data);
    const topics = typeof said === "object" && said !== null && "topics" in said ? said.topics : null;
    if (Array.isArray(topics)) tell(new Set(topics.filter((t): t is string => typeof t === "string")));
  } catch {
    // Not a list of names: nothing to do about it here.
  }
}

// The session of the stream is over. A proof that was given in another tab makes a new one in its
// place, whose cookie may be a moment behind: then everything is asked for anew, and nobody is sent
// away from a form that is half filled in.
async function goOn(tries: number): Promise<void> {
  await new Promise((resolve) => (timer = window.setTimeout(resolve, 1000)));
  const answer = await fetch("/api/v1/whoami", { cache: "no-store", redirect: "error" }).catch(() => null);
  if (answer?.ok === true) {
    if (source === null) open();
    tell(new Set(TOPICS));
  } else if (answer?.status === 401 && tries <= 1) ended();
  else void goOn(answer?.status === 401 ? tries - 1 : tries);
}

function open(): void {
  source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => {
    wait = 1000;
  });
  source.addEventListener("changed", changed);
  source.addEventListener("ended", () => {
    close();
    void goOn(3);
  });
  // A browser gives up for good when the answer is not a stream: ask again, ever more rarely.
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    timer = window.setTimeout(open, wait);
    wait = Math.min(wait * 2, 60000);
  });
}

// Before the session is ended from here: what its end leads to is known already.
export function stopEvents(): void {
  ended = () => undefined;
  close();
}

function close(): void {
  source?.close();
  source = null;
  window.clearTimeout(timer);
}

// onEnded: the session is over.
export function startEvents(onEnded: () => void): () => void {
  ended = onEnded;
  if (source === null) open();
  return close;
}

// Calls again when one of the topics changed, at most once a second and not while nobody looks.
export function useTopics(topics: readonly Topic[], again: () => void): void {
  const call = useRef(again);
  call.current = again;
  const key = topics.join(" ");
  useEffect(() => {
    const wanted = key.split(" ");
    let due = false;
    let resting: number | undefined;
    const act = () => {
      due = false;
      call.current();
      resting = window.setTimeout(() => {
        resting = undefined;
        if (due) act();
      }, 1000);
    };
    const listener: Listener = (said) => {
      if (!wanted.some((t) => said.has(t))) return;
      due = true;
      if (resting === undefined && !document.hidden) act();
    };
    const seen = () => {
      if (!document.hidden && due && resting === undefined) act();
    };
    listeners.add(listener);
    document.addEventListener("visibilitychange", seen);
    return () => {
      listeners.delete(listener);
      document.removeEventListener("visibilitychange", seen);
      window.clearTimeout(resting);
    };
  }, [key]);
}
