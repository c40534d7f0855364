// A change that is in force but not confirmed: how long it still has, and the two ways out.
import { useEffect, useState } from "react";
import { Alert, AlertActionLink } from "@patternfly/react-core";
import { call } from "../api/client";
import type { PolicyState } from "../api/change";
import { useMay } from "../app/session";
import { useChange, useLoaded } from "./loaded";
import { Trouble } from "./trouble";

export function clock(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export default function Pending() {
  const policy = useLoaded<PolicyState>("policy", ["policy"]);
  const may = useMay("administrator");
  const pending = policy.value?.pending ?? null;
  const [ends, setEnds] = useState(0);
  const [now, setNow] = useState(() => performance.now());
  const { busy, problem, run } = useChange();
  const left = pending?.seconds_left;
  const again = policy.again;
  // The gateway's clock decides; what it said is counted down here.
  useEffect(() => {
    if (left === undefined) return undefined;
    const end = performance.now() + left * 1000;
    setEnds(end);
    const timer = window.setInterval(() => {
      setNow(performance.now());
      if (performance.now() > end + 1500) {
        again();
      }
    }, 500);
    return () => window.clearInterval(timer);
  }, [left, pending?.version, again]);
  if (pending === null) return <Trouble problem={problem} />;
  const settle = (what: "confirm" | "rollback") =>
    run(async () => {
      if (what === "confirm") await call("POST", `versions/${pending.version}/confirm`, { body: {} });
      else await call("POST", `versions/${pending.version - 1}/rollback`, { body: { comment: "not confirmed" } });
      again();
    });
  return (
    <div role="alert" className="console-pending">
      <Alert
        isInline
        variant="warning"
        title={`Version ${pending.version} is in force for now`}
        actionLinks={
          may ? (
            <>
              <AlertActionLink isDisabled={busy} onClick={() => settle("confirm")}>
                Keep it
              </AlertActionLink>
              <AlertActionLink isDisabled={busy} onClick={() => settle("rollback")}>
                Roll back now
              </AlertActionLink>
            </>
          ) : undefined
        }
      >
        {pending.author} applied it. Unless somebody confirms it, it is rolled back in{" "}
        <strong role="timer" aria-live="off">
          {clock((ends - now) / 1000)}
        </strong>
        .
      </Alert>
      <Trouble problem={problem} />
    </div>
  );
}
