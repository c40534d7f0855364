// What a page shows of the server: asked for when the page opens, when its topics change, and when
// somebody says so. What was there stays until the new is there.
import { useCallback, useEffect, useRef, useState } from "react";
import { ProblemError, call } from "../api/client";
import type { Ask } from "../api/client";
import { useTopics } from "../api/events";
import type { Topic } from "../api/events";

export interface Resource<T> {
  data: T | null;
  etag: string | null; // of what is shown: a change that names it is refused when somebody was quicker
  error: ProblemError | null;
  loading: boolean;
  reload: () => void;
}

// path null: nothing is asked for yet.
export function useResource<T>(path: string | null, query?: Ask["query"], topics: readonly Topic[] = []): Resource<T> {
  const [data, setData] = useState<T | null>(null);
  const [etag, setEtag] = useState<string | null>(null);
  const [error, setError] = useState<ProblemError | null>(null);
  const [loading, setLoading] = useState(path !== null);
  const [turn, setTurn] = useState(0);
  const shown = useRef("");
  const key = path === null ? "" : path + "?" + JSON.stringify(query ?? {});
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useTopics(topics, reload);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    if (shown.current !== key) {
      setData(null);
      setError(null);
      shown.current = key;
    }
    setLoading(true);
    call<T>("GET", path, { query, signal: stop.signal })
      .then((answer) => {
        setData(answer.body);
        setEtag(answer.etag);
        setError(null);
        setLoading(false);
      })
      .catch((e: unknown) => {
        if (stop.signal.aborted) return;
        setError(e instanceof ProblemError ? e : new ProblemError({ title: "Failed", status: 0, detail: String(e) }));
        setLoading(false);
      });
    return () => stop.abort();
    // The key says everything that path and query say.
  }, [key, turn]);
  return { data, etag, error, loading, reload };
}
