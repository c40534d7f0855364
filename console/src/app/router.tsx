// The address is the state: every page, filter and tab has an address that can be kept and sent.
import { createContext, useCallback, useContext, useEffect, useState } from "react";
import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from "react";

export const ROOT = "/console/";

export interface Location {
  path: string; // below /console/, without slashes at the ends: "users/kim"
  query: URLSearchParams;
}

interface Router extends Location {
  go: (to: string, replace?: boolean) => void;
}

const Context = createContext<Router | null>(null);

function here(): Location {
  const path = window.location.pathname;
  return {
    path: path.startsWith(ROOT) ? path.slice(ROOT.length).replace(/\/+$/, "") : "",
    query: new URLSearchParams(window.location.search),
  };
}

export function RouterProvider({ children }: { children: ReactNode }) {
  const [at, setAt] = useState(here);
  useEffect(() => {
    const moved = () => setAt(here());
    window.addEventListener("popstate", moved);
    return () => window.removeEventListener("popstate", moved);
  }, []);
  const go = useCallback((to: string, replace = false) => {
    const url = ROOT + to.replace(/^\/+/, "");
    if (replace) window.history.replaceState(null, "", url);
    else window.history.pushState(null, "", url);
    setAt(here());
  }, []);
  return <Context.Provider value={{ ...at, go }}>{children}</Context.Provider>;
}

export function useRouter(): Router {
  const router = useContext(Context);
  if (router === null) throw new Error("outside of the router");
  return router;
}

// One value of the query, and how to set it; setting any other thing than the place starts the list anew.
export function useQuery(name: string): [string, (value: string) => void] {
  const { path, query, go } = useRouter();
  const set = useCallback(
    (value: string) => {
      const next = new URLSearchParams(window.location.search);
      if (value === "") next.delete(name);
      else next.set(name, value);
      const text = next.toString();
      go(text === "" ? path : `${path}?${text}`, true);
    },
    [name, path, go],
  );
  return [query.get(name) ?? "", set];
}

// A name from outside is one segment, whatever it holds.
export function segment(name: string): string {
  return encodeURIComponent(name);
}

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: string;
}

export function Link({ to, onClick, ...rest }: LinkProps) {
  const { go } = useRouter();
  const clicked = (e: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(e);
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    go(to);
  };
  return <a href={ROOT + to} onClick={clicked} {...rest} />;
}
