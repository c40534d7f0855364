// Whom clients' certificates stand for, and how long the gateway's own are good.
import { useState } from "react";
import { Alert, Button, Label, PageSection, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { call } from "../../api/client";
import { segment } from "../../app/router";
import { useMay } from "../../app/session";
import { ChoiceEntry, TextEntry } from "../../components/entry";
import { Expiry, Moment } from "../../components/expiry";
import { Empty } from "../../components/empty";
import { FormModal } from "../../components/form-modal";
import { Head } from "../../components/head";
import { Show, useChange, useEverything, useLoaded } from "../../components/loaded";
import { Sure } from "../../components/sure";

interface Certificate {
  name: string;
  user: string;
  good: "alone" | "factor";
  kind: string;
  value: string;
  created: string;
  last_used: string | null;
  user_disabled: boolean;
}

const KINDS = [
  ["spki", "its public key (SHA-256, hex)"],
  ["email", "an address of mail in it"],
  ["dns", "a host name in it"],
  ["uri", "a URI in it"],
  ["subject", "its subject (RFC 2253)"],
] as const;

function AddDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState("");
  const [user, setUser] = useState("");
  const [kind, setKind] = useState("spki");
  const [value, setValue] = useState("");
  const { busy, problem, run } = useChange();
  return (
    <FormModal
      title="Say whom a certificate stands for"
      verb="Add"
      busy={busy}
      disabled={name === "" || user === "" || value === ""}
      problem={problem}
      onSubmit={() =>
        run(async () => {
          await call("POST", "certificates", { body: { name, user, [kind]: value } });
          onDone();
          onClose();
        })
      }
      onClose={onClose}
    >
      <TextEntry label="Name" name="name" value={name} onChange={setName} required problem={problem} help="Rules name it as they name tokens." />
      <TextEntry label="User" name="user" value={user} onChange={setUser} required problem={problem} help="A person, for whom it is a factor, or a service account." />
      <ChoiceEntry label="Known by" name="kind" value={kind} onChange={setKind} options={KINDS} />
      <TextEntry label="Value" name={kind} value={value} onChange={setValue} required problem={problem} />
    </FormModal>
  );
}

interface Own {
  name: string;
  not_after?: string;
  validity?: string;
}

function Owns() {
  const certificates = useLoaded<{ certificates: Own[] }>("server-certificates", ["health"]);
  return (
    <Show of={certificates}>
      {({ certificates: rows }) =>
        rows.length === 0 ? (
          <Alert isInline variant="warning" title="The signer does not say how long its certificates are good." />
        ) : (
          <Table aria-label="Certificates of the gateway" variant="compact">
            <Thead>
              <Tr>
                <Th modifier="wrap">Certificate</Th>
                <Th modifier="wrap">Good until</Th>
                <Th modifier="wrap">State</Th>
              </Tr>
            </Thead>
            <Tbody>
              {rows.map((row) => (
                <Tr key={row.name}>
                  <Td dataLabel="Certificate">{row.name}</Td>
                  <Td dataLabel="Good until">
                    <Moment at={row.not_after} />
                  </Td>
                  <Td dataLabel="State">{row.not_after === undefined ? (row.validity ?? "unknown") : <Expiry until={row.not_after} />}</Td>
                </Tr>
              ))}
            </Tbody>
          </Table>
        )
      }
    </Show>
  );
}

export default function Certificates() {
  const all = useEverything<Certificate>("certificates", "certificates");
  const may = useMay("administrator");
  const [adding, setAdding] = useState(false);
  const [going, setGoing] = useState<Certificate | null>(null);
  const add = <Button onClick={() => setAdding(true)}>Add a certificate</Button>;
  return (
    <>
      <Head title="Certificates" actions={may ? add : undefined} />
      <PageSection>
        <Title headingLevel="h2">Of the gateway</Title>
        <Owns />
      </PageSection>
      <PageSection>
        <Title headingLevel="h2">Of clients</Title>
        <Show of={all}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty title="No client's certificate stands for anybody" action={may ? add : undefined}>
                Make one with postern ca issue, or say here whom a certificate of your own authority stands for.
              </Empty>
            ) : (
              <Table aria-label="Certificates of clients" variant="compact">
                <Thead>
                  <Tr>
                    {["Name", "User", "Known by", "Is", "Last used"].map((title) => (
                      <Th key={title} modifier="wrap">{title}</Th>
                    ))}
                    <Th screenReaderText="Actions" />
                  </Tr>
                </Thead>
                <Tbody>
                  {rows.map((row) => (
                    <Tr key={row.name}>
                      <Td dataLabel="Name">{row.name}</Td>
                      <Td dataLabel="User">
                        {row.user} {row.user_disabled && <Label isCompact>disabled</Label>}
                      </Td>
                      <Td dataLabel="Known by" className="console-break">
                        {row.kind} {row.value}
                      </Td>
                      <Td dataLabel="Is">{row.good === "alone" ? "enough alone" : "one factor"}</Td>
                      <Td dataLabel="Last used">
                        <Moment at={row.last_used} />
                      </Td>
                      <Td isActionCell>
                        {may && (
                          <Button variant="link" isInline isDanger onClick={() => setGoing(row)} aria-label={`Remove certificate ${row.name}`}>
                            Remove
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
      {adding && <AddDialog onClose={() => setAdding(false)} onDone={all.again} />}
      {going !== null && (
        <Sure
          title={`Remove certificate ${going.name}?`}
          verb="Remove"
          onClose={() => setGoing(null)}
          onDo={async () => {
            await call("DELETE", `certificates/${segment(going.name)}`);
            all.again();
          }}
        >
          <p>It stands for nobody any more, and what is open by it alone ends.</p>
        </Sure>
      )}
    </>
  );
}
