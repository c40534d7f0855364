// Access for a while: what was asked for, by whom and why, and what the approvers say.
import { useState } from "react";
import { Button, CodeBlock, CodeBlockCode, Label, PageSection, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { call } from "../../api/client";
import { segment, useQuery } from "../../app/router";
import { useSession } from "../../app/session";
import { ChoiceEntry, TextEntry } from "../../components/entry";
import { Moment } from "../../components/expiry";
import { Empty } from "../../components/empty";
import { FormModal } from "../../components/form-modal";
import { Head } from "../../components/head";
import { RowActions } from "../../components/row-actions";
import { Show, useChange, useEverything, useLoaded } from "../../components/loaded";
import { Sure } from "../../components/sure";
import type { Asked, Requestable } from "./shape";
import { open, span, STATES, subjectOf } from "./shape";

function AskDialog({ rules, onClose, onDone }: { rules: Requestable[]; onClose: () => void; onDone: () => void }) {
  const [rule, setRule] = useState(rules[0]?.rule ?? "");
  const [reason, setReason] = useState("");
  const [duration, setDuration] = useState("1h");
  const { busy, problem, run } = useChange();
  return (
    <FormModal
      title="Ask for access"
      verb="Ask"
      busy={busy}
      disabled={reason.trim() === ""}
      problem={problem}
      onSubmit={() =>
        run(async () => {
          await call("POST", "requests", { body: { rule, reason, duration } });
          onDone();
          onClose();
        })
      }
      onClose={onClose}
    >
      <ChoiceEntry label="Rule" name="rule" value={rule} onChange={setRule} options={rules.map((r) => [r.rule, `${r.rule}: ${r.routes.join(", ")}`] as const)} problem={problem} />
      <TextEntry label="Reason" name="reason" value={reason} onChange={setReason} required problem={problem} help="The approvers read it, and it stays in the audit trail." />
      <TextEntry label="For how long" name="duration" value={duration} onChange={setDuration} required problem={problem} help={`Such as 30m, at most ${span(rules.find((r) => r.rule === rule)?.longest ?? 0)}. What is open by it ends then.`} />
    </FormModal>
  );
}

function AnswerDialog({ asked, verb, onClose, onDone }: { asked: Asked; verb: "approve" | "deny"; onClose: () => void; onDone: () => void }) {
  const [comment, setComment] = useState("");
  const { busy, problem, run } = useChange();
  const title = verb === "approve" ? "Approve" : "Deny";
  return (
    <FormModal
      title={`${title} what ${asked.user} asks for?`}
      lead={
        <>
          <p>
            {subjectOf(asked)}. {asked.reason}
          </p>
          {asked.operation?.body != null && (
            <CodeBlock>
              <CodeBlockCode>{JSON.stringify(asked.operation.body, null, 2)}</CodeBlockCode>
            </CodeBlock>
          )}
        </>
      }
      verb={title}
      danger={verb === "deny"}
      busy={busy}
      problem={problem}
      onSubmit={() =>
        run(async () => {
          await call("POST", `requests/${segment(String(asked.id))}/${verb}`, { body: comment === "" ? {} : { comment } });
          onDone();
          onClose();
        })
      }
      onClose={onClose}
    >
      <TextEntry label="Comment" name="comment" value={comment} onChange={setComment} problem={problem} />
    </FormModal>
  );
}

export default function Requests() {
  const requests = useEverything<Asked>("requests", "requests", ["requests"]);
  const requestable = useLoaded<{ rules: Requestable[] }>("me/requestable", ["requests", "policy"]);
  const { user } = useSession();
  const [tab, setTab] = useQuery("show");
  const [asking, setAsking] = useState(false);
  const [answering, setAnswering] = useState<{ asked: Asked; verb: "approve" | "deny" } | null>(null);
  const [going, setGoing] = useState<Asked | null>(null);
  const may = (requestable.value?.rules ?? []).filter((r) => r.state === null);
  const ask = <Button onClick={() => setAsking(true)}>Ask for access</Button>;
  const shown = (rows: Asked[]) => rows.filter((row) => (tab === "all" ? true : open(row)));
  return (
    <>
      <Head title="Requests and approvals" lead="Access for a while, and changes that need a second person. Nobody approves what they asked for themselves." actions={may.length > 0 ? ask : undefined} />
      <PageSection>
        <ToggleGroup aria-label="Which requests">
          <ToggleGroupItem text="Open" isSelected={tab === ""} onChange={() => setTab("")} />
          <ToggleGroupItem text="All" isSelected={tab === "all"} onChange={() => setTab("all")} />
        </ToggleGroup>
        <Show of={requests}>
          {(rows) =>
            shown(rows).length === 0 ? (
              <Empty title={tab === "all" ? "Nobody has asked for anything" : "Nothing waits"} action={may.length > 0 ? ask : undefined}>
                {may.length > 0 ? "Ask here for access to a console for a while." : "What people ask for stands here, until somebody approves or denies it."}
              </Empty>
            ) : (
              <Table aria-label="Requests" variant="compact">
                <Thead>
                  <Tr>
                    {["Who", "What", "Reason", "State", "Approvals", "Until"].map((title) => (
                      <Th key={title} modifier="wrap">{title}</Th>
                    ))}
                    <Th screenReaderText="Actions" />
                  </Tr>
                </Thead>
                <Tbody>
                  {shown(rows).map((row) => (
                    <Tr key={row.id}>
                      <Td dataLabel="Who">{row.user}</Td>
                      <Td dataLabel="What">{subjectOf(row)}</Td>
                      <Td dataLabel="Reason" className="console-break">
                        {row.reason}
                      </Td>
                      <Td dataLabel="State">
                        <Label isCompact color={STATES[row.state]?.color ?? "grey"}>
                          {STATES[row.state]?.title ?? row.state}
                        </Label>
                      </Td>
                      <Td dataLabel="Approvals">{`${row.voices.length} of ${row.approvals}`}
                        {row.voices.map((v) => (
                          <div key={v.user} className="console-quiet">
                            {v.user}
                            {v.comment !== "" && `: ${v.comment}`}
                          </div>
                        ))}
                      </Td>
                      <Td dataLabel="Until">
                        <Moment at={row.ends ?? (row.state === "pending" ? row.expires : row.decided)} />
                      </Td>
                      <Td isActionCell>
                        {row.may_decide && row.user !== user && (
                          <RowActions>
                            <Button variant="link" isInline onClick={() => setAnswering({ asked: row, verb: "approve" })} aria-label={`Approve what ${row.user} asks for`}>
                              Approve
                            </Button>
                            <Button variant="link" isInline isDanger onClick={() => setAnswering({ asked: row, verb: "deny" })} aria-label={`Deny what ${row.user} asks for`}>
                              Deny
                            </Button>
                          </RowActions>
                        )}
                        {row.user === user && open(row) && (
                          <Button variant="link" isInline isDanger onClick={() => setGoing(row)}>
                            {row.state === "pending" ? "Withdraw" : "End it"}
                          </Button>
                        )}
                      </Td>
                    </Tr>
                  ))}
                </Tbody>
              </Table>
            )
          }
        </Show>
      </PageSection>
      {asking && <AskDialog rules={may} onClose={() => setAsking(false)} onDone={requests.again} />}
      {answering !== null && <AnswerDialog {...answering} onClose={() => setAnswering(null)} onDone={requests.again} />}
      {going !== null && (
        <Sure
          title={going.state === "pending" ? "Withdraw the request?" : "End the access?"}
          verb={going.state === "pending" ? "Withdraw" : "End it"}
          onClose={() => setGoing(null)}
          onDo={async () => {
            await call("DELETE", `requests/${segment(String(going.id))}`);
            requests.again();
          }}
        >
          <p>{subjectOf(going)}</p>
        </Sure>
      )}
    </>
  );
}
