/**
 * Files for the answer that is being written: chosen, dropped or pasted, uploaded at once, and shown
 * in a tray until they are sent. What failed says why and can be taken out.
 */
import { announce, csrfToken, freshKey, on, one, post, problemOf } from "./dom";

export interface Upload {
  id: string;
  type: string;
  name: string;
  url: string;
  picture_url: string | null;
}

interface Item {
  key: string;
  element: HTMLElement;
  request: XMLHttpRequest | null;
  upload: Upload | null;
}

const MOST = 10;
let items: Item[] = [];
let owner = "";
let changed: () => void = () => {};

export function startFiles(whenChanged: () => void): void {
  changed = whenChanged;
  on("click", "[data-fm-attach]", () => one<HTMLInputElement>("#fm-files")?.click());
  on("change", "#fm-files", (field) => {
    const input = field as HTMLInputElement;
    take([...(input.files ?? [])]);
    input.value = "";
  });
  on("paste", "#fm-write", (_, event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  for (const type of ["dragover", "dragleave", "drop"] as const) on(type, "#fm-thread", dragged);
  on("click", "[data-fm-untake]", (button) => remove(button.closest<HTMLElement>(".fm-tray-item")!.dataset.fmKey!));
  document.addEventListener("fm:opened", () => {
    const now = one("#fm-thread")?.dataset.fmConversation ?? "";
    if (now !== owner) clear();
    owner = now;
  });
}

/** Whether a file is still on its way: Send waits for it. */
export function areLoading(): boolean {
  return items.some(({ request }) => request !== null);
}

export function readyFiles(): Upload[] {
  return items.flatMap(({ upload }) => (upload ? [upload] : []));
}

/** The files belong to messages now. */
export function handOver(): void {
  items = items.filter((item) => {
    if (item.upload) item.element.remove();
    return !item.upload;
  });
  show();
}

function dragged(thread: HTMLElement, event: DragEvent): void {
  if (!event.dataTransfer?.types.includes("Files") || !one("#fm-files")) return;
  event.preventDefault();
  const left = event.type === "dragleave" && !thread.contains(event.relatedTarget as Node | null);
  thread.classList.toggle("fm-dropping", event.type === "dragover" || (event.type === "dragleave" && !left));
  if (event.type === "drop") take([...event.dataTransfer.files]);
}

function take(files: File[]): void {
  for (const file of files.slice(0, Math.max(0, MOST - items.length))) begin(file);
  if (files.length) one("#fm-write")?.focus();
}

function begin(file: File): void {
  const template = one<HTMLTemplateElement>("#fm-tray-item");
  const url = one("#fm-composer")?.dataset.fmUploadUrl;
  if (!template || !url) return;
  const element = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  const item: Item = { key: freshKey(), element, request: new XMLHttpRequest(), upload: null };
  element.dataset.fmKey = item.key;
  one(".fm-tray-name", element)!.textContent = file.name;
  if (file.type.startsWith("image/")) preview(element, URL.createObjectURL(file));
  items.push(item);
  one("#fm-tray")!.append(element);
  upload(item, file, url);
  show();
}

/** `fetch` tells nothing of how far an upload is; this does. */
function upload(item: Item, file: File, url: string): void {
  const request = item.request!;
  const bar = one<HTMLProgressElement>("progress", item.element)!;
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? loaded / total : 0;
  });
  request.addEventListener("loadend", () => void finish(item, request));
  request.open("POST", url);
  request.setRequestHeader("X-CSRFToken", csrfToken());
  request.setRequestHeader("Accept", "application/json");
  const form = new FormData();
  form.append("file", file);
  request.send(form);
}

async function finish(item: Item, request: XMLHttpRequest): Promise<void> {
  item.request = null;
  one("progress", item.element)!.hidden = true;
  if (request.status === 201) {
    item.upload = JSON.parse(request.responseText) as Upload;
    announce(`${item.upload.name} is attached`);
  } else if (request.status) {
    const answer = new Response(request.responseText, { status: Math.max(400, request.status) });
    fail(item, await problemOf(answer));
  } else {
    fail(item, "no connection");
  }
  show();
}

function fail(item: Item, why: string): void {
  item.element.classList.add("fm-tray-bad");
  one(".fm-tray-why", item.element)!.textContent = why;
  announce(`${one(".fm-tray-name", item.element)!.textContent}: ${why}`);
}

function preview(element: HTMLElement, source: string): void {
  const picture = one<HTMLImageElement>("img", element)!;
  picture.addEventListener("load", () => URL.revokeObjectURL(source), { once: true });
  picture.src = source;
  picture.hidden = false;
  one("svg", element)?.setAttribute("hidden", "");
}

function remove(key: string): void {
  const item = items.find((each) => each.key === key);
  if (!item) return;
  item.request?.abort();
  const drop = one("#fm-composer")?.dataset.fmUploadUrl;
  if (item.upload && drop) post(`${drop}/${item.upload.id}/remove`).catch(() => {});  // it ends by itself, too
  item.element.remove();
  items = items.filter((each) => each !== item);
  show();
  one("#fm-write")?.focus();
}

function clear(): void {
  for (const { request, element } of items) {
    request?.abort();
    element.remove();
  }
  items = [];
  show();
}

function show(): void {
  const tray = one("#fm-tray");
  if (tray) tray.hidden = !items.length;
  changed();
}
