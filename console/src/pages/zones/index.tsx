import { useState } from "react";
import { Button, Card, CardBody, CardTitle, Form, Label, LabelGroup, PageSection } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { putting, removing } from "../../api/change";
import { list } from "../../api/policy";
import type { Rule, Zone } from "../../api/policy";
import { useMay } from "../../app/session";
import { LinesEntry, lines, TextEntry } from "../../components/entry";
import { Empty } from "../../components/empty";
import { FormModal } from "../../components/form-modal";
import { Head } from "../../components/head";
import { RowActions } from "../../components/row-actions";
import { Show, useEverything, useLoaded } from "../../components/loaded";
import { mayChange, OriginLabel } from "../../components/origin";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";
import { inNetwork, parseAddress } from "./address";

function Networks({ zone }: { zone: Zone }) {
  if (list(zone.cidrs).length === 0 && zone.interface === undefined) return <>holds nothing</>;
  return (
    <LabelGroup numLabels={6} aria-label={`Networks of ${zone.name}`}>
      {[
        ...list(zone.cidrs).map((cidr) => (
          <Label key={cidr} isCompact>
            {cidr}
          </Label>
        )),
        ...(zone.interface === undefined
          ? []
          : [
              <Label key="interface" isCompact color="blue">
                by {zone.interface}
              </Label>,
            ]),
      ]}
    </LabelGroup>
  );
}

function ZoneDialog({ zone, taken, onClose, onDone }: { zone: Zone | null; taken: string[]; onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState(zone?.name ?? "");
  const [cidrs, setCidrs] = useState(list(zone?.cidrs));
  const [by, setBy] = useState(zone?.interface ?? "");
  const { review, busy, problem, dialog } = useReview(() => {
    onDone();
    onClose();
  });
  const clash = zone === null && taken.includes(name);
  const save = () => {
    const body: Zone = { name, cidrs: lines(cidrs) };
    if (by !== "") body.interface = by;
    review(putting("zones", body, null));
  };
  if (dialog !== null) return dialog;
  return (
    <FormModal
      title={zone === null ? "Add a zone" : `Zone ${zone.name}`}
      verb="Review"
      busy={busy}
      disabled={name === ""}
      problem={problem}
      onSubmit={save}
      onClose={onClose}
    >
      <TextEntry
        label="Name"
        name="name"
        value={name}
        onChange={setName}
        required
        readOnly={zone !== null}
        problem={problem}
        help={clash ? "There is a zone of this name; saving replaces it." : "Lower-case letters, digits and hyphens, such as office."}
      />
      <LinesEntry
        label="Networks"
        name="cidrs"
        value={cidrs}
        onChange={setCidrs}
        problem={problem}
        help="One a line: 10.1.0.0/16, 192.0.2.7 or 2001:db8::/32."
      />
      <TextEntry
        label="Network interface"
        name="interface"
        value={by}
        onChange={setBy}
        problem={problem}
        placeholder="wg0"
        help="If set, only connections that come in there are in the zone: for a VPN."
      />
    </FormModal>
  );
}

// Which of the zones hold an address. A zone with an interface holds it only when it comes in there.
function Finder({ zones }: { zones: Zone[] }) {
  const [text, setText] = useState("");
  const mine = useLoaded<{ address: string | null; zones: string[] }>("me/address");
  const own = mine.value?.address ?? null;
  const address = parseAddress(text.trim());
  const found = address === null ? [] : zones.filter((z) => list(z.cidrs).some((cidr) => inNetwork(address, cidr)));
  return (
    <Card>
      <CardTitle component="h2">Is an address in a zone?</CardTitle>
      <CardBody>
        <Form onSubmit={(e) => e.preventDefault()}>
          <TextEntry label="Address" name="address" value={text} onChange={setText} placeholder="192.0.2.7" help="An IPv4 or IPv6 address." />
          {own !== null && (
            <p>
              You come from {own}, {mine.value?.zones.length === 0 ? "which is in no zone" : `in ${mine.value?.zones.join(", ")}`}.{" "}
              <Button variant="link" isInline onClick={() => setText(own)}>
                Look for it
              </Button>
            </p>
          )}
        </Form>
        <div role="status" className="console-answer">
          {text.trim() !== "" && address === null && "This is no address yet."}
          {address !== null && found.length === 0 && "In no zone: rules that name zones do not admit it."}
          {found.length > 0 && (
            <>
              In{" "}
              {found.map((z) => (
                <Label key={z.name} color="green">
                  {z.name}
                  {z.interface === undefined ? "" : ` if it comes in by ${z.interface}`}
                </Label>
              ))}
            </>
          )}
        </div>
      </CardBody>
    </Card>
  );
}

export default function Zones() {
  const zones = useEverything<Zone>("zones", "zones", ["policy"]);
  const rules = useEverything<Rule>("rules", "rules", ["policy"]);
  const may = useMay("administrator");
  const [edited, setEdited] = useState<Zone | "new" | null>(null);
  const { review, problem, dialog } = useReview(zones.again);
  const add = <Button onClick={() => setEdited("new")}>Add a zone</Button>;
  const users = (zone: Zone) => (rules.value ?? []).filter((rule) => list(rule.zones).includes(zone.name));
  return (
    <>
      <Head title="Zones" lead="Places from which people come. A rule admits only from the zones that it names." actions={may ? add : undefined} />
      <PageSection>
        <Trouble problem={problem} />
        <Show of={zones}>
          {(all) => (
            <>
              <Finder zones={all} />
              <Table aria-label="Zones" variant="compact">
                <Thead>
                  <Tr>
                    <Th modifier="wrap">Zone</Th>
                    <Th modifier="wrap">Networks</Th>
                    <Th modifier="wrap">Rules</Th>
                    <Th screenReaderText="Actions" />
                  </Tr>
                </Thead>
                <Tbody>
                  {all.map((zone) => (
                    <Tr key={zone.name}>
                      <Td dataLabel="Zone">
                        {zone.name} <OriginLabel origin={zone.origin} />
                      </Td>
                      <Td dataLabel="Networks">
                        <Networks zone={zone} />
                      </Td>
                      <Td dataLabel="Rules">{users(zone).length}</Td>
                      <Td isActionCell>
                        {may && mayChange(zone.origin) && (
                          <RowActions>
                            <Button variant="link" isInline onClick={() => setEdited(zone)} aria-label={`Edit zone ${zone.name}`}>
                              Edit
                            </Button>
                            <Button variant="link" isInline isDanger onClick={() => review(removing("zones", zone.name))} aria-label={`Remove zone ${zone.name}`}>
                              Remove
                            </Button>
                          </RowActions>
                        )}
                      </Td>
                    </Tr>
                  ))}
                </Tbody>
              </Table>
              {!all.some((zone) => zone.origin !== "builtin") && (
                <Empty title="Only this machine is in a zone" action={may ? add : undefined}>
                  Add the networks that people come from, such as the office or a VPN; then name the zone in a rule.
                </Empty>
              )}
            </>
          )}
        </Show>
      </PageSection>
      {edited !== null && (
        <ZoneDialog
          zone={edited === "new" ? null : edited}
          taken={(zones.value ?? []).map((zone) => zone.name)}
          onClose={() => setEdited(null)}
          onDone={zones.again}
        />
      )}
      {dialog}
    </>
  );
}
