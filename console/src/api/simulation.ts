// What a change would have decided about the requests that came.
export interface Simulated {
  requests: number;
  same: number;
  denied: number;
  allowed: number;
  prove: number;
  passed: number; // that no rule was asked about
  old: number; // whose record does not hold enough
  more_people: number;
  people: {
    user: string;
    program: boolean;
    you: boolean;
    requests: number;
    was: string;
    would: string;
    example?: { time: string; method: string; host: string; path: string; rule: string; reason: string };
  }[];
  routes: { route: string; requests: number; denied: number; allowed: number; prove: number }[];
}

export interface Simulation {
  id: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  days: number;
  done: number;
  total: number;
  took_ms?: number;
  result?: Simulated;
}
