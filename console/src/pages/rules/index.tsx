// The policy: all rules in the order in which they are tried, and one rule with its form.
import { Button, Label, PageSection, SearchInput, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { removing } from "../../api/change";
import type { Rule } from "../../api/policy";
import { Link, segment, useQuery, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { Empty } from "../../components/empty";
import { Head } from "../../components/head";
import { Show, useEverything } from "../../components/loaded";
import { Names } from "../../components/names";
import { mayChange, OriginLabel } from "../../components/origin";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";
import { RuleEditor } from "./editor";
import { WholeEditor } from "./whole";
import { effectOf, EFFECTS, what, who } from "./shape";

// No rule can have these names.
const NEW = "+new";
const ALL = "+all";

function fits(rule: Rule, word: string): boolean {
  return word === "" || JSON.stringify(rule).toLowerCase().includes(word.toLowerCase());
}

function RuleRow({ rule, may, onRemove }: { rule: Rule; may: boolean; onRemove: () => void }) {
  const effect = effectOf(rule);
  return (
    <Tr className={effect === "anonymous" ? "console-anonymous" : undefined}>
      <Td dataLabel="Rule">
        <Link to={`rules/${segment(rule.name)}`}>{rule.name}</Link> <OriginLabel origin={rule.origin} />
      </Td>
      <Td dataLabel="Effect">
        <Label isCompact color={EFFECTS[effect].color}>
          {EFFECTS[effect].title}
        </Label>
      </Td>
      <Td dataLabel="Who">
        <Names of={who(rule)} none={effect === "anonymous" || effect === "deny" ? "anybody" : "nobody"} about={`Who ${rule.name} is about`} />
      </Td>
      <Td dataLabel="From">
        <Names of={rule.zones} none="everywhere" about={`Zones of ${rule.name}`} />
      </Td>
      <Td dataLabel="Consoles">
        <Names of={(rule.routes ?? []).map((r) => (r === "*" ? "every console" : r))} none="none" about={`Consoles of ${rule.name}`} />
      </Td>
      <Td dataLabel="Requests">
        <Names of={what(rule)} none="all" about={`Requests of ${rule.name}`} />
      </Td>
      <Td dataLabel="Proof">{effect === "anonymous" ? "none" : (rule.assurance ?? "mfa")}</Td>
      <Td isActionCell>
        {may && mayChange(rule.origin) && (
          <Button variant="link" isInline isDanger onClick={onRemove} aria-label={`Remove rule ${rule.name}`}>
            Remove
          </Button>
        )}
      </Td>
    </Tr>
  );
}

function RuleList() {
  const rules = useEverything<Rule>("rules", "rules", ["policy"]);
  const { go } = useRouter();
  const may = useMay("administrator");
  const [word, setWord] = useQuery("find");
  const { review, problem, dialog } = useReview(rules.again);
  const add = <Button onClick={() => go(`rules/${NEW}`)}>Write a rule</Button>;
  return (
    <>
      <Head
        title="Policy"
        lead="Who may do what, from where. Rules that refuse come first; then the first rule that admits a request decides; what no rule admits is refused."
        actions={
          <>
            {may && add}
            <Button variant="secondary" onClick={() => go("tester")}>
              Test a request
            </Button>
            {may && (
              <Button variant="secondary" onClick={() => go(`rules/${ALL}`)}>
                Edit everything
              </Button>
            )}
          </>
        }
      />
      <PageSection>
        <Trouble problem={problem} />
        <Show of={rules}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="No rule: nobody reaches any console" action={may ? add : undefined}>
                A rule names people, the zones they come from and the consoles they may use.
              </Empty>
            ) : (
              <>
                <Toolbar>
                  <ToolbarContent>
                    <ToolbarItem>
                      <SearchInput aria-label="Find rules" placeholder="Find rules" value={word} onChange={(_, v) => setWord(v)} onClear={() => setWord("")} />
                    </ToolbarItem>
                  </ToolbarContent>
                </Toolbar>
                <Table aria-label="Rules" variant="compact">
                  <Thead>
                    <Tr>
                      {["Rule", "Effect", "Who", "From", "Consoles", "Requests", "Proof"].map((title) => (
                        <Th key={title} modifier="wrap">{title}</Th>
                      ))}
                      <Th screenReaderText="Actions" />
                    </Tr>
                  </Thead>
                  <Tbody>
                    {all
                      .filter((rule) => fits(rule, word))
                      .slice(0, 500)
                      .map((rule) => (
                        <RuleRow key={rule.name} rule={rule} may={may} onRemove={() => review(removing("rules", rule.name))} />
                      ))}
                  </Tbody>
                </Table>
                <p role="status" className="console-quiet">
                  {all.filter((rule) => fits(rule, word)).length} of {all.length} rules
                  {all.filter((rule) => fits(rule, word)).length > 500 && "; the first 500 are shown: search to narrow them"}
                </p>
              </>
            )
          }
        </Show>
      </PageSection>
      {dialog}
    </>
  );
}

export default function Rules() {
  const { path } = useRouter();
  const name = decodeURIComponent(path.split("/")[1] ?? "");
  if (name === ALL) return <WholeEditor />;
  return name === "" ? <RuleList /> : <RuleEditor key={name} name={name === NEW ? null : name} />;
}
