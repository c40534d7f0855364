import { Label } from "@patternfly/react-core";

// Names side by side; a dash where there are none.
export function Tags({ names, none = "none" }: { names: readonly string[]; none?: string }) {
  if (names.length === 0) return <span className="console-small">{none}</span>;
  return (
    <span className="console-names">
      {names.map((n) => (
        <Label key={n} isCompact>
          {n}
        </Label>
      ))}
    </span>
  );
}
