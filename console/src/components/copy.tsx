import { useState } from "react";
import { Button, InputGroup, InputGroupItem, TextInput } from "@patternfly/react-core";

// A text to take along.
export function Copy({ label, text }: { label: string; text: string }) {
  const [said, setSaid] = useState("");
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("Select it and copy it by hand: the browser does not allow it"),
    );
  };
  return (
    <div>
      <InputGroup>
        <InputGroupItem isFill>
          <TextInput readOnly aria-label={label} value={text} className="console-mono" />
        </InputGroupItem>
        <InputGroupItem>
          <Button variant="control" onClick={copy}>
            Copy
          </Button>
        </InputGroupItem>
      </InputGroup>
      <p role="status" className="console-small">
        {said}
      </p>
    </div>
  );
}
