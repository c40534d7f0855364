// A form in a dialog: its fields, what was in the way, and the button that sends it. Whoever uses it
// says what is sent; it is closed from there, once that has worked.
import { useId } from "react";
import type { ReactNode } from "react";
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { Trouble } from "./trouble";

interface Props {
  title: string;
  lead?: ReactNode; // before the fields
  children: ReactNode;
  verb: string;
  danger?: boolean;
  busy: boolean;
  disabled?: boolean; // something is missing
  problem: unknown;
  onSubmit: () => void;
  onClose: () => void;
}

export function FormModal({ title, lead, children, verb, danger = false, busy, disabled = false, problem, onSubmit, onClose }: Props) {
  const id = useId();
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody>
        {lead}
        <Form
          id={`${id}-form`}
          onSubmit={(e) => {
            e.preventDefault();
            onSubmit();
          }}
        >
          {children}
          <Trouble problem={problem} />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} variant={danger ? "danger" : "primary"} isLoading={busy} isDisabled={busy || disabled}>
          {verb}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
