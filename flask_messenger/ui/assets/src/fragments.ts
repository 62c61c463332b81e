/**
 * Parts of the page that are fetched again when something happened.
 *
 * An element with an id and `data-fm-fragment="<address>"` is one. Its address answers with the
 * element itself; what differs is morphed in, so focus, scroll and half-written text stay.
 */
import htmx from "htmx.org";
import { Idiomorph } from "idiomorph";
import { all } from "./dom";

interface Run {
  again: boolean;
  done: Promise<void>;
}

const runs = new Map<string, Run>();
const tags = new Map<string, { url: string; tag: string }>();
const waiting = new Set<string>();
const GAP_VISIBLE_MS = 60;
const GAP_HIDDEN_MS = 2000;

let reportReach: (reached: boolean) => void = () => {};

/** Tell `listener` after each fetch whether the server could be reached. */
export function onReach(listener: (reached: boolean) => void): void {
  reportReach = listener;
}

/**
 * Fetch `id` again: now, or once more right after the fetch that is under way.
 *
 * Settles when a fetch that began after this call is on the page.
 */
export function refresh(id: string): Promise<void> {
  const running = runs.get(id);
  if (running) {
    running.again = true;
    return running.done;
  }
  const run: Run = { again: false, done: Promise.resolve() };
  runs.set(id, run);
  run.done = repeat(id, run).finally(() => runs.delete(id));
  return run.done;
}

async function repeat(id: string, run: Run): Promise<void> {
  do {
    run.again = false;
    const started = performance.now();
    await load(id);
    const took = performance.now() - started;
    // A server that is slow to answer is asked less often.
    const gap = document.hidden ? GAP_HIDDEN_MS : Math.max(GAP_VISIBLE_MS, 1.5 * took);
    if (run.again) await rest(gap - took);
  } while (run.again);
}

/** Fetch again every part that listens to `type`, and, where it is about one conversation, to that one. */
export function refreshFor(type: string, conversationId?: string): void {
  for (const element of all("[data-fm-fragment]")) {
    const types = (element.dataset.fmOn ?? "").split(" ");
    const own = element.dataset.fmConversation;
    const concerned = types.includes(type) && (!own || !conversationId || own === conversationId);
    if (concerned && element.id && isShown(element)) void refreshLater(element.id, Number(element.dataset.fmDelay ?? 0));
  }
}

/** What the host knows of a person follows a little after the message that changed it. */
async function refreshLater(id: string, delay: number): Promise<void> {
  if (delay) {
    if (waiting.has(id)) return;
    waiting.add(id);
    await rest(delay);
    waiting.delete(id);
  }
  await refresh(id);
}

export function refreshAll(): void {
  for (const element of all("[data-fm-fragment]")) if (element.id && isShown(element)) void refresh(element.id);
}

function isShown(element: HTMLElement): boolean {
  return element.dataset.fmAlways !== undefined || element.getClientRects().length > 0;
}

async function load(id: string): Promise<void> {
  const element = document.getElementById(id);
  const url = element?.dataset.fmFragment;
  if (!element || !url) return;
  const full = withGrowth(element, url);
  const known = tags.get(id);
  const headers: Record<string, string> = { "HX-Request": "true" };
  if (known?.url === full) headers["If-None-Match"] = known.tag;
  let answer: Response;
  try {
    answer = await fetch(full, { headers, cache: "no-store", credentials: "same-origin" });
  } catch {
    reportReach(false);
    return;
  }
  reportReach(true);
  if (answer.status === 401) location.reload();
  if (answer.status !== 200) return;
  const html = await answer.text();
  const now = document.getElementById(id);
  // Another conversation or filter was chosen meanwhile: this answer is about the old one.
  if (!now || now.dataset.fmFragment !== url) return;
  const tag = answer.headers.get("ETag");
  if (tag) tags.set(id, { url: full, tag });
  replace(now, html);
}

/** Ask for as much as is on the page, which may be more than a first page after "Load older". */
function withGrowth(element: HTMLElement, url: string): string {
  const address = new URL(url, location.href);
  const rows = all(".fm-row", element).length;
  if (rows) address.searchParams.set("rows", String(rows));
  const oldest = all("[data-fm-message]", element).find((message) => !message.closest("#fm-older"));
  if (oldest) address.searchParams.set("from", oldest.dataset.fmMessage!);
  return address.href;
}

function replace(element: HTMLElement, html: string): void {
  const id = element.id;
  element.dispatchEvent(new CustomEvent("fm:before-morph", { bubbles: true }));
  // A part may come alone or within its whole page.
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  if (!fresh) return;
  Idiomorph.morph(element, fresh, { morphStyle: "outerHTML", callbacks });
  const now = document.getElementById(id);
  if (!now) return;
  htmx.process(now);
  now.dispatchEvent(new CustomEvent("fm:after-morph", { bubbles: true }));
}

const callbacks = {
  beforeNodeMorphed: (old: Node, fresh: Node): boolean =>
    !(old instanceof HTMLElement && fresh instanceof HTMLElement && fresh.dataset.fmKeep !== undefined && old.id === fresh.id),
  // A message the server has not heard of yet stays until its answer comes.
  beforeNodeRemoved: (node: Node): boolean => !(node instanceof HTMLElement && node.dataset.fmPending !== undefined),
  // What the person opened stays open, and a picture that did not load stays away.
  beforeAttributeUpdated: (name: string, element: Element): boolean =>
    !(name === "open" && (element instanceof HTMLDetailsElement || element instanceof HTMLDialogElement)) &&
    !(name === "hidden" && element instanceof HTMLImageElement),
};

/** Forget what is known of `id`, so that the next fetch brings it whole. */
export function forget(id: string): void {
  tags.delete(id);
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
