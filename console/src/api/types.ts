// What the API answers, as docs/api.md and api/openapi.yaml say it.
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  field?: string;
  instance?: string;
  request_id?: string;
  needs?: unknown;
  // Of the type PROOF_NEEDED:
  assurance?: string;
  max_age?: number;
}

export const PROOF_NEEDED = "urn:postern:problem:proof-needed";

export interface Whoami {
  user: string;
  role?: string;
  roles?: string[];
  groups?: string[];
}

export interface MyConsole {
  name: string;
  title: string;
  url: string;
  upstream: string; // "up", "down", "unknown", …
}

// Times are RFC 3339, in UTC.
export type Time = string;

export interface User {
  name: string;
  kind: "person" | "service" | "breakglass" | string;
  mail: string;
  disabled: boolean;
  groups: string[];
  created: Time;
  password: "none" | "set" | string;
  totp: "none" | "set" | string;
  passkeys: number;
  recovery_left: number;
  enrol_until: Time | null;
  spent: string[];
  directory: string | null;
}

export type Me = User;

export interface Group {
  name: string;
  members: number;
  built_in?: boolean;
}

export interface Session {
  id: string;
  parent: string | null;
  user: string;
  host: string;
  assurance: string;
  proven_at: Time;
  created: Time;
  last_seen: Time;
  idle_until: Time;
  ends_at: Time;
  source: string;
  agent: string;
}

export interface Token {
  id: string;
  name: string;
  owner: string;
  routes: string[];
  methods: string[];
  paths: string[];
  zones: string[];
  created: Time;
  expires: Time | null;
  rotated: Time | null;
  former: Time | null;
  last_used: Time | null;
  last_source: string | null;
  strayed: Time | null;
  stray_source: string | null;
  owner_disabled: boolean;
}

export interface Passkey {
  id: string;
  name: string;
  made: Time;
  last_used?: Time | null;
  synced?: boolean;
  verifies_user?: boolean;
  disabled?: boolean;
}

export interface AuditRecord {
  seq: number;
  time: Time;
  actor_kind: string;
  actor: string;
  source: string;
  event: string;
  target: string;
  outcome: string;
  request_id: string;
  detail: unknown;
  prev: string;
  hash: string;
}

export interface Activity {
  seq: number;
  time: Time;
  event: string;
  text: string;
  target: string;
  outcome: string;
  source: string;
}

export interface Verification {
  intact: boolean;
  finding: string;
  seq: number;
  count: number;
  lag: number;
  hash: string;
  text: string;
  // A long trail is walked in the background:
  running?: boolean;
  done?: number;
  total?: number;
}

export interface AccessRecord {
  seq: number;
  time: Time;
  request: string;
  outcome: string;
  status: number;
  source: string;
  route: string;
  principal: string;
  method: string;
  path: string;
  rule: string;
  reason: string;
  duration_ms: number;
  bytes_in: number;
  bytes_out: number;
  stream: string;
}

export interface DeniedSource {
  source: string;
  count: number;
  last: Time;
  reason: string;
  route: string;
}

export interface Health {
  status: string;
  warnings: string[];
  version: string;
  started: Time;
  snapshot: number;
  edges: { id: number; stalled: boolean; acked: number }[];
  routes: { route: string; upstream: string; endpoints: { url: string; state: string; detail: string }[] }[];
  fleet: Record<string, string>;
}

export interface AccessRequest {
  id: number | string;
  kind: string;
  state: string;
  user: string;
  rule?: string | null;
  operation?: string | null;
  reason: string;
}

export interface Alarm {
  id: string;
  kind: string;
  level: string;
  text: string;
  acknowledged?: { by: string; at: Time } | null;
}
