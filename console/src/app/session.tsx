// Who works here, and what that person may. The server decides every request anew; this decides
// only what is worth showing.
import { createContext, useContext } from "react";
import type { Whoami } from "../api/types";

export type Role = "owner" | "administrator" | "auditor" | "operator" | "user";

const NAMES: readonly Role[] = ["owner", "administrator", "auditor", "operator", "user"];

export interface Session {
  user: string;
  groups: string[];
  roles: ReadonlySet<Role>;
}

export function sessionOf(who: Whoami): Session {
  const said = who.roles ?? (who.role === undefined ? [] : [who.role]);
  const roles = new Set<Role>(["user"]);
  for (const name of NAMES) if (said.includes(name)) roles.add(name);
  return { user: who.user, groups: who.groups ?? [], roles };
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("outside of a session");
  return session;
}

// Does this person have one of these roles? Owners have all of them.
export function hasRole(session: Session, ...roles: Role[]): boolean {
  return session.roles.has("owner") || roles.some((role) => session.roles.has(role));
}

export function useMay(...roles: Role[]): boolean {
  return hasRole(useSession(), ...roles);
}
