// What a page shows is loaded here: at its beginning, again when its topics change or it is told to,
// and never into a page that has gone.
import { useCallback, useEffect, useState } from "react";
import type { ReactNode } from "react";
import { Bullseye, Spinner } from "@patternfly/react-core";
import { call, ProblemError } from "../api/client";
import type { Ask } from "../api/client";
import { useTopics } from "../api/events";
import type { Topic } from "../api/events";
import { Trouble } from "./trouble";

export interface Loaded<T> {
  value: T | undefined;
  etag: string | null;
  problem: unknown;
  again: () => void;
}

// path null: nothing is asked for.
export function useLoaded<T>(path: string | null, topics: readonly Topic[] = [], query?: Ask["query"]): Loaded<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ value?: T; etag: string | null; problem?: unknown }>({ etag: null });
  const key = JSON.stringify(query ?? {});
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    call<T>("GET", path, { query: JSON.parse(key) as Ask["query"], signal: stop.signal })
      .then(({ body, etag }) => setState({ value: body, etag }))
      .catch((problem: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ ...old, problem }));
      });
    return () => stop.abort();
  }, [path, key, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  useTopics(topics, again);
  return { value: state.value, etag: state.etag, problem: state.problem, again };
}

// Everything of a list that is paged, for pages that sort and filter by themselves; at most 20 pages.
export async function everything<T>(path: string, member: string, signal?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let page = 0; page < 20; page++) {
    const { body } = await call<Record<string, unknown>>("GET", path, { query: { limit: 500, after }, signal });
    all.push(...((body[member] as T[] | undefined) ?? []));
    if (body.next === undefined || body.next === null) break;
    after = String(body.next);
  }
  return all;
}

export function useEverything<T>(path: string, member: string, topics: readonly Topic[] = []): Loaded<T[]> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ value?: T[]; problem?: unknown }>({});
  useEffect(() => {
    const stop = new AbortController();
    everything<T>(path, member, stop.signal)
      .then((value) => setState({ value }))
      .catch((problem: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ ...old, problem }));
      });
    return () => stop.abort();
  }, [path, member, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  useTopics(topics, again);
  return { value: state.value, etag: null, problem: state.problem, again };
}

export function Show<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ReactNode }) {
  return (
    <>
      {of.problem !== undefined && <Trouble problem={of.problem} />}
      {of.value !== undefined && children(of.value)}
      {of.value === undefined && of.problem === undefined && (
        <Bullseye>
          <Spinner aria-label="Loading" />
        </Bullseye>
      )}
    </>
  );
}

// A change: whether it runs, what was in the way, and how to start it.
export function useChange(): { busy: boolean; problem: unknown; run: (what: () => Promise<void>) => void; forget: () => void } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(undefined);
  const run = useCallback((what: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    what()
      .catch((e: unknown) => setProblem(e))
      .finally(() => setBusy(false));
  }, []);
  const forget = useCallback(() => setProblem(undefined), []);
  return { busy, problem, run, forget };
}

// The member of the body that a problem is about: the last name of the place that its sentence begins
// with, as in "rules.office.zones[0]: …" and "zone office: cidrs[0]: …".
export function fieldOf(problem: unknown): string | undefined {
  if (!(problem instanceof ProblemError)) return undefined;
  const place = problem.problem.field ?? /^(?:[a-z]+ [^ :]+: )?([a-z0-9_.[\]-]+):/.exec(problem.problem.detail ?? "")?.[1];
  return place?.split(".").pop()?.replace(/\[.*$/, "");
}
