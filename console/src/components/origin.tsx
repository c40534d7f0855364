// Where a resource comes from, and so where it can be changed.
import { Label } from "@patternfly/react-core";
import type { Origin } from "../api/policy";

const TEXTS: Record<Origin, string> = {
  file: "configuration file",
  store: "console",
  builtin: "built in",
  guard: "postern guard",
};

export function OriginLabel({ origin }: { origin: Origin | undefined }) {
  if (origin === undefined || origin === "store") return null;
  return (
    <Label isCompact variant="outline">
      {TEXTS[origin] ?? origin}
    </Label>
  );
}

export function mayChange(origin: Origin | undefined): boolean {
  return origin === undefined || origin === "store";
}
