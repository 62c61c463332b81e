/**
 * Saved replies and templates. A "/" at the beginning of an empty field, or the button, opens the
 * list; what is typed on narrows it. A reply goes into the field, a template is looked at first.
 */
import { all, announce, freshKey, on, one, post, problemOf, toast } from "./dom";
import { refresh } from "./fragments";

let chosen = 0;

export function startReplies(): void {
  on("click", "[data-fm-replies]", () => (isOpen() ? close() : void open()));
  on("input", "#fm-write", (field) => {
    const text = (field as HTMLTextAreaElement).value;
    if (!text.startsWith("/") || text.includes("\n")) close();
    else if (isOpen()) narrow();
    else void open();
  });
  // Before the composer hears of it: Enter chooses, and does not send.
  document.addEventListener("keydown", keyed, true);
  on("click", "#fm-replies-list button", (button) => void choose(button));
  on("click", "[data-fm-unpreview]", close);
  on("click", "[data-fm-send-template]", (button) => void sendTemplate(button as HTMLButtonElement));
  document.addEventListener("fm:opened", close);
}

function box(): HTMLElement | null {
  return one("#fm-replies");
}

function isOpen(): boolean {
  return box()?.hidden === false;
}

async function open(): Promise<void> {
  const url = one("#fm-composer")?.dataset.fmRepliesUrl;
  if (!url) return;
  expand(true);
  const html = await read(url);
  if (html === null || !isOpen()) return;
  box()!.innerHTML = html;
  narrow();  // by what is in the field now: one types on while the list is on its way
}

function close(): void {
  const list = box();
  if (!list || list.hidden) return;
  list.replaceChildren();
  expand(false);
}

function expand(opened: boolean): void {
  box()!.hidden = !opened;
  for (const button of all("[data-fm-replies]")) button.setAttribute("aria-expanded", String(opened));
}

async function read(url: string): Promise<string | null> {
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
  if (answer?.ok) return answer.text();
  toast(answer ? await problemOf(answer) : "No connection.");
  close();
  return null;
}

function options(): HTMLElement[] {
  return all("#fm-replies-list [role=option]").filter(({ hidden }) => !hidden);
}

function narrow(): void {
  const text = one<HTMLTextAreaElement>("#fm-write")?.value ?? "";
  const wanted = text.startsWith("/") ? text.slice(1).trim().toLowerCase() : "";
  for (const each of all("#fm-replies-list [role=option]")) {
    each.hidden = !(one("button", each)?.dataset.fmWords ?? "").includes(wanted);
  }
  mark(0);
}

function mark(at: number): void {
  const shown = options();
  chosen = shown.length ? (at + shown.length) % shown.length : 0;
  shown.forEach((each, number) => each.setAttribute("aria-selected", String(number === chosen)));
  shown[chosen]?.scrollIntoView({ block: "nearest" });
}

function keyed(event: KeyboardEvent): void {
  if (!isOpen() || event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const picked = event.key === "Enter" ? one("button", options()[chosen]) : null;
  if (step) mark(chosen + step);
  else if (event.key === "Escape") close();
  else if (picked && options().length) void choose(picked);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

async function choose(button: HTMLElement): Promise<void> {
  const { fmTextUrl, fmPreviewUrl } = button.dataset;
  if (fmPreviewUrl) {
    const html = await read(fmPreviewUrl);
    if (html === null) return;
    box()!.innerHTML = html;
    one("[data-fm-send-template]")?.focus();
    return;
  }
  const text = await read(fmTextUrl!);
  if (text === null) return;
  const field = one<HTMLTextAreaElement>("#fm-write")!;
  close();
  field.value = (JSON.parse(text) as { text: string }).text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  announce("The saved reply is in the field.");
}

async function sendTemplate(button: HTMLButtonElement): Promise<void> {
  const form = one<HTMLFormElement>("#fm-reply");
  const template = one("#fm-preview")?.dataset.fmTemplate;
  if (!form || !template) return;
  button.disabled = true;
  const answer = await post(form.action, { key: freshKey(), template }).catch(() => null);
  if (!answer?.ok) {
    button.disabled = false;
    return toast(answer ? await problemOf(answer) : "No connection.");
  }
  close();
  const field = one<HTMLTextAreaElement>("#fm-write");
  if (field?.value.startsWith("/")) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  void refresh("fm-thread");
  void refresh("fm-listing");
}
