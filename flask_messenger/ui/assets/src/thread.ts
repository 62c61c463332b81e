/** The open conversation: where it is scrolled, what is new in it, that it was seen. */
import { all, announce, isPhone, on, one, post } from "./dom";
import { refresh } from "./fragments";

const NEAR_PX = 60;
const MOST_LIVE = 80;
const KEPT_LIVE = 40;
const SEEN_EVERY_MS = 1000;

let wasAtEnd = true;
let lastTop = 0;
let known = new Set<string>();
let closing = 0;
let seeing = 0;

export function startThread(): void {
  if (!one(".fm-inbox")) return;
  document.addEventListener("fm:before-morph", ({ target }) => {
    if ((target as HTMLElement).id === "fm-thread") wasAtEnd = isAtEnd();
  });
  document.addEventListener("fm:after-morph", ({ target }) => {
    if ((target as HTMLElement).id === "fm-thread") settle();
  });
  document.addEventListener("htmx:beforeSwap", keepPlace);
  document.addEventListener("htmx:afterSwap", (event) => {
    if ((event.target as HTMLElement).id === "fm-thread") chosen();
  });
  document.addEventListener("htmx:historyRestore", opened);
  document.addEventListener("visibilitychange", markSeen);
  document.addEventListener("scroll", ({ target }) => {
    if (target instanceof HTMLElement && target.id === "fm-msgs") scrolled(target);
  }, true);
  on("click", "#fm-new", toEnd);
  // Pictures have no height until they are here; a reader at the end stays at the end.
  document.addEventListener("load", ({ target }) => {
    if (target instanceof HTMLImageElement && target.closest("#fm-msgs") && wasAtEnd) toEnd();
  }, true);
  opened();
}

/** Only a way up is a reader's own: what grows below them is a picture that has come. */
function scrolled(box: HTMLElement): void {
  const isUp = box.scrollTop < lastTop;
  lastTop = box.scrollTop;
  if (isAtEnd()) hideNew();
  else if (isUp) wasAtEnd = false;
}

/** A keyboard comes up, or what is written grows: a reader at the end stays at the end. */
const shrinking = new ResizeObserver(() => {
  if (wasAtEnd) toEnd();
});

/** Somebody chose a conversation in the list. */
function chosen(): void {
  const byKeyOrClick = document.activeElement?.closest(".fm-rows");
  one(".fm-inbox")!.dataset.pane = "thread";
  opened();
  if (!isPhone() && byKeyOrClick) one("#fm-write")?.focus();
}

/** A conversation has come onto the page, by a click, a key, or with the page itself. */
function opened(): void {
  const thread = one("#fm-thread");
  if (!thread?.dataset.fmConversation) return;
  known = idsOnPage();
  toEnd();
  shrinking.disconnect();
  shrinking.observe(one("#fm-msgs")!);
  watchClosing();
  markSeen();
  document.dispatchEvent(new CustomEvent("fm:opened"));
}

function settle(): void {
  const fresh = all("[data-fm-message]").filter(({ dataset }) => !known.has(dataset.fmMessage!));
  known = idsOnPage();
  nameDaysOnce();
  const inbound = fresh.filter((message) => message.classList.contains("fm-m-in"));
  for (const message of inbound) announce(`${who()}: ${one(".fm-b", message)?.textContent?.trim() ?? "attachment"}`);
  retire();
  if (wasAtEnd) toEnd();
  else if (inbound.length) one("#fm-new")!.hidden = false;
  watchClosing();
  markSeen();
}

/**
 * Move what is long past out of what is fetched again: a busy conversation stays quick.
 *
 * It stays where it stands on the page. Without their ids the names of days are not taken back.
 */
function retire(): void {
  const older = one("#fm-older");
  const live = all("#fm-msgs > [data-fm-message]");
  const first = live.length > MOST_LIVE ? live[live.length - KEPT_LIVE] : null;
  if (!older || !first) return;
  for (let next = older.nextElementSibling; next && next !== first; next = older.nextElementSibling) {
    if (next.matches(".fm-day")) next.removeAttribute("id");
    older.append(next);
  }
  nameDaysOnce();
}

/** Older messages may end within the day the newer ones begin with: its name stands once. */
function nameDaysOnce(): void {
  let last = "";
  for (const day of all("#fm-msgs .fm-day")) {
    const name = day.textContent ?? "";
    day.hidden = name === last;
    last = name;
  }
}

function who(): string {
  return one("#fm-thread-name")?.textContent?.trim() ?? "";
}

function idsOnPage(): Set<string> {
  return new Set(all("[data-fm-message]").map(({ dataset }) => dataset.fmMessage!));
}

export function toEnd(): void {
  const box = one("#fm-msgs");
  if (box) {
    box.scrollTop = box.scrollHeight;
    lastTop = box.scrollTop;
  }
  wasAtEnd = true;
  hideNew();
}

function isAtEnd(): boolean {
  const box = one("#fm-msgs");
  return !box || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
}

function hideNew(): void {
  wasAtEnd = true;
  const button = one("#fm-new");
  if (button) button.hidden = true;
}

/** Older messages come in above: what was under the eye stays there. */
function keepPlace(event: Event): void {
  const box = one("#fm-msgs");
  if (!box || !(event.target instanceof Element) || !event.target.closest("#fm-older")) return;
  const fromEnd = box.scrollHeight - box.scrollTop;
  document.addEventListener("htmx:afterSwap", () => {
    nameDaysOnce();
    box.scrollTop = box.scrollHeight - fromEnd;
    known = idsOnPage();
  }, { once: true });
}

/** When the window closes the composer says so, by itself and on time. */
function watchClosing(): void {
  clearTimeout(closing);
  const closesAt = one("#fm-composer")?.dataset.fmClosesAt;
  if (!closesAt) return;
  const wait = Date.parse(closesAt) - Date.now();
  const longest = 2 ** 31 - 1;  // setTimeout overflows at 24.8 days
  if (wait > 0 && wait < longest) closing = window.setTimeout(() => void refresh("fm-thread"), wait + 500);
}

let seenAt = -SEEN_EVERY_MS;

function markSeen(): void {
  clearTimeout(seeing);
  const wait = SEEN_EVERY_MS - (performance.now() - seenAt);
  if (wait > 0) {
    seeing = window.setTimeout(markSeen, wait);
    return;
  }
  const thread = one("#fm-thread");
  const url = thread?.dataset.fmSeenUrl;
  if (!thread || !url || document.hidden || !Number(thread.dataset.fmUnread)) return;
  if (!thread.getClientRects().length) return;
  thread.dataset.fmUnread = "0";
  seenAt = performance.now();
  post(url).then(
    () => refresh("fm-listing"),
    () => { thread.dataset.fmUnread = "1"; },
  );
}
