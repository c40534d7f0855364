// A decision in words: what, by which rule, and which tests the others failed.
import { Alert, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Explained, Verdict } from "../api/policy";
import { Link, segment } from "../app/router";

export const VERDICTS: Record<Verdict, { title: string; variant: "success" | "danger" | "warning" }> = {
  allow: { title: "Allowed", variant: "success" },
  deny: { title: "Refused", variant: "danger" },
  prove: { title: "Proof needed", variant: "warning" },
};

// What a rule's test failed at, and what would have to be otherwise for the rule to admit.
const FAILURES: Record<string, string> = {
  no_rule: "is about another console",
  nobody: "needs somebody who is logged in",
  who: "does not name this person or token",
  zone: "does not name a zone that this address is in",
  method: "does not name this method",
  path: "does not name this path",
  assurance: "needs a stronger proof",
  age: "needs a more recent proof",
  token_scope: "is outside of what the token may reach",
  token_zone: "the token is not good from there",
  token_certificate: "the token is good beside its certificate only",
  moved: "the session has moved to another network or program",
  time: "is not in force at this time",
  read_only: "admits reading only",
  grant: "admits only with a grant: ask for access",
};

export function VerdictView({ of }: { of: Explained }) {
  const verdict = VERDICTS[of.verdict];
  return (
    <div role="status" className="console-answer">
      <Alert isInline variant={verdict.variant} title={`${verdict.title}: ${of.text}`}>
        {of.needs?.assurance !== undefined && (
          <p>
            Needed: a login that is {of.needs.assurance}
            {(of.needs.max_age ?? 0) > 0 && `, proven within ${of.needs.max_age} seconds`}.
          </p>
        )}
        {of.needs?.grant !== undefined && <p>Needed: access granted by rule {of.needs.grant}, which has to be asked for.</p>}
      </Alert>
      <DescriptionList isHorizontal isCompact>
        <DescriptionListGroup>
          <DescriptionListTerm>Deciding rule</DescriptionListTerm>
          <DescriptionListDescription>
            {of.rule === null ? "none" : <Link to={`rules/${segment(of.rule)}`}>{of.rule}</Link>}
          </DescriptionListDescription>
        </DescriptionListGroup>
        <DescriptionListGroup>
          <DescriptionListTerm>Console</DescriptionListTerm>
          <DescriptionListDescription>{of.route}</DescriptionListDescription>
        </DescriptionListGroup>
        <DescriptionListGroup>
          <DescriptionListTerm>Zones of the address</DescriptionListTerm>
          <DescriptionListDescription>{of.zones.length === 0 ? "none" : of.zones.join(", ")}</DescriptionListDescription>
        </DescriptionListGroup>
      </DescriptionList>
      {of.tried.length > 0 && (
        <Table aria-label="Rules that were tried" variant="compact">
          <Thead>
            <Tr>
              <Th modifier="wrap">Rule</Th>
              <Th modifier="wrap">What it said</Th>
            </Tr>
          </Thead>
          <Tbody>
            {of.tried.map((t, i) => (
              <Tr key={`${i} ${t.rule}`}>
                <Td dataLabel="Rule">{t.rule}</Td>
                <Td dataLabel="What it said">{t.failed === null ? (t.denies === true ? "fits, and refuses" : "fits") : (FAILURES[t.failed] ?? t.failed)}</Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </div>
  );
}
