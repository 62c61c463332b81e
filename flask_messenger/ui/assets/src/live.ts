/**
 * News from the server, as server-sent events, shared by all tabs of one browser.
 *
 * A browser opens six connections to one host at most; six inbox tabs would leave none for
 * sending. So one tab holds the stream (Web Locks decide which; the next takes over when it
 * closes) and tells the others. Where the browser cannot, each tab has its own stream.
 */
export type State = "connecting" | "live" | "polling" | "offline";

export interface News {
  type: string;
  conversation_id?: string;
  account_id?: string;
}

interface Listener {
  news(news: News): void;
  state(state: State): void;
}

type Note = { kind: "news"; news: News } | { kind: "state"; state: State } | { kind: "hello" };

const TYPES = ["message", "status", "conversation", "account", "outage"];
const BEAT_MS = 10_000;
const SILENCE_MS = 90_000;

/** Begin to listen at `url`; tabs with the same `group` share one stream. */
export function listen(url: string, group: string, listener: Listener): void {
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    new Stream(url, listener).open();
    return;
  }
  const channel = new BroadcastChannel(group);
  const watch = new Watch(listener);
  channel.onmessage = ({ data }: MessageEvent<Note>) => watch.heard(data);
  channel.postMessage({ kind: "hello" } satisfies Note);
  void navigator.locks.request(group, () => {
    watch.stop();
    lead(url, channel, listener);
    return new Promise<never>(() => {});  // held until the tab closes
  });
}

function lead(url: string, channel: BroadcastChannel, listener: Listener): void {
  let last: State = "connecting";
  const tell = (note: Note): void => channel.postMessage(note);
  const stream = new Stream(url, {
    news(news) {
      listener.news(news);
      tell({ kind: "news", news });
    },
    state(state) {
      last = state;
      listener.state(state);
      tell({ kind: "state", state });
    },
  });
  channel.onmessage = ({ data }: MessageEvent<Note>) => {
    if (data.kind === "hello") tell({ kind: "state", state: last });
  };
  setInterval(() => tell({ kind: "state", state: last }), BEAT_MS);
  stream.open();
}

/** A tab that follows another: passes on what it hears, and stops trusting a long silence. */
class Watch {
  private timer = 0;

  constructor(private readonly listener: Listener) {
    this.wind();
  }

  heard(note: Note): void {
    this.wind();
    if (note.kind === "news") this.listener.news(note.news);
    if (note.kind === "state") this.listener.state(note.state);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private wind(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.listener.state("polling"), SILENCE_MS);
  }
}

class Stream {
  private source: EventSource | null = null;
  private failures = 0;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {}

  open(): void {
    const source = new EventSource(this.url);
    this.source = source;
    source.onerror = () => this.lost();
    source.addEventListener("live", () => this.alive());
    source.addEventListener("away", () => this.listener.state("polling"));
    source.addEventListener("again", () => this.renew(source));
    for (const type of TYPES) {
      source.addEventListener(type, (event) => this.listener.news({ ...parse(event.data), type }));
    }
  }

  /** What happened while we were not listening is unknown: look at everything once. */
  private alive(): void {
    this.failures = 0;
    this.listener.state("live");
    this.listener.news({ type: "everything" });
  }

  /** The server ends each stream after some minutes, to ask again who is here: nothing is wrong. */
  private renew(source: EventSource): void {
    source.close();
    this.open();
  }

  private lost(): void {
    this.listener.state("polling");
    if (this.source?.readyState !== EventSource.CLOSED) return;  // the browser tries again by itself
    this.failures += 1;
    const seconds = Math.min(30, 2 ** this.failures) * (0.75 + Math.random() / 2);
    setTimeout(() => this.open(), seconds * 1000);
  }
}

function parse(text: string): Omit<News, "type"> {
  try {
    return JSON.parse(text) as Omit<News, "type">;
  } catch {
    return {};
  }
}
