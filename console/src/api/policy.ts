// The resources of the policy, as the configuration file and the API spell them.
export type Origin = "file" | "store" | "builtin" | "guard";

export interface Zone {
  name: string;
  cidrs?: string[];
  interface?: string;
  origin?: Origin;
}

export interface Route {
  name: string;
  host?: string;
  port?: number;
  path?: string;
  kind?: "http" | "tcp";
  upstream: string | string[];
  upstream_pin?: string[];
  upstream_name?: string;
  upstream_ca?: string;
  upstream_ca_file?: string;
  title?: string;
  start?: string;
  origin?: Origin;
}

export const ASSURANCES = ["none", "password", "mfa", "phishing-resistant", "hardware"] as const;
export type Assurance = (typeof ASSURANCES)[number];

export interface Rule {
  name: string;
  users?: string[];
  groups?: string[];
  tokens?: string[];
  certificates?: string[];
  zones?: string[];
  routes: string[];
  methods?: string[];
  paths?: string[];
  assurance?: Assurance;
  max_age?: number | string;
  demand?: boolean;
  deny?: boolean;
  anonymous?: boolean;
  read_only?: boolean;
  times?: string[];
  time_zone?: string;
  approvers?: string;
  approvals?: number;
  grant_max?: number | string;
  origin?: Origin;
}

export type Verdict = "allow" | "deny" | "prove";

export interface Tried {
  rule: string;
  failed: string | null;
  denies?: boolean; // it is a rule that refuses
}

export interface Explained {
  verdict: Verdict;
  reason: string;
  text: string;
  rule: string | null;
  route: string;
  zones: string[];
  needs?: { assurance?: Assurance; max_age?: number; grant?: string };
  tried: Tried[];
}

export interface Probed {
  url: string;
  sni: string;
  name: string;
  fault: string | null;
  address?: string;
  protocol?: string;
  trusted?: boolean;
  distrust?: string | null;
  matches?: boolean;
  note?: string | null;
  certificate?: {
    subject: string;
    issuer: string;
    names: string[];
    not_before: string;
    not_after: string;
    pin: string;
    sha256: string;
  };
}

export function list<T>(one: T | T[] | undefined): T[] {
  return one === undefined ? [] : Array.isArray(one) ? one : [one];
}
