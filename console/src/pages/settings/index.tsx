// What may be changed while the gateway runs. What the configuration file says, it alone says.
import { useState } from "react";
import { Button, Label, PageSection } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { removingSetting, setting } from "../../api/change";
import { useMay } from "../../app/session";
import { Empty } from "../../components/empty";
import { lines, LinesEntry, TextEntry } from "../../components/entry";
import { FormModal } from "../../components/form-modal";
import { Head } from "../../components/head";
import { Show, useLoaded } from "../../components/loaded";
import { useReview } from "../../components/review";
import { RowActions } from "../../components/row-actions";
import { Trouble } from "../../components/trouble";

interface Setting {
  name: string;
  value: unknown;
  origin: "file" | "store" | "default";
  default: string;
  type: string;
  text: string;
}

const ORIGINS: Record<Setting["origin"], string> = { file: "configuration file", store: "console", default: "as delivered" };
const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
] as const;

// Times come as seconds, and are read and written with a unit.
export function shown({ value, type }: Setting): string {
  if (Array.isArray(value)) return value.map(String).join(", ");
  if (typeof value === "number" && /second|duration/i.test(type)) {
    const unit = value === 0 ? undefined : UNITS.find(([size]) => value % size === 0);
    return unit === undefined ? `${value}s` : `${value / unit[0]}${unit[1]}`;
  }
  return value === null || value === undefined ? "" : String(value);
}

function typed(before: unknown, text: string): unknown {
  if (Array.isArray(before)) return lines(text.split("\n"));
  if (typeof before === "boolean" && (text === "true" || text === "false")) return text === "true";
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function SettingDialog({ of, onClose, onDone }: { of: Setting; onClose: () => void; onDone: () => void }) {
  const several = Array.isArray(of.value);
  const [text, setText] = useState(several ? (of.value as unknown[]).map(String).join("\n") : shown(of));
  const { review, busy, problem, dialog } = useReview(() => {
    onDone();
    onClose();
  });
  if (dialog !== null) return dialog;
  return (
    <FormModal
      title={of.name}
      verb="Review"
      busy={busy}
      problem={problem}
      onSubmit={() => review(setting(of.name, typed(of.value, text)))}
      onClose={onClose}
    >
      {several ? (
        <LinesEntry label="Values" name="value" value={text.split("\n")} onChange={(v) => setText(v.join("\n"))} help={`${of.text} One a line.`} problem={problem} />
      ) : (
        <TextEntry label="Value" name="value" value={text} onChange={setText} help={of.text} problem={problem} required />
      )}
    </FormModal>
  );
}

export default function Settings() {
  const settings = useLoaded<{ settings: Setting[] }>("settings", ["policy"]);
  const may = useMay("administrator");
  const [edited, setEdited] = useState<Setting | null>(null);
  const { review, problem, dialog } = useReview(settings.again);
  return (
    <>
      <Head title="Settings" lead="What may be changed while the gateway runs; each change is a version of the policy. What the configuration file says is changed there." />
      <PageSection>
        <Trouble problem={problem} />
        <Show of={settings}>
          {({ settings: rows }) =>
            rows.length === 0 ? (
              <Empty title="Nothing can be set here">All settings are in the configuration file.</Empty>
            ) : (
              <Table aria-label="Settings" variant="compact">
                <Thead>
                  <Tr>
                    {["Setting", "Value", "From"].map((title) => (
                      <Th key={title} modifier="wrap">{title}</Th>
                    ))}
                    <Th screenReaderText="Actions" />
                  </Tr>
                </Thead>
                <Tbody>
                  {rows.map((row) => (
                    <Tr key={row.name}>
                      <Td dataLabel="Setting">
                        {row.name}
                        <div className="console-quiet">{row.text}</div>
                      </Td>
                      <Td dataLabel="Value" className="console-break">
                        {shown(row) === "" ? <span className="console-quiet">none</span> : shown(row)}
                      </Td>
                      <Td dataLabel="From">
                        <Label isCompact variant="outline">
                          {ORIGINS[row.origin]}
                        </Label>
                      </Td>
                      <Td isActionCell>
                        {may && row.origin !== "file" && (
                          <RowActions>
                            <Button variant="link" isInline onClick={() => setEdited(row)} aria-label={`Change ${row.name}`}>
                              Change
                            </Button>
                            {row.origin === "store" && (
                              <Button variant="link" isInline onClick={() => review(removingSetting(row.name))} aria-label={`Reset ${row.name}`}>
                                Reset
                              </Button>
                            )}
                          </RowActions>
                        )}
                      </Td>
                    </Tr>
                  ))}
                </Tbody>
              </Table>
            )
          }
        </Show>
        {dialog}
      </PageSection>
      {edited !== null && <SettingDialog of={edited} onClose={() => setEdited(null)} onDone={settings.again} />}
    </>
  );
}
