// One message on the phone: its words, files and templates, and what the customer can do with it.
import { button, element, isWeb, link, picture, time } from "./parts.js";
import { drawTemplate } from "./chat_templates.js";

const CARDS = { post: "Post", ig_post: "Instagram post", reel: "Reel", ig_reel: "Reel", share: "Shared post", fallback: "Link" };

function drawFile(file, stayAtEnd) {
  const payload = file.payload || {};
  const url = payload.url || file.url;
  if (file.type === "sticker" || (file.type === "image" && payload.sticker_id)) {
    return picture(url, "Sticker", "sticker");
  }
  if (["image", "story_mention", "ephemeral", "media"].includes(file.type) && isWeb(url)) {
    const image = picture(url, file.type === "story_mention" ? "Your story" : "Photo", "photo");
    image.addEventListener("load", stayAtEnd);
    return image;
  }
  if ((file.type === "audio" || file.type === "video") && isWeb(url)) {
    const player = element(file.type, "photo");
    player.src = url;
    player.controls = true;
    return player;
  }
  if (CARDS[file.type]) {
    const card = element("div", "tapcard");
    const isPicture = ["post", "ig_post", "share"].includes(file.type);
    if (isPicture && isWeb(url)) card.append(picture(url, ""));
    const words = element("div", "words", payload.title || file.title || "Link");
    words.append(element("div", "muted", CARDS[file.type]));
    card.append(words, link("Open", url));
    return card;
  }
  if (file.type === "location") {
    const { lat, long } = payload.coordinates || {};
    return element("div", "bubble", `${file.title || "Location"} · ${lat}, ${long}`);
  }
  if (file.type === "appointment_booking") {
    const when = new Date(payload.start_time * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    return element("div", "bubble", `Appointment ${payload.status} · ${when}`);
  }
  if (file.type === "like_heart") return element("div", "big", "❤️");
  if (file.type === "MEDIA_SHARE") return element("div", "bubble", "A post of ours");
  if (!isWeb(url)) return element("div", "bubble", `Attachment: ${file.type}`);
  return link(`File: ${String(url).split("/").pop()}`, url, "bubble file");
}

function drawTools(message, acts) {
  const tools = element("div", "tools");
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "What to do with this message");
  for (const [name, emoji] of Object.entries(acts.reactions)) {
    const each = button(emoji, () => acts.post("/reactions", message.reaction === emoji ? { mid: message.mid } : { mid: message.mid, reaction: name }));
    each.setAttribute("aria-label", `React: ${name}`);
    each.dataset.testid = `react-${name}`;
    tools.append(each);
  }
  tools.append(named(button("Reply", () => acts.reply(message)), "tool-reply"));
  if (message.direction === "in" && message.kind === "message") {
    if (message.text !== null) tools.append(named(button("Edit", () => acts.edit(message)), "tool-edit"));
    tools.append(named(button("Unsend", () => acts.post("/unsends", { mid: message.mid })), "tool-unsend"));
  }
  if (message.direction === "out" && !acts.isInstagram) {
    tools.append(named(button("Good answer", () => acts.post("/response-feedback", { mid: message.mid, good: true })), "tool-good"));
    tools.append(named(button("Bad answer", () => acts.post("/response-feedback", { mid: message.mid, good: false })), "tool-bad"));
  }
  return tools;
}

function named(node, testid) {
  node.dataset.testid = testid;
  return node;
}

function drawAbove(message, all) {
  const nodes = [];
  if (message.persona) nodes.push(element("div", "meta", message.persona));
  if (message.is_private_reply) nodes.push(element("div", "meta", "Answers your comment"));
  if (message.reply_to) {
    const target = all.find((other) => other.mid === message.reply_to);
    nodes.push(element("div", "quote clip", (target && target.text) || "Earlier message"));
  }
  if (message.story) {
    const quote = element("div", "quote", "You answered their story");
    if (isWeb(message.story.url)) quote.append(picture(message.story.url, "", "storyshot"));
    nodes.push(quote);
  }
  if (message.referral) {
    const from = message.referral.ads_context_data ? `From the ad “${message.referral.ads_context_data.ad_title}”` : "From a link";
    nodes.push(element("div", "quote clip", from));
  }
  return nodes;
}

export function drawMessage(message, all, acts) {
  const node = element("div", `m ${message.direction}${message.is_tap ? " tap" : ""}`);
  node.dataset.testid = "chat-message";
  node.dataset.mid = message.mid;
  node.dataset.direction = message.direction;
  node.dataset.state = message.state;
  if (message.is_unsent) {
    node.append(element("div", "bubble gone", "You unsent a message"));
    return node;
  }
  node.append(...drawAbove(message, all));
  if (message.is_unsupported) node.append(element("div", "bubble gone", "Something that apps cannot show"));
  if (message.text !== null) node.append(element("div", "bubble", message.text));
  node.append(...message.files.map((file) => drawFile(file, acts.stayAtEnd)));
  for (const template of message.templates) node.append(...drawTemplate(template, acts.post));
  if (message.reaction) node.append(element("span", "react", message.reaction));
  if (message.business_reaction) node.append(element("span", "react", message.business_reaction));
  if (message.direction === "out") {
    node.addEventListener("dblclick", () => {
      acts.post("/reactions", { mid: message.mid, reaction: message.reaction ? null : "love" });
    });
  }
  const meta = element("div", "meta", time(message.sent_at));
  if (message.edits) meta.append(element("span", "", "Edited"));
  if (message.direction === "in") {
    const state = element("span", "", message.state === "seen" ? "Seen" : "Sent");
    state.dataset.testid = "chat-state";
    meta.append(state);
  } else if (message.is_from_page_inbox) {
    meta.append(element("span", "", acts.isInstagram ? "Instagram app" : "Page inbox"));
  }
  const more = button("···", () => {
    const open = node.querySelector(".tools");
    if (open) open.remove();
    else meta.after(drawTools(message, acts));
    more.setAttribute("aria-expanded", String(!open));
    acts.stayAtEnd();
  }, "more");
  more.setAttribute("aria-label", "More for this message");
  more.setAttribute("aria-expanded", "false");
  more.dataset.testid = "message-more";
  meta.append(more);
  node.append(meta);
  return node;
}
