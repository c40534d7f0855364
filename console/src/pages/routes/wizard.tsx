// Adding a console: where it listens, whether what answers there is the right thing, what it is
// called, who may use it. Nothing is stored before the last step.
import { useState } from "react";
import { Alert, Breadcrumb, BreadcrumbItem, Button, Checkbox, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, Form, PageSection, ProgressStep, ProgressStepper, ActionGroup } from "@patternfly/react-core";
import { call } from "../../api/client";
import { applying } from "../../api/change";
import type { Candidate } from "../../api/change";
import type { Probed, Route, Rule, Zone } from "../../api/policy";
import { Link, segment, useRouter } from "../../app/router";
import { LinesEntry, lines, TextEntry } from "../../components/entry";
import { Head } from "../../components/head";
import { useChange, useEverything, useLoaded } from "../../components/loaded";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";
import { Trial } from "./trial";

const STEPS = ["Where it listens", "Its certificate", "Name and place", "Who may use it"] as const;

interface Draft {
  url: string;
  probed: Probed | null;
  pinned: boolean;
  name: string;
  title: string;
  host: string;
  start: string;
  groups: string[];
  zones: string[];
}

interface StepProps {
  draft: Draft;
  set: (more: Partial<Draft>) => void;
  problem: unknown;
}

function Fact({ title, children }: { title: string; children: string }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{title}</DescriptionListTerm>
      <DescriptionListDescription className="console-break">{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}

// A certificate that the system's authorities vouch for, and that is for the name, needs no pin.
function vouched(probed: Probed): boolean {
  return probed.trusted === true && probed.matches === true;
}

function Where({ draft, set, problem }: StepProps) {
  return (
    <TextEntry
      label="Address of the console"
      name="url"
      value={draft.url}
      onChange={(url) => set({ url, probed: null, pinned: false })}
      placeholder="https://10.1.0.5:8443"
      required
      problem={problem}
      help="https://HOST:PORT, http://HOST:PORT or unix:/path. It is asked for its certificate next; nothing is stored yet."
    />
  );
}

function Certificate({ draft, set }: StepProps) {
  const { probed } = draft;
  if (probed === null)
    return (
      <Alert isInline variant="warning" title="This connection is not encrypted">
        Whoever is in the network between the gateway and the console can read and change what passes. Use https where the console offers it.
      </Alert>
    );
  const certificate = probed.certificate;
  if (certificate === undefined) return null;
  return (
    <>
      {vouched(probed) ? (
        <Alert isInline variant="success" title="An authority of this system vouches for it, and it is for this name." />
      ) : (
        <Alert isInline variant="warning" title={probed.trusted === true ? `It is not for the name ${probed.name}` : "No authority of this system vouches for it"}>
          {probed.distrust !== null && probed.distrust !== undefined && <p>{probed.distrust}</p>}
          <p>Compare the fingerprint with what the console itself shows, then confirm: from then on only this key is accepted.</p>
        </Alert>
      )}
      <DescriptionList isCompact isHorizontal>
        <Fact title="Subject">{certificate.subject}</Fact>
        <Fact title="Issuer">{certificate.issuer}</Fact>
        <Fact title="Names">{certificate.names.join(", ") || "none"}</Fact>
        <Fact title="Good until">{certificate.not_after.slice(0, 10)}</Fact>
        <Fact title="SHA-256 of the certificate">{certificate.sha256}</Fact>
        <Fact title="Pin of the key">{certificate.pin}</Fact>
        <Fact title="Protocol">{probed.protocol ?? ""}</Fact>
      </DescriptionList>
      <Checkbox id="pin" label="This is the console's key: accept only it from now on" isChecked={draft.pinned} onChange={(_, pinned) => set({ pinned })} />
    </>
  );
}

function Place({ draft, set, problem }: StepProps) {
  return (
    <>
      <TextEntry label="Name" name="name" value={draft.name} onChange={(name) => set({ name })} required problem={problem} help="Lower-case letters, digits and hyphens; it stands in rules and records." />
      <TextEntry label="Title" name="title" value={draft.title} onChange={(title) => set({ title })} problem={problem} help="On the tile that people open." />
      <TextEntry label="Host name" name="host" value={draft.host} onChange={(host) => set({ host })} placeholder={`${draft.name === "" ? "name" : draft.name}.${window.location.hostname}`} problem={problem} help="Under which people reach it; a name of its own keeps it apart from the other consoles." />
      <TextEntry label="First page" name="start" value={draft.start} onChange={(start) => set({ start })} problem={problem} help="Path that the tile opens." />
    </>
  );
}

function Who({ draft, set, problem, zones }: StepProps & { zones: string[] }) {
  return (
    <>
      <LinesEntry label="Groups" name="groups" value={draft.groups} onChange={(groups) => set({ groups })} problem={problem} rows={2} help="One a line. None: nobody yet; write a rule later." />
      <LinesEntry label="From zones" name="zones" value={draft.zones} onChange={(chosen) => set({ zones: chosen })} problem={problem} rows={2} help={`One a line. There are: ${zones.join(", ")}.`} />
    </>
  );
}

export function routeOf(draft: Draft): Route {
  const route: Route = { name: draft.name, host: draft.host === "" ? `${draft.name}.${window.location.hostname}` : draft.host, upstream: draft.url };
  if (draft.title !== "") route.title = draft.title;
  if (draft.start !== "" && draft.start !== "/") route.start = draft.start;
  if (draft.pinned && draft.probed?.certificate !== undefined) route.upstream_pin = [draft.probed.certificate.pin];
  return route;
}

export function ruleOf(draft: Draft): Rule | null {
  const groups = lines(draft.groups);
  return groups.length === 0 ? null : { name: draft.name, groups, zones: lines(draft.zones), routes: [draft.name] };
}

export function Wizard() {
  const { go } = useRouter();
  const zones = useEverything<Zone>("zones", "zones", ["policy"]);
  const [step, setStep] = useState(0);
  const [draft, setDraft] = useState<Draft>({ url: "", probed: null, pinned: false, name: "", title: "", host: "", start: "/", groups: [], zones: ["local"] });
  const { busy: looking, problem: unseen, run, forget } = useChange();
  const { review, busy: asking, problem: refused, dialog } = useReview(() => go("routes"));
  const busy = looking || asking;
  const problem = step === 3 ? refused : unseen;
  const set = (more: Partial<Draft>) => setDraft((old) => ({ ...old, ...more }));
  const taken = useLoaded<Route>(step === 3 && draft.name !== "" ? `routes/${segment(draft.name)}` : null);

  const look = async () => {
    if (!draft.url.startsWith("https://")) return set({ probed: null });
    const { body } = await call<Probed>("POST", "probe", { body: { url: draft.url } });
    if (body.fault !== null) throw new Error(`The console was not reached: ${body.fault}`);
    set({ probed: body, pinned: false });
  };
  // Console and rule are one change: both are there afterwards, or neither.
  const candidate = (): Candidate => {
    const rule = ruleOf(draft);
    return { routes: [routeOf(draft)], rules: rule === null ? undefined : [rule] };
  };
  const next = () => {
    if (step === 3) return review(() => applying(candidate()));
    return run(async () => {
      if (step === 0) await look();
      setStep(step + 1);
    });
  };
  const ready = [
    draft.url !== "",
    draft.probed === null || vouched(draft.probed) || draft.pinned,
    draft.name !== "",
    lines(draft.groups).length === 0 || lines(draft.zones).length > 0,
  ][step];
  const props: StepProps = { draft, set, problem };
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="routes">Routes and upstreams</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>Add a console</BreadcrumbItem>
        </Breadcrumb>
      </PageSection>
      <Head title="Add a console" />
      <PageSection>
        <ProgressStepper aria-label="Steps">
          {STEPS.map((title, i) => (
            <ProgressStep key={title} id={`step-${i}`} titleId={`step-${i}-title`} isCurrent={i === step} variant={i < step ? "success" : i === step ? "info" : "pending"} aria-label={title}>
              {title}
            </ProgressStep>
          ))}
        </ProgressStepper>
        <Form
          className="console-form"
          onSubmit={(e) => {
            e.preventDefault();
            if (ready === true && !busy) next();
          }}
        >
          {step === 0 && <Where {...props} />}
          {step === 1 && <Certificate {...props} />}
          {step === 2 && <Place {...props} />}
          {step === 3 && <Who {...props} zones={(zones.value ?? []).map((z) => z.name)} />}
          {step === 3 && <Trial url={draft.url} path={draft.start} pin={draft.pinned ? draft.probed?.certificate?.pin : undefined} />}
          {step === 3 && taken.value !== undefined && <Alert isInline variant="warning" title={`There is a console named ${draft.name}; saving replaces it.`} />}
          <Trouble problem={problem} />
          <ActionGroup>
            <Button type="submit" isLoading={busy} isDisabled={busy || ready !== true}>
              {step === 3 ? "Review the console" : step === 0 ? "Look at it" : "Next"}
            </Button>
            {step > 0 && (
              <Button
                variant="secondary"
                isDisabled={busy}
                onClick={() => {
                  forget();
                  setStep(step - 1);
                }}
              >
                Back
              </Button>
            )}
            <Button variant="link" onClick={() => go("routes")}>
              Cancel
            </Button>
          </ActionGroup>
        </Form>
        {dialog}
      </PageSection>
    </>
  );
}
