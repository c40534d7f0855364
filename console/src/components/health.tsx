import { Label } from "@patternfly/react-core";

// The state of an upstream in the words and colours that all pages use.
export function HealthLabel({ state }: { state: string }) {
  if (state === "up") return <Label status="success">up</Label>;
  if (state === "down") return <Label status="danger">down</Label>;
  return <Label>{state === "unknown" ? "not used yet" : state}</Label>;
}
