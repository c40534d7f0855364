// A rule as the form holds it, and as the API takes it: what is not said is left out.
import type { Rule } from "../../api/policy";

const DEFAULTS: Record<string, unknown> = { assurance: "mfa", max_age: 0, approvals: 1, grant_max: 14400, time_zone: "UTC" };

export function bare(rule: Rule): Rule {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rule)) {
    if (key === "origin" || value === undefined || value === false || value === "") continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (key in DEFAULTS && DEFAULTS[key] === value) continue;
    out[key] = value;
  }
  return { ...out, name: rule.name, routes: rule.routes ?? [] } as Rule;
}

export type Effect = "allow" | "deny" | "demand" | "anonymous";

export function effectOf(rule: Rule): Effect {
  if (rule.anonymous === true) return "anonymous";
  if (rule.deny === true) return "deny";
  return rule.demand === true ? "demand" : "allow";
}

export const EFFECTS: Record<Effect, { title: string; color: "green" | "red" | "orange" | "purple" }> = {
  allow: { title: "admits", color: "green" },
  deny: { title: "refuses", color: "purple" },
  demand: { title: "demands", color: "orange" },
  anonymous: { title: "admits anybody without login", color: "red" },
};

export function who(rule: Rule): string[] {
  return [
    ...(rule.users ?? []).map((name) => (name === "*" ? "anybody logged in" : name)),
    ...(rule.groups ?? []).map((name) => `group ${name}`),
    ...(rule.tokens ?? []).map((name) => `token ${name}`),
    ...(rule.certificates ?? []).map((name) => `certificate ${name}`),
  ];
}

export function what(rule: Rule): string[] {
  const methods = rule.methods ?? [];
  const paths = rule.paths ?? [];
  return [...(rule.read_only === true ? ["read only"] : []), ...methods, ...paths, ...(rule.times ?? []).map((t) => `${t} ${rule.time_zone ?? "UTC"}`)];
}
