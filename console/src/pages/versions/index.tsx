// The versions of the policy: who changed what, when and why, and the way back.
import { Breadcrumb, BreadcrumbItem, Button, Label, PageSection } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Version } from "../../api/change";
import { Link, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { Diff } from "../../components/diff";
import { Moment } from "../../components/expiry";
import { Empty } from "../../components/empty";
import { Head } from "../../components/head";
import { Show, useEverything, useLoaded } from "../../components/loaded";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";

const CAUSES: Record<string, string> = {
  api: "one change",
  apply: "applied",
  rollback: "rolled back",
  file: "configuration file",
  expired: "not confirmed in time",
};

function Back({ version, onDone }: { version: number; onDone: () => void }) {
  const { review, busy, problem, dialog } = useReview(onDone);
  return (
    <>
      <Trouble problem={problem} />
      <Button variant="secondary" isDisabled={busy} onClick={() => review({ method: "POST", path: `versions/${version}/rollback`, termsIn: "body" })}>
        Go back to version {version}
      </Button>
      {dialog}
    </>
  );
}

function One({ number }: { number: number }) {
  const version = useLoaded<Version>(`versions/${number}`);
  const { go } = useRouter();
  const may = useMay("administrator");
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="versions">Versions</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>Version {number}</BreadcrumbItem>
        </Breadcrumb>
      </PageSection>
      <Head title={`Version ${number}`} actions={may ? <Back version={number} onDone={() => go("versions")} /> : undefined} />
      <PageSection>
        <Show of={version}>
          {(v) => (
            <>
              <p>
                {v.author}, <Moment at={v.at} />, {CAUSES[v.cause] ?? v.cause}
                {v.comment !== undefined && v.comment !== null && v.comment !== "" && <>: {v.comment}</>}
              </p>
              <Diff changes={v.changes ?? []} />
            </>
          )}
        </Show>
      </PageSection>
    </>
  );
}

function All() {
  const versions = useEverything<Version>("versions", "versions", ["policy"]);
  const rows = [...(versions.value ?? [])].sort((a, b) => b.number - a.number);
  const current = rows.find((v) => v.state !== "undone");
  return (
    <>
      <Head title="Versions" lead="Every change of zones, routes, rules, tests and settings makes a version; each can be gone back to." />
      <PageSection>
        <Show of={versions}>
          {() =>
            rows.length === 0 ? (
              <Empty title="Nothing was changed yet">The first change of a zone, console or rule makes version 1.</Empty>
            ) : (
              <Table aria-label="Versions" variant="compact">
                <Thead>
                  <Tr>
                    {["Version", "When", "Who", "How", "Comment"].map((title) => (
                      <Th key={title} modifier="wrap">{title}</Th>
                    ))}
                  </Tr>
                </Thead>
                <Tbody>
                  {rows.slice(0, 500).map((v) => (
                    <Tr key={v.number}>
                      <Td dataLabel="Version">
                        <Link to={`versions/${v.number}`}>Version {v.number}</Link>{" "}
                        {v.state === "undone" && <Label isCompact>taken back</Label>}
                        {v === current && (
                          <Label isCompact color="blue">
                            in force
                          </Label>
                        )}
                      </Td>
                      <Td dataLabel="When">
                        <Moment at={v.at} />
                      </Td>
                      <Td dataLabel="Who">{v.author}</Td>
                      <Td dataLabel="How">{CAUSES[v.cause] ?? v.cause}</Td>
                      <Td dataLabel="Comment">{v.comment ?? ""}</Td>
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

export default function Versions() {
  const { path } = useRouter();
  const number = Number(path.split("/")[1] ?? "");
  return Number.isInteger(number) && number > 0 ? <One key={number} number={number} /> : <All />;
}
