import { useId } from "react";
import type { HTMLInputAutoCompleteAttribute } from "react";
import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  help?: string;
  required?: boolean;
  type?: "text" | "password" | "email" | "datetime-local";
  autoComplete?: HTMLInputAutoCompleteAttribute;
}

export function Field({ label, value, onChange, help, required = false, type = "text", autoComplete = "off" }: FieldProps) {
  const id = useId();
  return (
    <FormGroup label={label} isRequired={required} fieldId={id}>
      <TextInput
        id={id}
        type={type}
        value={value}
        isRequired={required}
        autoComplete={autoComplete}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        onChange={(_, next) => onChange(next)}
      />
      {help !== undefined && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem id={`${id}-help`}>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, title: string])[];
  onChange: (value: string) => void;
}

export function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <FormGroup label={label} fieldId={id}>
      <FormSelect id={id} value={value} onChange={(_, next) => onChange(next)}>
        {options.map(([v, title]) => (
          <FormSelectOption key={v} value={v} label={title} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}

// "a, b c" as names.
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((w) => w !== "");
}
