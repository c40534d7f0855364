// GET /api/v1/health.
export interface Health {
  status: string;
  warnings: (string | { text?: string; detail?: string })[];
  version: string;
  started: string;
  snapshot: number;
  generation: number;
  edges: { id: number; stalled: boolean; acked: number }[];
  routes: { route: string; upstream: string; endpoints: { url: string; state: string; detail: string }[] }[];
  names: { name: string; addresses?: string[]; fault?: string | null }[];
  courier: string;
  fleet: Record<string, string>;
}
