/** The list of conversations: which one is open, keys, the number in the tab's title. */
import { all, isPhone, on, one } from "./dom";

const plainTitle = document.title;

export function startListing(): void {
  if (!one(".fm-inbox")) return;
  document.addEventListener("fm:after-morph", update);
  document.addEventListener("htmx:afterSettle", update);
  document.addEventListener("htmx:historyRestore", update);
  document.addEventListener("keydown", pressed);
  on("click", "[data-fm-back]", (link, event) => {
    event.preventDefault();
    showList((link as HTMLAnchorElement).href);
  });
  on("click", "[data-fm-person]", togglePerson);
  update();
  one(".fm-row[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function update(): void {
  const open = one("#fm-thread")?.dataset.fmConversation;
  const listed = one(".fm-inbox")?.dataset.pane === "thread" || !isPhone();
  for (const row of all(".fm-row")) {
    if (listed && open && row.dataset.fmConversation === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const unread = Number(one("#fm-listing")?.dataset.fmUnread ?? 0);
  document.title = unread ? `(${unread}) ${plainTitle}` : plainTitle;
}

/** Go back to the list on a phone without fetching it anew, so that its place is kept. */
function showList(address: string): void {
  const inbox = one(".fm-inbox")!;
  const open = one("#fm-thread")?.dataset.fmConversation;
  inbox.dataset.pane = "list";
  history.pushState({ htmx: true }, "", address);
  update();
  one(`.fm-row[data-fm-conversation="${open}"]`)?.focus();
}

function togglePerson(): void {
  const inbox = one(".fm-inbox")!;
  const shown = (one("#fm-person")?.getClientRects().length ?? 0) > 0;
  inbox.dataset.person = shown ? "closed" : "open";
  for (const button of all("[data-fm-person]")) button.setAttribute("aria-expanded", String(!shown));
  if (!shown) one("#fm-person")?.focus();
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target as HTMLElement;
  if (event.key === "Escape") return leave(target);
  if (target.closest("input, textarea, select, [contenteditable], dialog, .fm-menu")) return;
  if (event.key === "/") focusOn("#fm-q", event);
  else if (event.key === "r") focusOn("#fm-write", event);
  else if (event.key === "j" || (event.key === "ArrowDown" && target.closest(".fm-rows"))) move(1, event);
  else if (event.key === "k" || (event.key === "ArrowUp" && target.closest(".fm-rows"))) move(-1, event);
}

/** Escape steps outward: person panel, then from what is written or searched to the list. */
function leave(target: HTMLElement): void {
  const inbox = one(".fm-inbox")!;
  if (inbox.dataset.person === "open" && one("#fm-person")?.contains(target)) return togglePerson();
  if (target.closest("#fm-thread, .fm-search")) (one(".fm-row[aria-current]") ?? one(".fm-row"))?.focus();
}

function focusOn(selector: string, event: KeyboardEvent): void {
  const element = one(selector);
  if (!element || !element.getClientRects().length) return;
  event.preventDefault();
  element.focus();
}

function move(by: number, event: KeyboardEvent): void {
  const rows = all(".fm-row");
  const from = rows.findIndex((row) => row === document.activeElement);
  const current = from >= 0 ? from : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, current + by))];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
