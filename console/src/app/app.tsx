import { useEffect, useState } from "react";
import { get, ProblemError } from "../api/client";
import { startEvents } from "../api/events";
import type { Whoami } from "../api/types";
import { Prover } from "../components/act";
import { RouterProvider } from "./router";
import { SessionContext, sessionOf } from "./session";
import type { Session } from "./session";
import { Shell } from "./shell";

// Without a session there is nothing to show here: the page for that is the server's.
export function leaveToLogin(): void {
  window.location.assign("/login");
}

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<Whoami>("whoami", undefined, stop.signal)
      .then((who) => setSession(sessionOf(who)))
      .catch((e: unknown) => {
        if (stop.signal.aborted) return;
        if (e instanceof ProblemError && e.status === 401) leaveToLogin();
        else setError(e instanceof Error ? e.message : String(e));
      });
    return () => stop.abort();
  }, []);
  useEffect(() => (session === null ? undefined : startEvents(leaveToLogin)), [session]);
  if (error !== null)
    return (
      <main className="console-alone">
        <h1>The console cannot start</h1>
        <p role="alert">{error}</p>
        <a href="/">Try again</a>
      </main>
    );
  if (session === null) return <div className="console-alone" role="status" aria-label="Loading" />;
  return (
    <SessionContext.Provider value={session}>
      <RouterProvider>
        <Shell />
        <Prover />
      </RouterProvider>
    </SessionContext.Provider>
  );
}
