// The customer's phone: draws what the simulator streams, and sends what the customer does.
import { button, call, element, picture } from "./parts.js";
import { drawMessage } from "./chat_message.js";

const chat = document.querySelector("#chat");
const api = chat.dataset.api;
const isInstagram = chat.dataset.channel === "instagram";
const reactions = JSON.parse(chat.dataset.reactions);
const log = document.querySelector("#log");
const input = document.querySelector("#text");
const about = document.querySelector("#about");
const drawn = new Map(); // mid -> {signature, node}
let shown = null;
let typingTimer = 0;
let writing = {}; // what goes with the next message: reply_to, story, or edits (a mid)

const post = (path, body) => call(api + path, body);
const acts = { post, reactions, isInstagram, stayAtEnd, reply, edit };

function reply(message) {
  aim({ reply_to: message.mid }, `Reply to: ${message.text || "attachment"}`);
}

function edit(message) {
  aim({ edits: message.mid }, "Change your message");
  input.value = message.text;
}

function aim(target, words) {
  writing = target;
  about.querySelector("span").textContent = words;
  about.hidden = !words;
  if (words) input.focus();
}

function isAtEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function stayAtEnd() {
  if (shown && shown.atEnd) log.scrollTop = log.scrollHeight;
}

function drawTyping(milliseconds) {
  clearTimeout(typingTimer);
  document.querySelector("#typing")?.remove();
  if (milliseconds <= 0) return;
  const node = element("div", "typing");
  node.id = "typing";
  node.dataset.testid = "chat-typing";
  node.setAttribute("role", "status");
  node.append(element("i"), element("i"), element("i"), element("span", "seen-only", "Writing…"));
  log.append(node);
  typingTimer = setTimeout(() => node.remove(), milliseconds);
}

function drawQuickReplies(replies) {
  const place = document.querySelector("#quick-replies");
  place.replaceChildren(
    ...replies.map((item) => {
      const title = item.title || (item.content_type === "user_email" ? "maya@example.com" : "+1 555 0100");
      const node = button(title, () => post("/messages", { quick_reply: { title, payload: item.payload || title } }));
      node.dataset.testid = "quick-reply";
      return node;
    }),
  );
  place.hidden = replies.length === 0;
}

function tapMenu(item) {
  if (item.type === "postback") post("/postbacks", { title: item.title, payload: item.payload });
  else if (item.url) window.open(item.url, "_blank", "noreferrer");
  showSheet(null);
}

function drawProfile(profile, isNew) {
  document.querySelector("#greeting").textContent = profile.greeting;
  document.querySelector("#get-started").dataset.payload = profile.get_started || "GET_STARTED";
  const breakers = isNew ? profile.ice_breakers : [];
  document.querySelector("#get-started").hidden = isInstagram || breakers.length > 0;
  document.querySelector("#ice-breakers").replaceChildren(
    ...breakers.map((item) => {
      const node = button(item.question, () => post("/postbacks", { title: item.question, payload: item.payload }));
      node.dataset.testid = "ice-breaker";
      return node;
    }),
  );
  document.querySelector("#menu-open").hidden = profile.menu.length === 0;
  document.querySelector("#menu").replaceChildren(
    ...profile.menu.map((item) => {
      const node = button(item.title, () => tapMenu(item), "btn");
      node.dataset.testid = "menu-item";
      return node;
    }),
  );
  input.placeholder = profile.is_composer_off ? "The business switched writing off" : "Message";
}

function drawStories(stories) {
  const place = document.querySelector("#stories");
  place.hidden = stories.length === 0;
  place.replaceChildren(
    ...stories.map((story) => {
      const node = button("", () => aim({ story: story.id }, `Answer their story: ${story.text || "photo"}`), "story");
      node.append(picture(story.url, ""), element("span", "", story.text || "Story"));
      node.dataset.testid = "story";
      node.setAttribute("aria-label", `Answer the story: ${story.text || "photo"}`);
      return node;
    }),
  );
}

function draw(thread) {
  const atEnd = shown === null || isAtEnd();
  if (shown === null) {
    // Nothing can be written before it is known where to.
    for (const control of document.querySelectorAll("#write :disabled")) control.disabled = false;
  }
  shown = { ...thread, atEnd };
  document.querySelector("#not-connected").hidden = thread.is_connected;
  document.querySelector("#hello").hidden = thread.messages.length > 0;
  const kept = new Set();
  for (const message of thread.messages) {
    kept.add(message.mid);
    const signature = JSON.stringify(message);
    const before = drawn.get(message.mid);
    if (before && before.signature === signature) continue;
    const node = drawMessage(message, thread.messages, acts);
    if (before) before.node.replaceWith(node);
    else log.append(node);
    drawn.set(message.mid, { signature, node });
  }
  for (const [mid, { node }] of drawn) {
    if (!kept.has(mid)) {
      node.remove();
      drawn.delete(mid);
    }
  }
  drawTyping(thread.typing_ms);
  drawQuickReplies(thread.quick_replies);
  drawProfile(thread.profile, thread.messages.length === 0);
  drawStories(thread.stories);
  stayAtEnd();
  look();
}

function look() {
  if (shown && shown.unseen > 0 && document.visibilityState === "visible") {
    shown.unseen = 0;
    post("/seen", {});
  }
}

async function send() {
  const text = input.value.trim();
  if (!text) return;
  const { edits, ...more } = writing;
  input.value = "";
  const isSent = edits ? await post("/edits", { mid: edits, text }) : await post("/messages", { text, ...more });
  if (isSent) aim({}, "");
  else input.value = text;
}

document.querySelector("#write").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  input.focus();
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
about.querySelector("button").addEventListener("click", () => aim({}, ""));

// One of the sheets above the writing line is open at a time: photos, everything else, the menu.
const openers = [...document.querySelectorAll("[data-opens]")];
function showSheet(name) {
  for (const opener of openers) {
    const isOpen = opener.dataset.opens === name;
    document.querySelector(`#${opener.dataset.opens}`).hidden = !isOpen;
    opener.setAttribute("aria-expanded", String(isOpen));
  }
}
for (const opener of openers) {
  opener.addEventListener("click", () => showSheet(document.querySelector(`#${opener.dataset.opens}`).hidden ? opener.dataset.opens : null));
}
for (const each of document.querySelectorAll("[data-post]")) {
  each.addEventListener("click", () => {
    showSheet(null);
    post(each.dataset.post, JSON.parse(each.dataset.body));
  });
}
document.querySelector("#get-started").addEventListener("click", (event) => {
  post("/postbacks", { title: "Get Started", payload: event.currentTarget.dataset.payload });
});
document.addEventListener("visibilitychange", look);

const stream = new EventSource(`${api}/events`);
stream.addEventListener("message", (event) => draw(JSON.parse(event.data)));
stream.addEventListener("open", () => (document.querySelector("#offline").hidden = true));
stream.addEventListener("error", () => (document.querySelector("#offline").hidden = false));
