// A list of names in a cell: short, whole on demand, and "nothing" said in words.
import { Label, LabelGroup } from "@patternfly/react-core";

export function Names({ of, none, about }: { of: string[] | undefined; none: string; about: string }) {
  if (of === undefined || of.length === 0) return <span className="console-quiet">{none}</span>;
  return (
    <LabelGroup numLabels={4} aria-label={about}>
      {of.map((name) => (
        <Label key={name} isCompact variant="outline">
          {name}
        </Label>
      ))}
    </LabelGroup>
  );
}
