// A change before it is made: what it changes, what the tests say, whom it would lock out, what it
// would have decided about the requests of the last days; then applied, to be confirmed or not.
import { useState } from "react";
import type { ReactNode } from "react";
import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { carryOut } from "../api/change";
import type { Applied, FailedTest, Intent } from "../api/change";
import { ChoiceEntry, TextEntry } from "./entry";
import { Diff } from "./diff";
import { useChange } from "./loaded";
import { SimulationView } from "./simulation";
import { Trouble } from "./trouble";

const CONFIRM = [
  ["5m", "roll back after 5 minutes unless confirmed"],
  ["15m", "roll back after 15 minutes unless confirmed"],
  ["1h", "roll back after an hour unless confirmed"],
  ["", "for good, at once"],
] as const;

function failure(test: FailedTest): string {
  const expected = test.expect ?? test.expected;
  const got = test.got ?? test.verdict;
  return `${test.name ?? test.test ?? "a test"}: ${test.text ?? ""}${expected === undefined ? "" : ` expected ${expected}`}${got === undefined ? "" : `, is ${got}`}`;
}

function Findings({ of }: { of: Applied }) {
  const failed = of.tests?.failed ?? [];
  return (
    <>
      {of.lockout !== undefined && of.lockout !== null && (
        <div role="alert">
          <Alert isInline variant="danger" title="This would lock you out">
            <p>{of.lockout.sentence}</p>
            <p>It is refused here; only somebody on the gateway's own machine can insist.</p>
          </Alert>
        </div>
      )}
      {failed.length > 0 && (
        <div role="alert">
          <Alert isInline variant="danger" title={failed.length === 1 ? "A test of the policy fails" : `${failed.length} tests of the policy fail`}>
            <ul>
              {failed.map((test, i) => (
                <li key={i}>{failure(test)}</li>
              ))}
            </ul>
          </Alert>
        </div>
      )}
      {failed.length === 0 && (of.tests?.passed ?? 0) > 0 && <Alert isInline variant="success" title={`${of.tests?.passed ?? 0} tests of the policy pass`} />}
      <Diff changes={of.changes} />
      {(of.more ?? 0) > 0 && <p>And {of.more} more.</p>}
    </>
  );
}

interface Props {
  intent: Intent;
  dry: Applied;
  onClose: () => void;
  onDone: (said: string | null) => void;
}

function Review({ intent, dry, onClose, onDone }: Props) {
  const [comment, setComment] = useState("");
  const [confirm, setConfirm] = useState("5m");
  const { busy, problem, run } = useChange();
  const stopped = dry.changes.length === 0 || (dry.lockout ?? null) !== null || (dry.tests?.failed.length ?? 0) > 0;
  const apply = () =>
    run(async () => {
      const { status } = await carryOut<unknown>(intent, {
        comment: comment === "" ? undefined : comment,
        confirm: confirm === "" ? undefined : confirm,
      });
      onDone(status === 202 ? "Nothing has changed yet: a second person has to approve it." : null);
    });
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="review-title">
      <ModalHeader title="Review the change" labelId="review-title" />
      <ModalBody tabIndex={0} aria-label="What the change does">
        <Findings of={dry} />
        {intent.candidate !== undefined && dry.changes.length > 0 && <SimulationView candidate={intent.candidate} />}
        {!stopped && (
          <Form
            id="review-form"
            onSubmit={(e) => {
              e.preventDefault();
              apply();
            }}
          >
            <TextEntry label="Comment" name="comment" value={comment} onChange={setComment} problem={problem} help="Why; it stands beside the version." />
            <ChoiceEntry label="In force" name="confirm" value={confirm} onChange={setConfirm} options={CONFIRM} problem={problem} />
          </Form>
        )}
        <Trouble problem={problem} />
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="review-form" isLoading={busy} isDisabled={busy || stopped}>
          Apply
        </Button>
        <Button variant="link" onClick={onClose}>
          Back
        </Button>
      </ModalFooter>
    </Modal>
  );
}

interface Reviewing {
  review: (intent: Intent | (() => Intent)) => void;
  busy: boolean;
  problem: unknown; // of the dry run: about the form's fields
  dialog: ReactNode; // null unless there is something to look at
}

// Asks first what would change. What cannot be is said in the form that wants it; what can be is
// shown before it is done.
export function useReview(onDone: () => void): Reviewing {
  const [at, setAt] = useState<{ intent: Intent; dry: Applied } | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const { busy, problem, run } = useChange();
  const review = (wanted: Intent | (() => Intent)) =>
    run(async () => {
      const intent = typeof wanted === "function" ? wanted() : wanted;
      setSaid(null);
      setAt({ intent, dry: (await carryOut<Applied>(intent, { dry_run: true })).body });
    });
  const dialog =
    at !== null ? (
      <Review
        {...at}
        onClose={() => setAt(null)}
        onDone={(text) => {
          setAt(null);
          setSaid(text);
          if (text === null) onDone();
        }}
      />
    ) : said !== null ? (
      <Modal isOpen variant="small" onClose={() => setSaid(null)} aria-labelledby="said-title">
        <ModalHeader title="It waits" labelId="said-title" />
        <ModalBody>{said}</ModalBody>
        <ModalFooter>
          <Button
            onClick={() => {
              setSaid(null);
              onDone();
            }}
          >
            Go on
          </Button>
        </ModalFooter>
      </Modal>
    ) : null;
  return { review, busy, problem, dialog };
}
