// A request as the API gives it.
export interface Asked {
  id: number;
  kind: "access" | "change";
  state: string;
  user: string;
  rule?: string;
  class?: string;
  reason: string;
  duration: number;
  created: string;
  expires: string | null;
  decided: string | null;
  ends: string | null;
  seconds_left: number;
  note: string;
  voices: { user: string; at: string; comment: string }[];
  approvers: string | null;
  approvals: number; // as many have to agree
  may_decide: boolean;
  operation?: { method: string; path: string; query: string; body: unknown }; // what a change would do
}

export interface Requestable {
  rule: string;
  routes: string[];
  approvers: string;
  approvals: number;
  longest: number;
  request: number | null;
  state: string | null;
}

export const STATES: Record<string, { title: string; color: "orange" | "green" | "red" | "grey" }> = {
  pending: { title: "waits", color: "orange" },
  approved: { title: "runs", color: "green" },
  denied: { title: "denied", color: "red" },
  failed: { title: "failed", color: "red" },
};

// What of it is of use now: it waits, or what it gave still runs.
export function open(asked: Asked): boolean {
  return asked.state === "pending" || (asked.state === "approved" && asked.kind === "access");
}

export function subjectOf(asked: Asked): string {
  return asked.kind === "change" ? `Change of ${asked.class ?? ""}${asked.operation === undefined ? "" : `: ${asked.operation.method} ${asked.operation.path}`}` : `Access by rule ${asked.rule ?? ""} for ${span(asked.duration)}`;
}

export function span(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds >= 60 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
}
