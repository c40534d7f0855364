// The pages of the console: one row each, one folder each, one chunk each. The row says whom the
// navigation shows it to; a page below it ("users/kim") belongs to the row of its first segment.
import { lazy } from "react";
import type { ComponentType } from "react";
import type { Role } from "./session";

export interface PageRow {
  path: string;
  title: string;
  group: "Overview" | "People" | "Policy" | "Records" | "System" | "Mine";
  roles: Role[]; // besides owners
  page: ComponentType;
  hidden?: true; // reached from elsewhere
}

const READERS: Role[] = ["administrator", "auditor", "operator"];

export const PAGES: PageRow[] = [
  { path: "overview", title: "Overview", group: "Overview", roles: READERS, page: lazy(() => import("../pages/overview")) },
  { path: "sessions", title: "Live sessions", group: "People", roles: READERS, page: lazy(() => import("../pages/sessions")) },
  { path: "people", title: "People", group: "People", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/people")) },
  { path: "groups", title: "Groups", group: "People", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/groups")) },
  { path: "tokens", title: "Tokens", group: "People", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/tokens")) },
  { path: "audit", title: "Audit trail", group: "Records", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/audit")) },
  { path: "access", title: "Access records", group: "Records", roles: READERS, page: lazy(() => import("../pages/access")) },
  { path: "consoles", title: "Your consoles", group: "Mine", roles: ["user"], page: lazy(() => import("../pages/launcher")) },
  { path: "requests", title: "Requests and approvals", group: "Mine", roles: ["user"], page: lazy(() => import("../pages/requests")) },
  { path: "account", title: "My account", group: "Mine", roles: ["user"], page: lazy(() => import("../pages/account")) },
  { path: "proven", title: "Proven", group: "Mine", roles: ["user"], page: lazy(() => import("../pages/proven")), hidden: true },
  { path: "zones", title: "Zones", group: "Policy", roles: READERS, page: lazy(() => import("../pages/zones")) },
  { path: "routes", title: "Routes and upstreams", group: "Policy", roles: READERS, page: lazy(() => import("../pages/routes")) },
  { path: "rules", title: "Policy", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/rules")) },
  { path: "tester", title: "Tester", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/tester")) },
  { path: "versions", title: "Versions", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/versions")) },
  { path: "alerts", title: "Alerts", group: "System", roles: READERS, page: lazy(() => import("../pages/alerts")) },
  { path: "certificates", title: "Certificates", group: "System", roles: READERS, page: lazy(() => import("../pages/certificates")) },
  { path: "nodes", title: "Health", group: "System", roles: READERS, page: lazy(() => import("../pages/nodes")) },
  { path: "settings", title: "Settings", group: "System", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/settings")) },
];

export function pageOf(path: string): PageRow | undefined {
  const first = path.split("/")[0] ?? "";
  return PAGES.find((row) => row.path === first);
}
