// Fields of forms. A field knows its name in the body of the request, so that a problem of the
// server stands below the field that it is about.
import { useId } from "react";
import type { ReactNode } from "react";
import { FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextArea, TextInput } from "@patternfly/react-core";
import { ProblemError } from "../api/client";
import { fieldOf } from "./loaded";

interface Common {
  label: string;
  name: string;
  help?: ReactNode;
  problem?: unknown;
  required?: boolean;
}

function wrong(name: string, problem: unknown): string | undefined {
  return fieldOf(problem) === name && problem instanceof ProblemError ? problem.message : undefined;
}

function Frame({ id, label, name, help, problem, required, children }: Common & { id: string; children: ReactNode }) {
  const error = wrong(name, problem);
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      {children}
      {(help !== undefined || error !== undefined) && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem variant={error === undefined ? "default" : "error"}>{error ?? help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

type TextProps = Common & {
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  readOnly?: boolean;
  type?: "text" | "number";
};

export function TextEntry(props: TextProps) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <TextInput
        id={id}
        name={props.name}
        type={props.type ?? "text"}
        value={props.value}
        placeholder={props.placeholder}
        isRequired={props.required}
        readOnlyVariant={props.readOnly === true ? "default" : undefined}
        validated={wrong(props.name, props.problem) === undefined ? "default" : "error"}
        aria-describedby={`${id}-help`}
        autoComplete="off"
        spellCheck="false"
        onChange={(_, value) => props.onChange(value)}
      />
    </Frame>
  );
}

// Several values, one a line.
export function LinesEntry(props: Common & { value: string[]; onChange: (value: string[]) => void; rows?: number }) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <TextArea
        id={id}
        name={props.name}
        value={props.value.join("\n")}
        rows={props.rows ?? 3}
        resizeOrientation="vertical"
        validated={wrong(props.name, props.problem) === undefined ? "default" : "error"}
        aria-describedby={`${id}-help`}
        spellCheck="false"
        onChange={(_, value) => props.onChange(value.split("\n"))}
      />
    </Frame>
  );
}

export function BlockEntry(props: Common & { value: string; onChange: (value: string) => void; rows?: number }) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <TextArea
        id={id}
        name={props.name}
        className="console-code"
        value={props.value}
        rows={props.rows ?? 12}
        resizeOrientation="vertical"
        validated={wrong(props.name, props.problem) === undefined ? "default" : "error"}
        aria-describedby={`${id}-help`}
        spellCheck="false"
        onChange={(_, value) => props.onChange(value)}
      />
    </Frame>
  );
}

export function ChoiceEntry(props: Common & { value: string; onChange: (value: string) => void; options: readonly (readonly [string, string])[] }) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <FormSelect id={id} name={props.name} value={props.value} aria-describedby={`${id}-help`} onChange={(_, value) => props.onChange(value)}>
        {props.options.map(([value, text]) => (
          <FormSelectOption key={value} value={value} label={text} />
        ))}
      </FormSelect>
    </Frame>
  );
}

export function lines(value: string[]): string[] {
  return value.map((line) => line.trim()).filter((line) => line !== "");
}
