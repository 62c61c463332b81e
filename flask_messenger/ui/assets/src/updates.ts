/** Keeps what is on the page true: by news where the stream is there, by asking where it is not. */
import { all, one } from "./dom";
import { onReach, refresh, refreshAll, refreshFor } from "./fragments";
import { listen, type State } from "./live";

const POLL_MS = 3000;
const TICK_MS = 60_000;  // "2 min ago" and "1 h 12 m left" are the server's words: ask again each minute

const WORDS: Record<State, string> = {
  connecting: "Connecting",
  live: "Live",
  polling: "Updating every few seconds",
  offline: "No connection",
};

let stream: State = "connecting";
let reached = true;

export function startUpdates(): void {
  setInterval(pollSome, POLL_MS);
  const root = one("[data-fm-events]");
  if (!root) return;
  listen(root.dataset.fmEvents!, root.dataset.fmGroup!, {
    news: ({ type, conversation_id }) => (type === "everything" ? refreshAll() : refreshFor(type, conversation_id)),
    state(state) {
      stream = state;
      show();
    },
  });
  onReach((ok) => {
    reached = ok;
    show();
  });
  setInterval(() => {
    if (stream !== "live" || !reached) refreshAll();
  }, POLL_MS);
  setInterval(() => {
    if (!document.hidden) refreshAll();
  }, TICK_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refreshAll();
  });
  document.addEventListener("htmx:historyRestore", show);
}

/** What says of itself that it is under way is looked at until it says so no more. */
function pollSome(): void {
  if (document.hidden) return;
  for (const part of all("[data-fm-fragment][data-fm-poll]")) void refresh(part.id);
}

function show(): void {
  const state: State = reached ? stream : "offline";
  const sign = one("#fm-live");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  one(".fm-live-word", sign)!.textContent = WORDS[state];
}
