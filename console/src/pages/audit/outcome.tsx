import { Label } from "@patternfly/react-core";

export function OutcomeLabel({ outcome }: { outcome: string }) {
  return outcome === "done" ? <Label status="success" isCompact>done</Label> : <Label status="danger" isCompact>{outcome}</Label>;
}
