/**
 * Writing an answer. The bubble is there at once; its key is what makes a second press, a second
 * tab or a broken connection harmless: the server takes each key once.
 */
import { all, freshKey, isPhone, on, one, post, problemOf } from "./dom";
import { areLoading, handOver, readyFiles, startFiles } from "./files";
import { refresh } from "./fragments";
import { letGo, startQuoting, whatIsQuoted } from "./quoting";
import { toEnd } from "./thread";

interface Unsent {
  key: string;
  text: string;
  /** The id of an uploaded file, with what it is sent as and its name. */
  upload: string;
  kind: string;
  name: string;
  /** The message that is answered, and the comment that is answered in private. */
  reply_to: string;
  privately: string;
  /** When to send it, ISO 8601 in UTC; empty for now. */
  send_at: string;
}

const TYPING_MS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
let typedAt = 0;

export function startComposer(): void {
  if (!one(".fm-inbox")) return;
  on("input", "#fm-write", (field) => {
    keepDraft();
    measure(field as HTMLTextAreaElement);
    sayTyping();
  });
  on("keydown", "#fm-write", (_, event) => {
    const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    // On a phone Enter is the only way to a new line.
    if (!plain || (isPhone() && !event.ctrlKey)) return;
    event.preventDefault();
    one<HTMLFormElement>("#fm-reply")?.requestSubmit();
  });
  on("submit", "#fm-reply", (form, event) => {
    event.preventDefault();
    submit(form as HTMLFormElement);
  });
  on("click", "[data-fm-later]", () => toggleLater());
  on("input", "#fm-send-at", () => judgeTime());
  on("click", "[data-fm-again]", (button) => again(bubbleOf(button)));
  on("click", "[data-fm-drop]", (button) => drop(bubbleOf(button)));
  startQuoting();
  startFiles(() => {
    const field = one<HTMLTextAreaElement>("#fm-write");
    if (field) measure(field);
  });
  document.addEventListener("fm:opened", restore);
  document.addEventListener("fm:after-morph", ({ target }) => {
    if ((target as HTMLElement).id === "fm-thread") fill();
  });
  restore();
}

function conversation(): string {
  return one("#fm-thread")?.dataset.fmConversation ?? "";
}

// What is written, kept while the tab lives

function draftKey(): string {
  return `fm-draft:${conversation()}`;
}

function keepDraft(): void {
  const text = one<HTMLTextAreaElement>("#fm-write")?.value ?? "";
  if (text) sessionStorage.setItem(draftKey(), text);
  else sessionStorage.removeItem(draftKey());
}

/** Put the draft into a field that has just come (back) onto the page. */
function fill(): void {
  const field = one<HTMLTextAreaElement>("#fm-write");
  if (!field) return;
  if (!field.dataset.fmFilled) {
    field.dataset.fmFilled = "yes";
    field.value = sessionStorage.getItem(draftKey()) ?? field.value;
  }
  measure(field);
}

function restore(): void {
  if (!conversation()) return;
  fill();
  for (const unsent of unsentOf()) {
    const bubble = document.getElementById(bubbleId(unsent.key));
    if (bubble && bubble.dataset.fmPending === undefined) dropUnsent(conversation(), unsent.key);
    if (bubble) continue;
    show(unsent);
    if (!underWay.has(unsent.key)) fail(unsent.key, "the page was left before it was sent");
  }
}

function measure(field: HTMLTextAreaElement): void {
  const limit = Number(field.dataset.fmLimit ?? 0);
  const counter = one("#fm-letters");
  const length = lengthOf(field.value, field.dataset.fmUnit ?? "");
  const over = limit > 0 && length > limit;
  if (counter) {
    counter.textContent = `${length} / ${limit}`;
    counter.classList.toggle("fm-letters-over", over);
  }
  field.toggleAttribute("aria-invalid", over);
  const button = one<HTMLButtonElement>("#fm-send");
  if (button) button.disabled = over || areLoading() || (!field.value.trim() && !readyFiles().length);
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
}

/** Meta counts characters on one channel and bytes on another. */
function lengthOf(text: string, unit: string): number {
  return unit === "bytes" ? new TextEncoder().encode(text).length : [...text].length;
}

function sayTyping(): void {
  const url = one("#fm-composer")?.dataset.fmTypingUrl;
  if (!url || Date.now() - typedAt < TYPING_MS) return;
  typedAt = Date.now();
  post(url).catch(() => {});  // a courtesy; nothing depends on it
}

// Sending later

function laterField(): HTMLInputElement {
  return one<HTMLInputElement>("#fm-send-at")!;
}

function toggleLater(open = one("#fm-later")!.hidden): void {
  const row = one("#fm-later")!;
  const field = laterField();
  row.hidden = !open;
  field.value = open ? localTime(new Date(Date.now() + HOUR_MS)) : "";
  for (const button of all("[data-fm-later]")) button.setAttribute("aria-expanded", String(open));
  judgeTime();
  if (open) field.focus();
}

/** Say where the time is past, or later than the last moment at which one may reply. */
function judgeTime(): void {
  const field = laterField();
  const at = field.value ? new Date(field.value) : null;
  field.setCustomValidity(at && at.getTime() <= Date.now() ? "Choose a time that is yet to come." : "");
  const endsAt = one("#fm-composer")?.dataset.fmEndsAt;
  one("#fm-later-note")!.hidden = !at || !endsAt || at.getTime() < Date.parse(endsAt);
  const button = one("#fm-send");
  if (button) button.textContent = at ? "Schedule" : "Send";
}

/** What a `datetime-local` field takes: the clock on this wall, whole minutes. */
function localTime(at: Date): string {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * MINUTE_MS);
  return shifted.toISOString().slice(0, 16);
}

// Sending

function submit(form: HTMLFormElement): void {
  const field = one<HTMLTextAreaElement>("#fm-write", form)!;
  const text = field.value.trim();
  const files = readyFiles();
  if (one<HTMLButtonElement>("#fm-send")?.disabled || (!text && !files.length)) return;
  if (!laterField().reportValidity()) return;
  const sendAt = laterField().value ? new Date(laterField().value).toISOString() : "";
  // Messenger sends words and a file as two messages: the file first, as people read them.
  const parts = files.map(({ id, type, name }) => ({ text: "", upload: id, kind: type, name }));
  if (text) parts.push({ text, upload: "", kind: "", name: "" });
  parts.forEach((part, number) => {
    const answered = number ? { reply_to: "", privately: "" } : whatIsQuoted();
    send({ key: freshKey(), send_at: sendAt, ...part, ...answered }, form.action);
  });
  handOver();
  letGo();
  if (sendAt) toggleLater(false);
  field.value = "";
  keepDraft();
  measure(field);
  field.focus();
}

function send(unsent: Unsent, url: string): void {
  keepUnsent(unsent);
  show(unsent);
  toEnd();
  deliver(unsent, url);
}

// One at a time: two answers must reach the server in the order they were written.
let queue: Promise<void> = Promise.resolve();
const underWay = new Set<string>();

function deliver(unsent: Unsent, url: string): void {
  const owner = conversation();
  underWay.add(unsent.key);
  queue = queue.then(() => attempt(unsent, url, owner)).finally(() => underWay.delete(unsent.key));
}

async function attempt(unsent: Unsent, url: string, owner: string): Promise<void> {
  try {
    const answer = await post(url, { ...unsent });
    if (!answer.ok) return fail(unsent.key, await problemOf(answer));
  } catch {
    return fail(unsent.key, "no connection");
  }
  dropUnsent(owner, unsent.key);
  void refresh("fm-listing");
  void refresh("fm-thread").then(() => {
    // Taken long ago under the same key: it stands further up, not here.
    const bubble = document.getElementById(bubbleId(unsent.key));
    if (bubble?.dataset.fmPending !== undefined) bubble.remove();
  });
}

function again(bubble: HTMLElement): void {
  const unsent = unsentOf().find(({ key }) => bubbleId(key) === bubble.id);
  const form = one<HTMLFormElement>("#fm-reply");
  if (!unsent || !form) return;
  mark(bubble, true, "");
  deliver(unsent, form.action);
}

function drop(bubble: HTMLElement): void {
  dropUnsent(conversation(), bubble.dataset.fmKey!);
  bubble.remove();
  one("#fm-write")?.focus();
}

// The bubble that stands for a message the server has not confirmed yet

function bubbleId(key: string): string {
  return `fm-k-${key}`;
}

function bubbleOf(element: HTMLElement): HTMLElement {
  return element.closest<HTMLElement>(".fm-m")!;
}

function show(unsent: Unsent): void {
  const template = one<HTMLTemplateElement>("#fm-bubble")!;
  const bubble = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  bubble.id = bubbleId(unsent.key);
  bubble.dataset.fmKey = unsent.key;
  one(".fm-b", bubble)!.textContent = unsent.text || unsent.name;
  one("#fm-msgs")!.append(bubble);
}

function fail(key: string, why: string): void {
  const bubble = document.getElementById(bubbleId(key));
  if (!bubble) return;  // another conversation is open; it shows when this one is opened again
  mark(bubble, false, why);
  toEnd();
}

function mark(bubble: HTMLElement, sending: boolean, why: string): void {
  bubble.classList.toggle("fm-m-bad", !sending);
  one("[data-fm-when=sending]", bubble)!.hidden = !sending;
  one("[data-fm-when=failed]", bubble)!.hidden = sending;
  one("[data-fm-why]", bubble)!.textContent = why;
}

// Unsent answers survive a reload of the tab

function unsentKey(owner: string): string {
  return `fm-unsent:${owner}`;
}

function unsentOf(owner = conversation()): Unsent[] {
  try {
    return JSON.parse(sessionStorage.getItem(unsentKey(owner)) ?? "[]") as Unsent[];
  } catch {
    return [];
  }
}

function keepUnsent(unsent: Unsent): void {
  store(conversation(), [...unsentOf(), unsent]);
}

function dropUnsent(owner: string, key: string): void {
  store(owner, unsentOf(owner).filter((each) => each.key !== key));
}

function store(owner: string, list: Unsent[]): void {
  if (list.length) sessionStorage.setItem(unsentKey(owner), JSON.stringify(list));
  else sessionStorage.removeItem(unsentKey(owner));
}
