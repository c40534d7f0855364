// One rule: as a form, as JSON to edit, and as the configuration file would spell it.
import { useEffect, useState } from "react";
import { ActionGroup, Alert, Breadcrumb, BreadcrumbItem, Button, Checkbox, CodeBlock, CodeBlockCode, Form, PageSection, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { putting } from "../../api/change";
import { ASSURANCES } from "../../api/policy";
import type { Assurance, Route, Rule, Zone } from "../../api/policy";
import { Link, segment, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { BlockEntry, ChoiceEntry, lines, LinesEntry, TextEntry } from "../../components/entry";
import { Head } from "../../components/head";
import { Show, useEverything, useLoaded } from "../../components/loaded";
import { mayChange } from "../../components/origin";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";
import { yaml } from "../../components/yaml";
import { bare, effectOf } from "./shape";
import type { Effect } from "./shape";

const PROOFS: Record<Assurance, string> = {
  none: "none",
  password: "a password",
  mfa: "two factors",
  "phishing-resistant": "a passkey or certificate",
  hardware: "a hardware key",
};

type View = "form" | "json" | "yaml";

const EMPTY: Rule = { name: "", zones: [], routes: [], assurance: "mfa" };

interface FormProps {
  rule: Rule;
  fixed: boolean;
  onChange: (rule: Rule) => void;
  problem: unknown;
  zones: string[];
  routes: string[];
}

function withEffect(rule: Rule, effect: Effect): Rule {
  return { ...rule, demand: effect === "demand" || undefined, deny: effect === "deny" || undefined, anonymous: effect === "anonymous" || undefined };
}

function RuleForm({ rule, fixed, onChange, problem, zones, routes }: FormProps) {
  const set = (more: Partial<Rule>) => onChange({ ...rule, ...more });
  const several = (label: string, name: keyof Rule & ("users" | "groups" | "tokens" | "certificates" | "zones" | "routes" | "methods" | "paths" | "times"), help: string) => (
    <LinesEntry label={label} name={name} value={rule[name] ?? []} onChange={(v) => set({ [name]: v })} help={help} problem={problem} rows={2} />
  );
  return (
    <>
      <TextEntry label="Name" name="name" value={rule.name} onChange={(name) => set({ name })} readOnly={fixed} required problem={problem} help="Lower-case letters, digits and hyphens; it stands in records and explanations." />
      <ChoiceEntry
        label="Effect"
        name="effect"
        value={effectOf(rule)}
        onChange={(v) => onChange(withEffect(rule, v as Effect))}
        options={[
          ["allow", "admits what fits"],
          ["deny", "refuses what fits, before any rule that admits"],
          ["demand", "admits nobody, but demands more proof where it fits"],
          ["anonymous", "admits anybody without a login"],
        ]}
      />
      {rule.anonymous === true && (
        <Alert isInline variant="danger" title="Anybody who comes from the zones gets in without a login">
          Such a rule names nobody, and says zones, consoles, methods and paths.
        </Alert>
      )}
      {several("People", "users", "Names, one a line; * is anybody who is logged in.")}
      {several("Groups", "groups", "One a line.")}
      {several("Tokens", "tokens", "API tokens, one a line.")}
      {several("Certificates", "certificates", "Programs by the name of their client certificate, one a line.")}
      {several("Zones", "zones", `From where, one a line. There are: ${zones.join(", ")}.`)}
      {several("Consoles", "routes", `One a line; * is every console. There are: ${routes.length === 0 ? "none yet" : routes.join(", ")}.`)}
      <Checkbox id="read_only" label="Only what reads" description="GET, HEAD, OPTIONS and PROPFIND, and no WebSocket." isChecked={rule.read_only === true} onChange={(_, on) => set({ read_only: on || undefined })} />
      {several("Times", "times", "When it holds, such as Mon-Fri 08:00-18:00, one a line; none: always.")}
      {(rule.times ?? []).length > 0 && (
        <TextEntry label="Time zone of the times" name="time_zone" value={rule.time_zone ?? "UTC"} onChange={(time_zone) => set({ time_zone })} problem={problem} help="Such as Europe/Berlin." />
      )}
      {several("Methods", "methods", "Such as GET and HEAD; none: all.")}
      {several("Paths", "paths", "/a/b is this path, /a/** it and all below, * one segment; none: all.")}
      <ChoiceEntry label="Proof" name="assurance" value={rule.assurance ?? "mfa"} onChange={(v) => set({ assurance: v as Assurance })} options={ASSURANCES.map((a) => [a, PROOFS[a]] as const)} problem={problem} help="How surely a person must be known." />
      <TextEntry label="Proven at most so long ago" name="max_age" value={String(rule.max_age ?? "")} onChange={(v) => set({ max_age: /^\d+$/.test(v) ? Number(v) : v })} placeholder="15m" problem={problem} help="Such as 15m or 8h; 0 or empty: as long as the session lasts." />
      <TextEntry label="Approvers" name="approvers" value={rule.approvers ?? ""} onChange={(approvers) => set({ approvers })} problem={problem} help="A group. With it the rule admits only who asked for access and was approved, and only for a while." />
      {(rule.approvers ?? "") !== "" && (
        <>
          <TextEntry label="How many of them" name="approvals" value={String(rule.approvals ?? 1)} onChange={(v) => set({ approvals: Number(v) || 0 })} type="number" problem={problem} />
          <TextEntry label="Access for at most" name="grant_max" value={String(rule.grant_max ?? "4h")} onChange={(v) => set({ grant_max: /^\d+$/.test(v) ? Number(v) : v })} problem={problem} />
        </>
      )}
    </>
  );
}

function tidy(rule: Rule): Rule {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rule)) out[key] = Array.isArray(value) ? lines(value.map(String)) : value;
  return bare(out as unknown as Rule);
}

type Read = { rule: Rule; error?: undefined } | { rule?: undefined; error: string };

function read(text: string): Read {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return { error: "A rule is an object, { … }." };
    return { rule: value as Rule };
  } catch (e) {
    return { error: e instanceof Error ? e.message : String(e) };
  }
}

export function RuleEditor({ name }: { name: string | null }) {
  const { go } = useRouter();
  const admin = useMay("administrator");
  const known = useLoaded<Rule>(name === null ? null : `rules/${segment(name)}`);
  const zones = useEverything<Zone>("zones", "zones", ["policy"]);
  const routes = useEverything<Route>("routes", "routes", ["policy"]);
  const [rule, setRule] = useState<Rule | null>(name === null ? EMPTY : null);
  const [tab, setTab] = useState<View>("form");
  const [text, setText] = useState("");
  const { review, busy, problem, dialog } = useReview(() => go("rules"));
  const loaded = known.value;
  useEffect(() => {
    if (loaded !== undefined) setRule((old) => old ?? loaded);
  }, [loaded]);
  if (rule === null)
    return (
      <PageSection>
        <Show of={known}>{() => null}</Show>
      </PageSection>
    );
  const typed = tab === "json" ? read(text) : { rule };
  const may = admin && mayChange(rule.origin);
  const turn = (next: View) => {
    if (tab === "json") {
      if (typed.rule === undefined) return; // what cannot be read is not thrown away
      setRule(typed.rule);
    }
    if (next === "json") setText(JSON.stringify(tidy(typed.rule ?? rule), null, 2));
    setTab(next);
  };
  const save = () => {
    if (typed.rule === undefined) return;
    const body = tidy(typed.rule);
    review(putting("rules", body, name === null ? null : known.etag));
  };
  const title = name === null ? "Write a rule" : `Rule ${name}`;
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="rules">Policy</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{title}</BreadcrumbItem>
        </Breadcrumb>
      </PageSection>
      <Head title={title} />
      <PageSection>
        {!mayChange(rule.origin) && <Alert isInline variant="info" title="This rule comes from the configuration file and is changed there." />}
        <ToggleGroup aria-label="Views of the rule">
          <ToggleGroupItem text="Form" isSelected={tab === "form"} onChange={() => turn("form")} />
          <ToggleGroupItem text="JSON" isSelected={tab === "json"} onChange={() => turn("json")} />
          <ToggleGroupItem text="YAML" isSelected={tab === "yaml"} onChange={() => turn("yaml")} />
        </ToggleGroup>
        <Form
          className="console-form"
          onSubmit={(e) => {
            e.preventDefault();
            save();
          }}
        >
          {tab === "form" && (
            <RuleForm rule={rule} fixed={name !== null} onChange={setRule} problem={problem} zones={(zones.value ?? []).map((z) => z.name)} routes={(routes.value ?? []).map((r) => r.name)} />
          )}
          {tab === "json" && <BlockEntry label="Rule as JSON" name="json" value={text} onChange={setText} help={typed.error} rows={18} />}
          {tab === "json" && typed.error !== undefined && <Alert isInline variant="danger" title={typed.error} />}
          {tab === "yaml" && (
            <CodeBlock>
              <CodeBlockCode>{`rules:${yaml([tidy(rule)], "  ")}`}</CodeBlockCode>
            </CodeBlock>
          )}
          <Trouble problem={problem} />
          <ActionGroup>
            {may && (
              <Button type="submit" isLoading={busy} isDisabled={busy || typed.rule === undefined || (typed.rule.name ?? "") === ""}>
                Review
              </Button>
            )}
            <Button variant="link" onClick={() => go("rules")}>
              {may ? "Cancel" : "Back"}
            </Button>
          </ActionGroup>
        </Form>
        {dialog}
      </PageSection>
    </>
  );
}
