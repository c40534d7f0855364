import { Link, segment } from "../app/router";
import { useMay } from "../app/session";

// A person's name, as a way there for whoever may look at people.
export function PersonLink({ name }: { name: string }) {
  const may = useMay("administrator", "auditor");
  return may ? <Link to={`people/${segment(name)}`}>{name}</Link> : <>{name}</>;
}
