/** Small words for the document, used by every other file. */

export function one<T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document): T | null {
  return root.querySelector<T>(selector);
}

export function all<T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document): T[] {
  return [...root.querySelectorAll<T>(selector)];
}

/** Run `action` for each `type` event on, or inside, an element that matches `selector`. */
export function on<K extends keyof DocumentEventMap>(
  type: K,
  selector: string,
  action: (element: HTMLElement, event: DocumentEventMap[K]) => void,
): void {
  document.addEventListener(type, (event) => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
    if (element) action(element, event);
  });
}

export function csrfToken(): string {
  return one<HTMLMetaElement>('meta[name="fm-csrf"]')?.content ?? "";
}

/** Post form fields to one of our own routes; rejects only where nothing answered. */
export function post(url: string, fields: FormData | Record<string, string> = {}): Promise<Response> {
  const body = fields instanceof FormData ? fields : new URLSearchParams(fields);
  const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json" };
  return fetch(url, { method: "POST", body, headers, credentials: "same-origin" });
}

/** What went wrong, in the server's own sentence where it gave one. */
export async function problemOf(answer: Response): Promise<string> {
  if (answer.status === 401) return "You are signed out. Reload the page to sign in again.";
  try {
    const problem = (await answer.json()) as { detail?: string; title?: string };
    return problem.detail ?? problem.title ?? "That did not work.";
  } catch {
    return answer.status >= 500 ? "The server could not do that just now." : "That did not work.";
  }
}

/** Say something once at the foot of the page; also read out. */
export function toast(text: string): void {
  const region = one("#fm-toasts");
  const template = one<HTMLTemplateElement>("#fm-toast");
  if (!region || !template) return;
  const item = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  one(".fm-toast-text", item)!.textContent = text;
  region.append(item);
  setTimeout(() => item.remove(), 8000);
}

/** Let a screen reader say `text` without moving anything. */
export function announce(text: string): void {
  const region = one("#fm-announce");
  if (region) region.textContent = text;
}

export function isPhone(): boolean {
  return matchMedia("(max-width: 720px)").matches;
}

export function isWide(): boolean {
  return matchMedia("(min-width: 1181px)").matches;
}

/** A key of our own for one press of Send; crypto.randomUUID needs https, this does not. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
