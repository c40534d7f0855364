// What changed, line by line. The sign says it, the colour only helps.
import { Label } from "@patternfly/react-core";
import type { Change } from "../api/change";

const ACTIONS: Record<string, "green" | "red" | "blue"> = { added: "green", add: "green", created: "green", removed: "red", remove: "red", deleted: "red" };
const SPOKEN: Record<string, string> = { "+": "added", "-": "removed" };

export function Diff({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <p className="console-quiet">Nothing changes.</p>;
  return (
    <>
      {changes.map((change) => (
        <section key={`${change.kind} ${change.name}`} className="console-diff" aria-label={`${change.kind} ${change.name}`}>
          <h3>
            {change.kind} {change.name}{" "}
            <Label isCompact color={ACTIONS[change.action] ?? "blue"}>
              {change.action}
            </Label>
          </h3>
          {(change.lines ?? []).length > 0 && (
            <pre tabIndex={0} aria-label={`Lines of ${change.kind} ${change.name}`}>
              {(change.lines ?? []).map((line, i) => (
                <span key={i} className={line.op === "+" ? "console-added" : line.op === "-" ? "console-removed" : undefined}>
                  {SPOKEN[line.op] !== undefined && <span className="pf-v6-screen-reader">{SPOKEN[line.op]} </span>}
                  {`${line.op} ${line.text}\n`}
                </span>
              ))}
            </pre>
          )}
        </section>
      ))}
    </>
  );
}
