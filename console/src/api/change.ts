// Changes of the policy: versions, what a change would do, and what it would have done.
import { call } from "./client";
import type { Answer } from "./client";
import type { Route, Rule, Zone } from "./policy";

export interface DiffLine {
  op: " " | "+" | "-";
  text: string;
}

export interface Change {
  kind: string;
  name: string;
  action: string;
  before?: unknown;
  after?: unknown;
  lines?: DiffLine[];
}

export interface Version {
  number: number;
  at: string;
  author: string;
  comment?: string | null;
  cause: "api" | "apply" | "rollback" | "file" | "expired";
  state?: string;
  count?: number;
  changes?: Change[];
}

export interface PolicyState {
  version: number;
  pending: null | { version: number; author: string; confirm_by: string; seconds_left: number };
  counts?: Record<string, number>;
}

export interface Candidate {
  zones?: Zone[];
  routes?: Route[];
  rules?: Rule[];
  tests?: unknown[];
  settings?: unknown;
  prune?: boolean;
}

export interface FailedTest {
  name?: string;
  test?: string;
  expect?: string;
  expected?: string;
  got?: string;
  verdict?: string;
  rule?: string | null;
  text?: string;
}

export interface Applied {
  version: number | null;
  changes: Change[];
  more?: number; // changes that are not listed
  tests?: { passed: number; failed: FailedTest[] } | null;
  lockout?: null | { sentence: string; who?: string[] | string };
  confirm_within?: number | null;
}

// A change that somebody wants: one operation, and where it takes its terms.
export interface Intent {
  method: "PUT" | "DELETE" | "POST";
  path: string;
  body?: object;
  etag?: string | null;
  termsIn: "body" | "query";
  candidate?: () => Promise<Candidate>; // the same change as apply takes it, to try it out
}

export interface Terms {
  dry_run?: boolean;
  comment?: string;
  confirm?: string;
}

export function carryOut<T>(intent: Intent, terms: Terms): Promise<Answer<T>> {
  const { method, path, body, etag, termsIn } = intent;
  if (termsIn === "body") return call<T>(method, path, { body: { ...body, ...terms }, etag });
  const { dry_run, comment, confirm } = terms;
  return call<T>(method, path, { body, etag, query: { dry_run: dry_run === true ? "true" : undefined, comment, confirm } });
}

export function applying(candidate: Candidate, base?: number): Intent {
  return { method: "POST", path: "apply", body: base === undefined ? candidate : { ...candidate, base }, termsIn: "body", candidate: async () => candidate };
}

type Kind = "zones" | "routes" | "rules";

export function putting(kind: Kind, body: { name: string }, etag: string | null): Intent {
  const path = `${kind}/${encodeURIComponent(body.name)}`;
  return { method: "PUT", path, body, etag, termsIn: "query", candidate: async () => ({ [kind]: [body] }) };
}

export function removing(kind: Kind, name: string): Intent {
  const without = async (): Promise<Candidate> => {
    const { body } = await call<Record<Kind, { name: string }[]>>("GET", "export");
    return { [kind]: body[kind].filter((one) => one.name !== name), prune: true };
  };
  return { method: "DELETE", path: `${kind}/${encodeURIComponent(name)}`, termsIn: "query", candidate: without };
}

export function setting(name: string, value: unknown): Intent {
  return { method: "PUT", path: `settings/${encodeURIComponent(name)}`, body: { value }, termsIn: "query" };
}

export function removingSetting(name: string): Intent {
  return { method: "DELETE", path: `settings/${encodeURIComponent(name)}`, termsIn: "query" };
}
