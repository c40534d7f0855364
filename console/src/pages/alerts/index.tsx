// What somebody should look after, the gravest first.
import { Button, Label, PageSection } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { call } from "../../api/client";
import { segment } from "../../app/router";
import { useMay } from "../../app/session";
import { Empty } from "../../components/empty";
import { Moment } from "../../components/expiry";
import { Head } from "../../components/head";
import { Show, useChange, useLoaded } from "../../components/loaded";
import { Trouble } from "../../components/trouble";

interface Alert {
  id: string;
  kind: string;
  level: string;
  text: string;
  since: string;
  acknowledged: null | { by: string; at: string };
}

const LEVELS: Record<string, "red" | "orange" | "blue"> = { critical: "red", danger: "red", error: "red", warning: "orange" };

export default function Alerts() {
  const alerts = useLoaded<{ alerts: Alert[]; open: number }>("alerts", ["alerts", "health"]);
  const may = useMay("administrator", "operator");
  const { busy, problem, run } = useChange();
  const see = (alert: Alert) =>
    run(async () => {
      await call("POST", `alerts/${segment(alert.id)}/acknowledge`);
      alerts.again();
    });
  return (
    <>
      <Head title="Alerts" lead="What ends soon, does not answer, was lost or was locked. An alert goes by itself when its cause does." />
      <PageSection>
        <Trouble problem={problem} />
        <Show of={alerts}>
          {({ alerts: rows }) =>
            rows.length === 0 ? (
              <Empty title="Nothing needs looking after">When something does, it stands here, and on the overview.</Empty>
            ) : (
              <Table aria-label="Alerts" variant="compact">
                <Thead>
                  <Tr>
                    {["Level", "What", "Since", "Seen to by"].map((title) => (
                      <Th key={title} modifier="wrap">{title}</Th>
                    ))}
                    <Th screenReaderText="Actions" />
                  </Tr>
                </Thead>
                <Tbody>
                  {rows.map((alert) => (
                    <Tr key={alert.id}>
                      <Td dataLabel="Level">
                        <Label isCompact color={LEVELS[alert.level] ?? "blue"}>
                          {alert.level}
                        </Label>
                      </Td>
                      <Td dataLabel="What" className="console-break">
                        {alert.text}
                      </Td>
                      <Td dataLabel="Since">
                        <Moment at={alert.since} />
                      </Td>
                      <Td dataLabel="Seen to by">{alert.acknowledged?.by ?? <span className="console-quiet">nobody</span>}</Td>
                      <Td isActionCell>
                        {may && alert.acknowledged === null && (
                          <Button variant="link" isInline isDisabled={busy} onClick={() => see(alert)} aria-label={`Acknowledge: ${alert.text}`}>
                            Acknowledge
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
    </>
  );
}
