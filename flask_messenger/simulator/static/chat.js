// The customer's phone: draws what the simulator streams, and sends what the customer does.
const chat = document.querySelector("#chat");
const api = chat.dataset.api;
const log = document.querySelector("#log");
const input = document.querySelector("#text");
const drawn = new Map(); // mid -> {signature, node}
let shown = null;
let typingTimer = 0;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

async function post(path, body) {
  const problem = document.querySelector("#problem");
  try {
    const answer = await fetch(api + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = answer.ok ? "" : (await answer.json()).problem;
    problem.textContent = told;
    problem.hidden = !told;
    return answer.ok;
  } catch {
    problem.textContent = "Not sent: the simulator does not answer.";
    problem.hidden = false;
    return false;
  }
}

function time(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function isWeb(url) {
  return /^https?:\/\//i.test(url || "");
}

function drawFile(file) {
  const url = file.payload && file.payload.url;
  if (file.type === "image" && isWeb(url)) {
    const image = element("img", "photo");
    image.src = url;
    image.alt = "Photo";
    image.addEventListener("load", stayAtEnd);
    return image;
  }
  if ((file.type === "audio" || file.type === "video") && isWeb(url)) {
    const player = element(file.type, "photo");
    player.src = url;
    player.controls = true;
    return player;
  }
  const link = element("a", "bubble file", `File: ${String(url).split("/").pop()}`);
  if (isWeb(url)) {
    link.href = url;
    link.rel = "noreferrer";
    link.target = "_blank";
  }
  return link;
}

function drawButton(button) {
  if (button.type === "postback") {
    const node = element("button", "", button.title);
    node.type = "button";
    node.dataset.testid = "chat-button";
    node.addEventListener("click", () => {
      post("/postbacks", { title: button.title, payload: button.payload });
    });
    return node;
  }
  const node = element("a", "", button.title);
  node.dataset.testid = "chat-button";
  if (button.type === "web_url" && isWeb(button.url)) {
    node.href = button.url;
    node.rel = "noreferrer";
    node.target = "_blank";
  }
  return node;
}

function drawCards(template) {
  const cards = template.elements || [{ title: template.text, buttons: template.buttons }];
  return cards.map((card) => {
    const node = element("div", "tapcard");
    if (isWeb(card.image_url)) {
      const image = element("img");
      image.src = card.image_url;
      image.alt = "";
      node.append(image);
    }
    const words = element("div", "words", card.title);
    if (card.subtitle) words.append(element("div", "muted", card.subtitle));
    node.append(words, ...(card.buttons || []).map(drawButton));
    return node;
  });
}

function drawMessage(message, all) {
  const node = element("div", `m ${message.direction}${message.is_tap ? " tap" : ""}`);
  node.dataset.testid = "chat-message";
  node.dataset.mid = message.mid;
  node.dataset.direction = message.direction;
  node.dataset.state = message.state;
  if (message.reply_to) {
    const target = all.find((other) => other.mid === message.reply_to);
    node.append(element("div", "quote clip", (target && target.text) || "Earlier message"));
  }
  if (message.text !== null) node.append(element("div", "bubble", message.text));
  node.append(...message.files.map(drawFile));
  for (const template of message.templates) node.append(...drawCards(template));
  if (message.reaction) node.append(element("span", "react", message.reaction));
  if (message.direction === "out") {
    node.addEventListener("dblclick", () => {
      post("/reactions", { mid: message.mid, reaction: message.reaction ? null : "love" });
    });
  }
  const meta = element("div", "meta", time(message.sent_at));
  if (message.direction === "in") {
    const state = element("span", "", message.state === "seen" ? "Seen" : "Sent");
    state.dataset.testid = "chat-state";
    meta.append(state);
  } else if (message.is_from_page_inbox) {
    meta.append(element("span", "", "Page inbox"));
  }
  node.append(meta);
  return node;
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
    ...replies.map((reply) => {
      const title = reply.title || (reply.content_type === "user_email" ? "maya@example.com" : "+1 555 0100");
      const node = element("button", "", title);
      node.type = "button";
      node.dataset.testid = "quick-reply";
      node.addEventListener("click", () => {
        post("/messages", { quick_reply: { title, payload: reply.payload || title } });
      });
      return node;
    }),
  );
  place.hidden = replies.length === 0;
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
    const node = drawMessage(message, thread.messages);
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
  input.value = "";
  if (!(await post("/messages", { text }))) input.value = text;
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
const photoOpen = document.querySelector("#photo-open");
const photos = document.querySelector("#photos");
function showPhotos(visible) {
  photos.hidden = !visible;
  photoOpen.setAttribute("aria-expanded", String(visible));
}
photoOpen.addEventListener("click", () => showPhotos(photos.hidden));
for (const button of photos.querySelectorAll("[data-photo]")) {
  button.addEventListener("click", () => {
    showPhotos(false);
    post("/messages", { photo: button.dataset.photo });
  });
}
document.querySelector("#get-started").addEventListener("click", () => {
  post("/postbacks", { title: "Get Started", payload: "GET_STARTED" });
});
document.addEventListener("visibilitychange", look);

const stream = new EventSource(`${api}/events`);
stream.addEventListener("message", (event) => draw(JSON.parse(event.data)));
stream.addEventListener("open", () => (document.querySelector("#offline").hidden = true));
stream.addEventListener("error", () => (document.querySelector("#offline").hidden = false));
