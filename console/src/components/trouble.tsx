// What was in the way, in the gateway's own words, and what can be done about it.
import { Alert } from "@patternfly/react-core";
import { ProblemError } from "../api/client";

interface Needs {
  prove?: string;
  url?: string;
}

// Where more can be proven; only an address of this origin is followed.
function proof(problem: ProblemError): string | undefined {
  const needs = problem.problem.needs as Needs | string | undefined;
  const said = typeof needs === "object" ? (needs.prove ?? needs.url) : undefined;
  if (said === undefined) return undefined;
  const url = new URL(said, window.location.href);
  return url.origin === window.location.origin ? url.href : undefined;
}

export function Trouble({ problem, title }: { problem: unknown; title?: string }) {
  if (problem === undefined || problem === null) return null;
  const known = problem instanceof ProblemError ? problem : null;
  const way = known === null ? undefined : proof(known);
  const text = problem instanceof Error ? problem.message : String(problem);
  const field = known?.problem.field;
  return (
    <div role="alert">
      <Alert isInline variant="danger" title={title ?? known?.problem.title ?? "This did not work"} className="console-trouble">
        <p>
          {field !== undefined && <strong>{field}: </strong>}
          {text}
        </p>
        {way !== undefined && (
          <p>
            <a href={way} target="_blank" rel="noreferrer">
              Prove who you are
            </a>{" "}
            in another tab, then try again here.
          </p>
        )}
      </Alert>
    </div>
  );
}
