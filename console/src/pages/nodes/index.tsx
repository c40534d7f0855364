// Health: what the service says of itself, its processes and its upstreams.
import { Alert, Button, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, Label, PageSection, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Health } from "../../api/health";
import { Moment } from "../../components/expiry";
import { Empty } from "../../components/empty";
import { Head } from "../../components/head";
import { Show, useLoaded } from "../../components/loaded";
import { HealthLabel } from "../../components/health";

type Warning = Health["warnings"][number];

function text(warning: Warning): string {
  return typeof warning === "string" ? warning : (warning.text ?? warning.detail ?? JSON.stringify(warning));
}

function Edges({ health }: { health: Health }) {
  const of = (id: number, what: string) => health.fleet[`edge.${id}.${what}`] ?? "";
  return (
    <Table aria-label="Edges" variant="compact">
      <Thead>
        <Tr>
          {["Edge", "State", "Policy", "Connections", "Requests", "Revocation, slowest"].map((title) => (
            <Th key={title} modifier="wrap">{title}</Th>
          ))}
        </Tr>
      </Thead>
      <Tbody>
        {health.edges.map((edge) => (
          <Tr key={edge.id}>
            <Td dataLabel="Edge">{edge.id}</Td>
            <Td dataLabel="State">
              <Label isCompact color={edge.stalled ? "red" : "green"}>
                {edge.stalled ? "does not answer" : of(edge.id, "state") || "serving"}
              </Label>
            </Td>
            <Td dataLabel="Policy">{of(edge.id, "snapshot")}</Td>
            <Td dataLabel="Connections">{of(edge.id, "connections")}</Td>
            <Td dataLabel="Requests">{of(edge.id, "exchanges")}</Td>
            <Td dataLabel="Revocation, slowest">{Math.round(Number(of(edge.id, "revocation_us_max")) / 1000)} ms</Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Upstreams({ health }: { health: Health }) {
  const rows = health.routes.flatMap((route) => route.endpoints.map((end) => ({ route: route.route, ...end })));
  if (rows.length === 0) return <Empty title="No upstream">Add a console: its upstreams and their health are shown here.</Empty>;
  return (
    <Table aria-label="Upstreams" variant="compact">
      <Thead>
        <Tr>
          <Th modifier="wrap">Console</Th>
          <Th modifier="wrap">Upstream</Th>
          <Th modifier="wrap">State</Th>
        </Tr>
      </Thead>
      <Tbody>
        {rows.map((row) => (
          <Tr key={`${row.route} ${row.url}`}>
            <Td dataLabel="Console">{row.route}</Td>
            <Td dataLabel="Upstream" className="console-break">
              {row.url}
            </Td>
            <Td dataLabel="State">
              <HealthLabel state={row.state} /> <span className="console-quiet">{row.detail}</span>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

export default function Nodes() {
  const health = useLoaded<Health>("health", ["health"]);
  return (
    <>
      <Head
        title="Health"
        actions={
          <Button variant="secondary" onClick={health.again}>
            Look again
          </Button>
        }
      />
      <Show of={health}>
        {(now) => (
          <>
            <PageSection>
              {now.warnings.length === 0 && <Alert isInline variant="success" title="No warning" />}
              {now.warnings.map((warning, i) => (
                <Alert key={`${i} ${text(warning)}`} isInline variant="warning" title={text(warning)} />
              ))}
              <DescriptionList isHorizontal isCompact className="console-answer">
                <DescriptionListGroup>
                  <DescriptionListTerm>Version</DescriptionListTerm>
                  <DescriptionListDescription>{now.version}</DescriptionListDescription>
                </DescriptionListGroup>
                <DescriptionListGroup>
                  <DescriptionListTerm>Started</DescriptionListTerm>
                  <DescriptionListDescription>
                    <Moment at={now.started} />
                  </DescriptionListDescription>
                </DescriptionListGroup>
                <DescriptionListGroup>
                  <DescriptionListTerm>Courier</DescriptionListTerm>
                  <DescriptionListDescription>{now.courier}</DescriptionListDescription>
                </DescriptionListGroup>
              </DescriptionList>
            </PageSection>
            <PageSection>
              <Title headingLevel="h2">Edges</Title>
              <Edges health={now} />
            </PageSection>
            <PageSection>
              <Title headingLevel="h2">Upstreams</Title>
              <Upstreams health={now} />
            </PageSection>
          </>
        )}
      </Show>
    </>
  );
}
