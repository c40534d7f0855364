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
}

const READERS: Role[] = ["administrator", "auditor", "operator"];

export const PAGES: PageRow[] = [
  { path: "overview", title: "Overview", group: "Overview", roles: READERS, page: lazy(() => import("../pages/overview")) },
  { path: "consoles", title: "Your consoles", group: "Mine", roles: ["user"], page: lazy(() => import("../pages/launcher")) },
  { path: "zones", title: "Zones", group: "Policy", roles: READERS, page: lazy(() => import("../pages/zones")) },
  { path: "routes", title: "Routes and upstreams", group: "Policy", roles: READERS, page: lazy(() => import("../pages/routes")) },
  { path: "rules", title: "Policy", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/rules")) },
  { path: "tester", title: "Tester", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/tester")) },
  { path: "versions", title: "Versions", group: "Policy", roles: ["administrator", "auditor"], page: lazy(() => import("../pages/versions")) },
  { path: "certificates", title: "Certificates", group: "System", roles: READERS, page: lazy(() => import("../pages/certificates")) },
  { path: "nodes", title: "Health", group: "System", roles: READERS, page: lazy(() => import("../pages/nodes")) },
];

export function pageOf(path: string): PageRow | undefined {
  const first = path.split("/")[0] ?? "";
  return PAGES.find((row) => row.path === first);
}
