// Changes, and the proof that some need: the person gives it in another tab, and the change is sent
// again, as it was.
import { useCallback, useEffect, useState } from "react";
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { ProblemError, setProver } from "../api/client";
import type { Problem } from "../api/types";
import { duration } from "./time";

export const PROVEN_CHANNEL = "postern.proven";

// The person would rather not prove anything; nothing was changed, and nothing needs to be said.
export class Given extends Error {
  constructor() {
    super("Nothing was changed: it was not proven who you are.");
  }
}

interface Waiting {
  problem: Problem;
  again: () => void;
  give: () => void;
}

function StepUp({ waiting }: { waiting: Waiting }) {
  const { assurance = "mfa", max_age: age = 0 } = waiting.problem;
  const { again, give } = waiting;
  useEffect(() => {
    const channel = new BroadcastChannel(PROVEN_CHANNEL);
    channel.onmessage = again;
    return () => channel.close();
  }, [again]);
  const params = new URLSearchParams({ need: assurance, age: String(age), place: "/console/proven" });
  return (
    <Modal isOpen variant="small" onClose={give} aria-labelledby="stepup-title" aria-describedby="stepup-body">
      <ModalHeader title="Prove who you are" labelId="stepup-title" />
      <ModalBody id="stepup-body">
        <p>
          This needs a login that is <strong>{assurance}</strong>
          {age > 0 && <>, proven within {duration(age)}</>}. Nothing was changed yet. Prove it in another tab; what you
          asked for goes on here by itself.
        </p>
      </ModalBody>
      <ModalFooter>
        <Button component="a" href={`/signin/stepup?${params.toString()}`} target="_blank" rel="noopener">
          Prove it now
        </Button>
        <Button variant="secondary" onClick={again}>
          Go on
        </Button>
        <Button variant="link" onClick={give}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}

// Shows the question over whatever form or dialog has asked for the change.
export function Prover() {
  const [waiting, setWaiting] = useState<Waiting | null>(null);
  useEffect(() => {
    setProver((problem) =>
      new Promise<void>((resolve, reject) => {
        setWaiting({ problem, again: resolve, give: () => reject(new Given()) });
      }).finally(() => setWaiting(null)),
    );
    return () => setProver(null);
  }, []);
  return waiting === null ? null : <StepUp waiting={waiting} />;
}

// One change at a time of one form or button: whether it runs, and what was wrong with it.
export function useChange(): {
  run: (change: () => Promise<void>) => Promise<boolean>;
  busy: boolean;
  error: ProblemError | null;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ProblemError | null>(null);
  const run = useCallback(
    async (change: () => Promise<void>) => {
      setBusy(true);
      setError(null);
      try {
        await change();
        return true;
      } catch (e) {
        if (e instanceof ProblemError) setError(e);
        else if (!(e instanceof Given)) throw e;
        return false;
      } finally {
        setBusy(false);
      }
    },
    [],
  );
  return { run, busy, error, clear: useCallback(() => setError(null), []) };
}
