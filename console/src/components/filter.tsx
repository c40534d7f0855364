// What a list is narrowed by. The address has it, so that a search can be kept and sent.
import { useEffect, useId, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Button, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";

export interface FilterField {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options?: readonly (readonly [value: string, title: string])[];
  type?: "text" | "datetime-local";
}

function Text({ field, id }: { field: FilterField; id: string }) {
  const [text, setText] = useState(field.value);
  useEffect(() => setText(field.value), [field.value]);
  return (
    <TextInput
      id={id}
      type={field.type ?? "text"}
      value={text}
      onChange={(_, next) => setText(next)}
      onBlur={() => text !== field.value && field.onChange(text.trim())}
      onKeyDown={(e) => e.key === "Enter" && field.onChange(text.trim())}
    />
  );
}

export function Filter({ fields, children }: { fields: FilterField[]; children?: ReactNode }) {
  const id = useId();
  const any = fields.some((f) => f.value !== "");
  const submit = (e: FormEvent) => e.preventDefault();
  return (
    <form role="search" className="console-filter" onSubmit={submit}>
      {fields.map((f, i) => (
        <div key={f.label} className="console-filter-field">
          <label htmlFor={`${id}-${i}`}>{f.label}</label>
          {f.options === undefined ? (
            <Text field={f} id={`${id}-${i}`} />
          ) : (
            <FormSelect id={`${id}-${i}`} value={f.value} onChange={(_, next) => f.onChange(next)}>
              {f.options.map(([v, title]) => (
                <FormSelectOption key={v} value={v} label={title} />
              ))}
            </FormSelect>
          )}
        </div>
      ))}
      <Button type="submit" variant="secondary">
        Search
      </Button>
      {any && (
        <Button variant="link" onClick={() => fields.forEach((f) => f.onChange(""))}>
          Clear
        </Button>
      )}
      {children}
    </form>
  );
}
