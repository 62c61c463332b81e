/** Answering one message: what is answered stands above the field until it is sent or let go. */
import { on, one } from "./dom";

export interface Quoted {
  reply_to: string;
  /** The id of a comment that is answered where only its writer reads it. */
  privately: string;
}

const NOTHING: Quoted = { reply_to: "", privately: "" };
let quoted: Quoted = NOTHING;

export function startQuoting(): void {
  on("click", "[data-fm-reply-to]", (button) => quote(button));
  on("click", "[data-fm-unquote]", () => {
    letGo();
    one("#fm-write")?.focus();
  });
  document.addEventListener("fm:opened", letGo);
}

export function whatIsQuoted(): Quoted {
  return quoted;
}

export function letGo(): void {
  quoted = NOTHING;
  const box = one("#fm-quoting");
  if (box) box.hidden = true;
}

function quote(button: HTMLElement): void {
  const box = one("#fm-quoting");
  const message = button.closest<HTMLElement>("[data-fm-message]");
  if (!box || !message) return;
  const isPrivate = button.dataset.fmReplyTo === "privately";
  const id = message.dataset.fmMessage!;
  quoted = isPrivate ? { reply_to: "", privately: id } : { reply_to: id, privately: "" };
  one("b", box)!.textContent = isPrivate ? "Only they will see it" : "Answering";
  one(".fm-quote span", box)!.textContent = one(".fm-b", message)?.textContent?.trim() ?? "what they sent";
  box.hidden = false;
  one("#fm-write")?.focus();
}
