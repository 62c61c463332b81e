/** What every page of ours needs: where it begins, dialogs, menus, pictures that do not load, problems. */
import htmx from "htmx.org";
import { all, on, one, problemOf, toast } from "./dom";
import { forget, refreshAll } from "./fragments";

export function startChrome(): void {
  configure();
  keepZone();
  measureTop();
  addEventListener("resize", measureTop);
  startDialogs();
  startMenus();
  startPictures();
  startRequests();
}

/** Said here as well as in the page's head: a host's page may have a configuration of its own. */
function configure(): void {
  htmx.config.allowEval = false;
  htmx.config.includeIndicatorStyles = false;
  htmx.config.historyCacheSize = 0;  // a snapshot would leave people's messages in the browser's storage
  htmx.config.attributesToSettle = [];  // it would write `style` attributes, which our policy forbids
}

/** The host's own bar stands above us; the rest of the window is ours. */
function measureTop(): void {
  const root = one(".fm");
  if (!root) return;
  const top = Math.max(0, Math.round(root.getBoundingClientRect().top + scrollY));
  root.style.setProperty("--fm-top", `${top}px`);
}

/** Times are written by the server, in the zone of the person who reads. */
function keepZone(): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const root = one(".fm[data-fm-zone]");
  if (!root || !zone || !/^[\w+\-/]+$/.test(zone) || root.dataset.fmZone === zone) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const path = root.dataset.fmCookiePath ?? "/";
  document.cookie = `messenger_zone=${zone}; Path=${path}; Max-Age=31536000; SameSite=Lax${secure}`;
  refreshAll();
}

function startDialogs(): void {
  on("click", "[data-fm-open]", (button) => one<HTMLDialogElement>(`#${button.dataset.fmOpen}`)?.showModal());
  on("click", "[data-fm-shut]", (button) => button.closest("dialog")?.close());
  on("click", "dialog.fm-dialog", (dialog, event) => {
    if (event.target === dialog) (dialog as HTMLDialogElement).close();
  });
}

function startMenus(): void {
  document.addEventListener("click", (event) => {
    for (const menu of all<HTMLDetailsElement>(".fm-menu[open]")) {
      const inside = event.target instanceof Node && menu.contains(event.target);
      const chose = event.target instanceof Element && event.target.closest(".fm-menu-item");
      if (!inside || chose) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = one<HTMLDetailsElement>(".fm-menu[open]");
    if (!menu) return;
    if (event.key === "Escape") {
      menu.open = false;
      one("summary", menu)?.focus();
      event.stopPropagation();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      step(all(".fm-menu-item", menu), event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
    }
  }, true);
}

/** Move the focus `by` places in `items`, around the ends. */
function step(items: HTMLElement[], by: number): void {
  const at = items.indexOf(document.activeElement as HTMLElement);
  items[(at + by + items.length) % items.length]?.focus();
}

/** Meta's picture links run out; what stands behind the picture (initials, a word) then shows. */
function startPictures(): void {
  document.addEventListener("error", ({ target }) => {
    if (target instanceof HTMLImageElement && target.closest(".fm")) target.hidden = true;
  }, true);
  // Some may have failed before this script was here.
  for (const picture of document.querySelectorAll<HTMLImageElement>(".fm img")) {
    if (picture.complete && picture.src && !picture.naturalWidth) picture.hidden = true;
  }
}

function startRequests(): void {
  document.addEventListener("htmx:configRequest", (event) => {
    const { detail } = event as CustomEvent<{ headers: Record<string, string> }>;
    detail.headers["X-CSRFToken"] = one<HTMLMetaElement>('meta[name="fm-csrf"]')?.content ?? "";
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    void problemOf(new Response(xhr.responseText || "{}", { status: xhr.status })).then(toast);
  });
  document.addEventListener("htmx:sendError", () => toast("No connection. Nothing was changed."));
  document.addEventListener("fm:changed", () => {
    for (const part of all("[data-fm-fragment]")) forget(part.id);
    refreshAll();
  });
  on("click", "[data-fm-dismiss]", (button) => button.closest(".fm-toast")?.remove());
}
