import { lazy, Suspense, useEffect, useRef, useState } from "react";
import {
  Dropdown,
  DropdownItem,
  DropdownList,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  Nav,
  NavGroup,
  NavItem,
  NavList,
  Page,
  PageSection,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
  Spinner,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import BarsIcon from "@patternfly/react-icons/dist/esm/icons/bars-icon";
import { stopEvents } from "../api/events";
import { PAGES, pageOf } from "./pages";
import type { PageRow } from "./pages";
import { ROOT, useRouter } from "./router";
import { hasRole, useSession } from "./session";
import type { Session } from "./session";
import { setTheme, theme } from "./theme";
import type { Theme } from "./theme";

const Pending = lazy(() => import("../components/pending"));

const NARROW = window.matchMedia("(max-width: 1199px)");

const GROUPS: PageRow["group"][] = ["Overview", "People", "Policy", "Records", "System", "Mine"];

function visible(session: Session): PageRow[] {
  return PAGES.filter((row) => row.roles.includes("user") || hasRole(session, ...row.roles));
}

function Navigation({ rows, at, onGo }: { rows: PageRow[]; at: string; onGo: () => void }) {
  const { go } = useRouter();
  const groups = GROUPS.filter((group) => rows.some((row) => row.group === group && row.hidden !== true));
  const item = (row: PageRow) => (
    <NavItem
      key={row.path}
      isActive={row.path === at}
      to={ROOT + row.path}
      onClick={(e) => {
        e.preventDefault();
        go(row.path);
        onGo();
      }}
    >
      {row.title}
    </NavItem>
  );
  return (
    <Nav aria-label="Console">
      {groups.map((group) => {
        const own = rows.filter((row) => row.group === group && row.hidden !== true);
        if (group === "Overview") return <NavList key={group}>{own.map(item)}</NavList>;
        return (
          <NavGroup key={group} title={group}>
            {own.map(item)}
          </NavGroup>
        );
      })}
    </Nav>
  );
}

// Logging out is a form of the server: it works without this script, and ends every session.
function logOut(): void {
  stopEvents();
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/logout";
  document.body.append(form);
  form.submit();
}

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

function UserMenu({ user }: { user: string }) {
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(theme);
  const { go } = useRouter();
  const choose = (next: Theme) => {
    setTheme(next);
    setChosen(next);
  };
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle ref={ref} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)} aria-label={`Menu of ${user}`}>
          <span className="console-user">{user}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        {THEMES.map(([name, title]) => (
          <DropdownItem key={name} isSelected={name === chosen} onClick={() => choose(name)}>
            {title}
          </DropdownItem>
        ))}
        <DropdownItem onClick={() => go("account")}>My account</DropdownItem>
        <DropdownItem onClick={logOut}>Log out</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

function NotHere({ title, children }: { title: string; children: string }) {
  return (
    <PageSection>
      <h1>{title}</h1>
      <p>{children}</p>
    </PageSection>
  );
}

export function Shell() {
  const session = useSession();
  const { path, go } = useRouter();
  const [wide, setWide] = useState(!NARROW.matches);
  const [open, setOpen] = useState(!NARROW.matches);
  const rows = visible(session);
  const row = pageOf(path);
  const allowed = row !== undefined && rows.includes(row);
  const first = rows[0];

  useEffect(() => {
    if (path === "" && first !== undefined) go(first.path, true);
  }, [path, first, go]);
  // A page that changes is announced by its title, and the keyboard goes on at its beginning.
  const was = useRef(row?.path);
  useEffect(() => {
    document.title = `${row?.title ?? "Nothing here"} · postern`;
    if (was.current !== row?.path) document.getElementById("content")?.focus({ preventScroll: true });
    was.current = row?.path;
  }, [row]);

  const masthead = (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton
            variant="plain"
            aria-label="Navigation"
            isSidebarOpen={open}
            onSidebarToggle={() => setOpen(!open)}
          >
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <a className="console-name" href={ROOT}>
            postern
          </a>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarGroup align={{ default: "alignEnd" }}>
              <ToolbarItem>
                <UserMenu user={session.user} />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
  const sidebar = (
    <PageSidebar isSidebarOpen={open}>
      <PageSidebarBody>
        <Navigation rows={rows} at={row?.path ?? ""} onGo={() => !wide && setOpen(false)} />
      </PageSidebarBody>
    </PageSidebar>
  );
  const Content = row?.page;
  return (
    <Page
      masthead={masthead}
      sidebar={sidebar}
      onPageResize={(_, { mobileView }) => {
        // Only when it changes: the size of the page also changes for a phone's keyboard.
        if (mobileView === wide) {
          setWide(!mobileView);
          setOpen(!mobileView);
        }
      }}
      mainContainerId="content"
      mainTabIndex={-1}
      mainAriaLabel="Page"
      skipToContent={<SkipToContent href="#content">To the page</SkipToContent>}
    >
      <div>
        {hasRole(session, "administrator", "auditor", "operator") && (
          <Suspense>
            <Pending />
          </Suspense>
        )}
        {row === undefined && path !== "" && <NotHere title="Nothing here">Check the address, or choose a page.</NotHere>}
        {row !== undefined && !allowed && (
          <NotHere title="Not for your roles">Somebody with the right role can show you this page, or give you the role.</NotHere>
        )}
        {Content !== undefined && allowed && (
          <Suspense fallback={<Spinner aria-label="Loading the page" />}>
            <Content key={row?.path} />
          </Suspense>
        )}
      </div>
    </Page>
  );
}
