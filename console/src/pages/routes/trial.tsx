// Before a console is saved: does it answer, and can it be reached around the gateway?
import { Alert, Button, ClipboardCopy, ClipboardCopyVariant, Flex } from "@patternfly/react-core";
import { useState } from "react";
import { call } from "../../api/client";
import { useChange } from "../../components/loaded";
import { Trouble } from "../../components/trouble";

interface Tried {
  fault: string | null;
  status: number | null;
  answer_ms: number;
}

interface Exposure {
  verdict: "open" | "closed" | "unknown";
  checks: { address: string; reached: boolean; text: string }[];
  nftables: string;
  where: string;
  elsewhere: unknown;
}

const VERDICTS: Record<Exposure["verdict"], { title: string; variant: "danger" | "success" | "warning" }> = {
  open: { title: "It can be reached around the gateway", variant: "danger" },
  closed: { title: "It was not reached around the gateway", variant: "success" },
  unknown: { title: "Only who is elsewhere can say whether it can be reached around the gateway", variant: "warning" },
};

function Lines({ label, text }: { label: string; text: string }) {
  return (
    <>
      <p>{label}</p>
      <ClipboardCopy isReadOnly isCode isExpanded variant={ClipboardCopyVariant.expansion} hoverTip="Copy" clickTip="Copied" textAriaLabel={label} toggleAriaLabel={`Show: ${label}`}>
        {text}
      </ClipboardCopy>
    </>
  );
}

function commands(elsewhere: unknown): string {
  return (Array.isArray(elsewhere) ? elsewhere : [elsewhere]).filter((line): line is string => typeof line === "string").join("\n");
}

export function Trial({ url, path, pin }: { url: string; path: string; pin: string | undefined }) {
  const [tried, setTried] = useState<Tried | null>(null);
  const [exposure, setExposure] = useState<Exposure | null>(null);
  const { busy, problem, run } = useChange();
  if (!/^https?:/.test(url)) return null;
  const ask = () =>
    run(async () => {
      setTried((await call<Tried>("POST", "probe/request", { body: { url, path: path === "" ? "/" : path, pin } })).body);
    });
  const look = () =>
    run(async () => {
      setExposure((await call<Exposure>("POST", "probe/exposure", { body: { url } })).body);
    });
  return (
    <div>
      <Flex>
        <Button variant="secondary" isDisabled={busy} onClick={ask}>
          Send a test request
        </Button>
        <Button variant="secondary" isDisabled={busy} onClick={look}>
          Look for a way around the gateway
        </Button>
      </Flex>
      <Trouble problem={problem} />
      {tried !== null && (
        <div role="status">
          <Alert isInline variant={tried.fault === null ? "success" : "danger"} title={tried.fault === null ? `It answers with ${tried.status ?? "nothing"}, in ${tried.answer_ms} ms` : `It does not answer: ${tried.fault}`} />
        </div>
      )}
      {exposure !== null && (
        <div role="status">
          <Alert isInline variant={VERDICTS[exposure.verdict].variant} title={VERDICTS[exposure.verdict].title}>
            {exposure.checks.map((check) => (
              <p key={check.address}>
                {check.address}: {check.reached ? "reached" : check.text}
              </p>
            ))}
          </Alert>
          {exposure.nftables !== "" && <Lines label={`These lines close it, ${exposure.where}:`} text={exposure.nftables} />}
          {commands(exposure.elsewhere) !== "" && <Lines label="To be run elsewhere, where it must fail:" text={commands(exposure.elsewhere)} />}
        </div>
      )}
    </div>
  );
}
