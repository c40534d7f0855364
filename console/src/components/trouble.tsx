// What was in the way, in the gateway's own words. A proof that is missing is asked for elsewhere
// (act.tsx): what comes here has been given up, or is something else.
import { Alert } from "@patternfly/react-core";
import { ProblemError } from "../api/client";

export function Trouble({ problem, title }: { problem: unknown; title?: string }) {
  if (problem === undefined || problem === null) return null;
  const known = problem instanceof ProblemError ? problem.problem : null;
  const text = problem instanceof Error ? problem.message : String(problem);
  return (
    <div role="alert">
      <Alert isInline variant="danger" title={title ?? known?.title ?? "This did not work"} className="console-trouble">
        {known?.field !== undefined && <strong>{known.field}: </strong>}
        {text}
      </Alert>
    </div>
  );
}
