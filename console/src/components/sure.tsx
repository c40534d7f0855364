// A dialog that asks before something ends or goes.
import type { ReactNode } from "react";
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useChange } from "./loaded";
import { Trouble } from "./trouble";

interface Props {
  title: string;
  children: ReactNode;
  verb: string;
  onDo: () => Promise<void>;
  onClose: () => void;
}

export function Sure({ title, children, verb, onDo, onClose }: Props) {
  const { busy, problem, run } = useChange();
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="sure-title">
      <ModalHeader title={title} labelId="sure-title" />
      <ModalBody>
        {children}
        <Trouble problem={problem} />
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          isLoading={busy}
          isDisabled={busy}
          onClick={() =>
            run(async () => {
              await onDo();
              onClose();
            })
          }
        >
          {verb}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
