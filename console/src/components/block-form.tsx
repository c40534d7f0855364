// A document in one field, edited as JSON and looked at before it is made.
import { ActionGroup, Button, Form } from "@patternfly/react-core";
import { BlockEntry } from "./entry";
import { Trouble } from "./trouble";

// The object that the text is; throws what is wrong with it. what: "A route".
export function objectOf(text: string, what: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new Error(`This is no JSON: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is an object, { … }.`);
  return value;
}

interface Props {
  label: string;
  name: string;
  value: string;
  onChange: (value: string) => void;
  rows: number;
  help?: string;
  problem: unknown;
  busy: boolean;
  onReview: () => void;
  onCancel: () => void;
}

export function BlockForm({ label, name, value, onChange, rows, help, problem, busy, onReview, onCancel }: Props) {
  return (
    <Form
      onSubmit={(e) => {
        e.preventDefault();
        onReview();
      }}
    >
      <BlockEntry label={label} name={name} value={value} onChange={onChange} rows={rows} help={help} />
      <Trouble problem={problem} />
      <ActionGroup>
        <Button type="submit" isLoading={busy} isDisabled={busy}>
          Review
        </Button>
        <Button variant="link" onClick={onCancel}>
          Cancel
        </Button>
      </ActionGroup>
    </Form>
  );
}
