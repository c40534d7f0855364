// What the API answers, as docs/api.md and api/openapi.yaml say it.
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  field?: string;
  error?: string;
  needs?: { assurance: string; age?: number; url?: string } | string;
  request_id?: string;
}

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

export interface User {
  name: string;
  state: string;
  groups: string[];
  password: string; // "none" until there is one
  totp: boolean;
  recovery_left: number;
  created: number;
  service?: boolean;
  directory?: string | null;
  mail?: string | null;
}

export interface Me extends User {
  passkeys: number;
}
