/** The line above the inbox: what can wait is put aside until the tab is closed. */
import { all, on, one } from "./dom";

const ASIDE = "fm-aside";

export function startAttention(): void {
  on("click", "[data-fm-put-aside]", (button) => {
    const line = button.closest<HTMLElement>("[data-fm-hush]");
    if (!line) return;
    sessionStorage.setItem(ASIDE, line.dataset.fmHush!);
    hide();
    (one(".fm-row[aria-current]") ?? one(".fm-row"))?.focus();
  });
  document.addEventListener("fm:after-morph", hide);
  hide();
}

function hide(): void {
  const aside = sessionStorage.getItem(ASIDE);
  for (const line of all("[data-fm-hush]")) line.hidden = line.dataset.fmHush === aside;
}
