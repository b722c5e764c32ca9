/**
 * The inspector's page: which view the address means, and the frame around it.
 *
 * @module
 */
import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { UserState } from "../../index.ts";
import { useMe } from "./actions.tsx";
import { Account } from "./account.tsx";
import { Imports } from "./imports.tsx";
import { useLive, useNow } from "./live.ts";
import { Problem } from "./parts.tsx";
import { Overview } from "./overview.tsx";
import { Sandbox } from "./sandbox.tsx";
import { User } from "./user.tsx";
import { Users } from "./users.tsx";
import { stateNames } from "./words.ts";

/** The address below the base, as the server has written it into the page. */
function here(): URL {
  return new URL(location.href);
}

function pathBelowBase({ pathname }: URL): string {
  return decodeURIComponent(pathname.slice(new URL(document.baseURI).pathname.length));
}

/** Follows links of this page without loading it anew. */
function useAddress(): { readonly address: URL; readonly go: (to: string) => void } {
  const [address, setAddress] = useState(here);
  const go = (to: string): void => {
    history.pushState(null, "", new URL(to, document.baseURI));
    setAddress(here());
    scrollTo(0, 0);
  };
  useEffect(() => {
    const follow = (event: MouseEvent): void => {
      const link = event.target instanceof Element ? event.target.closest("a") : null;
      const isPlain =
        event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
      if (link === null || !isPlain) return;
      const { href } = link as unknown as { href: string | { baseVal: string } }; // an SVG link has an object there
      const to = new URL(typeof href === "string" ? href : href.baseVal, document.baseURI);
      if (!to.href.startsWith(document.baseURI)) return;
      event.preventDefault();
      go(to.href);
      document.querySelector("main")?.focus();
    };
    const back = (): void => setAddress(here());
    addEventListener("click", follow);
    addEventListener("popstate", back);
    return () => {
      removeEventListener("click", follow);
      removeEventListener("popstate", back);
    };
  }, []);
  return { address, go };
}

const views = [
  ["", "Overview"],
  ["users", "Users"],
  ["imports", "Imports"],
  ["account", "Account"],
  ["sandbox", "Sandbox"],
] as const;

function Page(): JSX.Element {
  const { address, go } = useAddress();
  const live = useLive();
  const { overview, changed, isOpen, refused } = live;
  const isStale = overview?.isStale === true;
  const me = useMe(isOpen);
  const ahead = overview === null ? 0 : new Date(overview.now).getTime() - Date.now();
  const [skew, setSkew] = useState(0);
  useEffect(() => setSkew(Math.abs(ahead) > 2_000 ? ahead : 0), [overview]);
  const now = useNow(skew);
  const path = pathBelowBase(address);
  const [view = "", key] = path.split("/");
  const state = stateNames.find((one) => one === address.searchParams.get("state"));
  const [, viewName] = views.find(([one]) => one === view) ?? views[0];
  const shown = views.filter(([one]) => one !== "sandbox" || one === view || overview?.sandbox === true);
  const title = key === undefined ? viewName : "User";
  useEffect(() => {
    document.title = `${title} · oneup-lifecycle`;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="./">
          <img src="assets/icon.svg" alt="" width="22" height="22" />
          oneup-lifecycle
        </a>
        <nav aria-label="Views">
          {shown.map(([to, name]) => (
            <a key={to} href={to === "" ? "./" : to} aria-current={to === view ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <span class={isOpen && !isStale ? "live on" : "live"} role="status">
          {!isOpen ? "reconnecting…" : isStale ? "not current" : "live"}
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{title}</h1>
        {refused !== null && (
          <p class="trouble" role="alert">
            {refused}. What you see is no longer current.
          </p>
        )}
        {overview !== null && isStale && overview.problem !== null && (
          <p class="trouble wide" role="alert">
            <b>Not ready</b> <Problem health={overview.health} /> What you see is no longer current.
          </p>
        )}
        {view === "users" && key !== undefined && key !== "" ? (
          <User key={key} userKey={key} page={live.page} me={me} changed={changed} now={now} />
        ) : view === "users" ? (
          <Users
            overview={overview}
            place={place(state, address)}
            page={live.page}
            changed={changed}
            now={now}
            go={go}
          />
        ) : view === "account" ? (
          <Account changed={changed} now={now} live={overview?.health} />
        ) : view === "sandbox" ? (
          <Sandbox now={now} />
        ) : overview === null ? (
          <p class="empty">Loading…</p>
        ) : view === "imports" ? (
          <Imports data={overview} now={now} />
        ) : (
          <Overview data={overview} me={me} now={now} />
        )}
      </main>
    </>
  );
}

function place(
  state: UserState | undefined,
  { searchParams }: URL,
): { state: UserState | undefined; after: string | undefined } {
  return { state, after: searchParams.get("after") ?? undefined };
}

const root = document.querySelector("#page");
if (root !== null) render(<Page />, root);
