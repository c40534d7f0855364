import { useId, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useChange } from "./act";
import { ProblemAlert } from "./problem";

interface DialogProps {
  title: string;
  action: string; // the word of the button: what happens, not "OK"
  danger?: boolean;
  children: ReactNode;
  disabled?: boolean;
  change: (key: string) => Promise<void>; // the key is this dialog's: a creation that is sent twice is one
  onClose: () => void; // also after the change was made
}

// A question or a form whose button changes something. It stays open until that has worked.
export function Dialog({ title, action, danger = false, children, disabled = false, change, onClose }: DialogProps) {
  const { run, busy, error } = useChange();
  const id = useId();
  const [key] = useState(() => crypto.randomUUID());
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (!busy && !disabled && (await run(() => change(key)))) onClose();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} titleIconVariant={danger ? "warning" : undefined} />
      <ModalBody tabIndex={0}>
        {error !== null && <ProblemAlert error={error} />}
        <Form id={`${id}-form`} onSubmit={(e) => void submit(e)}>
          {children}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form={`${id}-form`}
          variant={danger ? "danger" : "primary"}
          isDisabled={busy || disabled}
          isLoading={busy}
        >
          {action}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}

// Something that is shown once and never again.
export function SecretDialog({ title, children, onClose }: { title: string; children: ReactNode; onClose: () => void }) {
  const id = useId();
  return (
    <Modal isOpen variant="small" aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody tabIndex={0}>{children}</ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>I have kept it</Button>
      </ModalFooter>
    </Modal>
  );
}
