// The consoles behind the gateway: all of them, one of them, and the way to add another.
import { useState } from "react";
import { Alert, Breadcrumb, BreadcrumbItem, Button, CodeBlock, CodeBlockCode, PageSection, SearchInput, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { putting, removing } from "../../api/change";
import type { Health } from "../../api/health";
import { list } from "../../api/policy";
import type { Route } from "../../api/policy";
import { Link, segment, useQuery, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { Empty } from "../../components/empty";
import { BlockForm, objectOf } from "../../components/block-form";
import { Head } from "../../components/head";
import { Show, useEverything, useLoaded } from "../../components/loaded";
import { mayChange, OriginLabel } from "../../components/origin";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";
import { HealthLabel } from "../../components/health";
import { yaml } from "../../components/yaml";
import { Wizard } from "./wizard";

const NEW = "+new";

export function placeOf(route: Route): string {
  if (route.kind === "tcp") return "postern connect";
  return `${route.host ?? ""}${route.port === undefined ? "" : `:${route.port}`}${route.path ?? ""}`;
}

function List() {
  const routes = useEverything<Route>("routes", "routes", ["policy"]);
  const health = useLoaded<Health>("health", ["health"]);
  const { go } = useRouter();
  const may = useMay("administrator");
  const [word, setWord] = useQuery("find");
  const { review, problem, dialog } = useReview(routes.again);
  const add = <Button onClick={() => go(`routes/${NEW}`)}>Add a console</Button>;
  const states = new Map((health.value?.routes ?? []).map((r) => [r.route, r]));
  const fits = (route: Route) => word === "" || JSON.stringify(route).toLowerCase().includes(word.toLowerCase());
  return (
    <>
      <Head title="Routes and upstreams" lead="The consoles behind this gateway, and where each of them listens." actions={may ? add : undefined} />
      <PageSection>
        <Trouble problem={problem} />
        <Show of={routes}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="No console yet" action={may ? add : undefined}>
                Add the first one: the gateway looks at it, asks you to confirm its certificate and says who will be admitted.
              </Empty>
            ) : (
              <>
                <Toolbar>
                  <ToolbarContent>
                    <ToolbarItem>
                      <SearchInput aria-label="Find consoles" placeholder="Find consoles" value={word} onChange={(_, v) => setWord(v)} onClear={() => setWord("")} />
                    </ToolbarItem>
                  </ToolbarContent>
                </Toolbar>
                <Table aria-label="Routes" variant="compact">
                  <Thead>
                    <Tr>
                      <Th modifier="wrap">Console</Th>
                      <Th modifier="wrap">Reached at</Th>
                      <Th modifier="wrap">Upstream</Th>
                      <Th screenReaderText="Actions" />
                    </Tr>
                  </Thead>
                  <Tbody>
                    {all
                      .filter(fits)
                      .slice(0, 500)
                      .map((route) => (
                        <Tr key={route.name}>
                          <Td dataLabel="Console">
                            <Link to={`routes/${segment(route.name)}`}>{route.title ?? route.name}</Link> <OriginLabel origin={route.origin} />
                          </Td>
                          <Td dataLabel="Reached at">{placeOf(route)}</Td>
                          <Td dataLabel="Upstream">
                            {list(route.upstream).map((url) => {
                              const end = states.get(route.name)?.endpoints.find((e) => e.url === url);
                              return (
                                <div key={url}>
                                  {url} {end !== undefined && <HealthLabel state={end.state} />}
                                  {end !== undefined && end.detail !== "" && <div className="console-quiet">{end.detail}</div>}
                                </div>
                              );
                            })}
                          </Td>
                          <Td isActionCell>
                            {may && mayChange(route.origin) && (
                              <Button variant="link" isInline isDanger onClick={() => review(removing("routes", route.name))} aria-label={`Remove console ${route.name}`}>
                                Remove
                              </Button>
                            )}
                          </Td>
                        </Tr>
                      ))}
                  </Tbody>
                </Table>
              </>
            )
          }
        </Show>
      </PageSection>
      {dialog}
    </>
  );
}

function One({ name }: { name: string }) {
  const { go } = useRouter();
  const known = useLoaded<Route>(`routes/${segment(name)}`);
  const admin = useMay("administrator");
  const [text, setText] = useState<string | null>(null);
  const { review, busy, problem, dialog } = useReview(() => go("routes"));
  const shown = (route: Route) => {
    const { origin: _, ...rest } = route;
    return JSON.stringify(rest, null, 2);
  };
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="routes">Routes and upstreams</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{name}</BreadcrumbItem>
        </Breadcrumb>
      </PageSection>
      <Head title={`Console ${name}`} />
      <PageSection>
        <Show of={known}>
          {(route) =>
            !admin || !mayChange(route.origin) ? (
              <>
                {!mayChange(route.origin) && <Alert isInline variant="info" title="This console is not changed here: it comes from the configuration file or a program." />}
                <CodeBlock>
                  <CodeBlockCode>{`routes:${yaml({ [route.name]: JSON.parse(shown(route)) as unknown }, "  ")}`}</CodeBlockCode>
                </CodeBlock>
              </>
            ) : (
              <BlockForm
                label="Route as JSON"
                name="json"
                value={text ?? shown(route)}
                onChange={setText}
                rows={24}
                help="The keys are those of the configuration file, postern.yaml(5)."
                problem={problem}
                busy={busy}
                onReview={() => review(() => putting("routes", { ...objectOf(text ?? shown(route), "A route"), name }, known.etag))}
                onCancel={() => go("routes")}
              />
            )
          }
        </Show>
        {dialog}
      </PageSection>
    </>
  );
}

export default function Routes() {
  const { path } = useRouter();
  const name = decodeURIComponent(path.split("/")[1] ?? "");
  if (name === NEW) return <Wizard />;
  return name === "" ? <List /> : <One key={name} name={name} />;
}
