import { Alert, AlertActionLink } from "@patternfly/react-core";
import type { ProblemError } from "../api/client";

// What the server said about why something did not work.
export function ProblemAlert({ error, again }: { error: ProblemError; again?: () => void }) {
  const { title, detail, field, request_id, instance } = error.problem;
  return (
    <Alert
      variant="danger"
      isInline
      title={detail ?? title}
      role="alert"
      actionLinks={again === undefined ? undefined : <AlertActionLink onClick={again}>Try again</AlertActionLink>}
    >
      {field !== undefined && <p>Field: {field}</p>}
      {(instance ?? request_id) !== undefined && <p className="console-small">Request {instance ?? request_id}</p>}
    </Alert>
  );
}
