// The posts of an account: draws what the simulator streams, and comments as the chosen customer.
import { button, call, element, picture, time } from "./parts.js";

const place = document.querySelector("#posts");
const api = place.dataset.api;
const who = document.querySelector("#who");
const list = document.querySelector("#list");
const KINDS = { post: "Post", photo: "Photo", video: "Video", reel: "Reel", story: "Story", live: "Live video", ad: "Ad" };
const drawn = new Map(); // post id -> {signature, node, comments}

function drawComment(post, comment) {
  const node = element("div", `comment${comment.parent_id ? " answer" : ""}${comment.is_hidden ? " hidden" : ""}`);
  node.dataset.testid = "comment";
  node.dataset.id = comment.id;
  const face = comment.customer ? picture(`/pictures/avatars/${comment.customer}.png`, "", "avatar s") : element("span", "avatar s ring");
  const said = element("div", "said");
  said.append(element("div", "strong", comment.name), element("div", "", comment.text));
  const acts = element("div", "acts small muted");
  const state = [time(comment.created_at), comment.is_edited && "edited", comment.is_hidden && "hidden by the business", comment.has_private_reply && "answered in private"];
  acts.append(element("span", "", state.filter(Boolean).join(" · ")));
  acts.append(button("Answer", () => answer(post, comment), "btn link"));
  if (comment.customer === who.value) {
    acts.append(
      button("Edit", () => change(comment), "btn link"),
      button("Remove", () => call(`${api}/comments/${comment.id}`, {}, "DELETE"), "btn link"),
    );
  }
  const right = element("div");
  right.append(said, acts);
  node.append(face, right);
  return node;
}

function change(comment) {
  const text = window.prompt("Your comment", comment.text);
  if (text) call(`${api}/comments/${comment.id}`, { text }, "PATCH");
}

function answer(post, comment) {
  const form = drawn.get(post.id).node.querySelector("form");
  form.dataset.parent = comment.parent_id || comment.id;
  const field = form.elements.text;
  field.placeholder = `Answer ${comment.name}`;
  field.focus();
}

function drawForm(post) {
  const form = element("form");
  const field = element("input", "grow");
  field.type = "text";
  field.name = "text";
  field.autocomplete = "off";
  field.placeholder = "Comment";
  field.setAttribute("aria-label", "Your comment");
  field.dataset.testid = "comment-text";
  const sends = element("button", "btn", "Send");
  sends.dataset.testid = "comment-send";
  form.append(field, sends);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    const body = { customer: who.value, text };
    if (form.dataset.parent) body.parent = form.dataset.parent;
    if (!(await call(`${api}/posts/${post.id}/comments`, body))) return;
    field.value = "";
    field.placeholder = "Comment";
    delete form.dataset.parent;
  });
  return form;
}

function ordered(comments) {
  const answers = (id) => comments.filter((each) => each.parent_id === id);
  const tops = comments.filter((each) => !each.parent_id || !comments.some((other) => other.id === each.parent_id));
  return tops.flatMap((each) => [each, ...answers(each.id)]);
}

function drawHead(post) {
  const head = element("div", "head");
  const words = element("div", "grow");
  words.append(element("div", "strong", post.visitor || document.querySelector("h1").textContent), element("div", "small muted", time(post.created_at)));
  head.append(words, element("span", `pill${post.kind === "live" && !post.has_ended ? " bad" : ""}`, post.kind === "live" ? (post.has_ended ? "Was live" : "Live") : KINDS[post.kind]));
  if ((post.kind === "live" || post.kind === "story") && !post.has_ended) {
    head.append(button("End", () => call(`${api}/posts/${post.id}/end`, {}), "btn"));
  } else {
    head.append(button("Like", () => call(`${api}/posts/${post.id}/reactions`, { customer: who.value, reaction: "like" }), "btn"));
  }
  return head;
}

function drawPost(post) {
  const node = element("article", "post");
  node.dataset.testid = "post";
  node.dataset.id = post.id;
  const comments = element("div", "comments");
  node.append(drawHead(post));
  if (post.text || post.ad_title) node.append(element("div", "words", [post.ad_title, post.text].filter(Boolean).join("\n")));
  if (post.picture) node.append(picture(`/pictures/photos/${post.picture}.png`, ""));
  node.append(comments);
  const canComment = post.kind !== "story" && !(post.kind === "live" && post.has_ended);
  if (canComment) node.append(drawForm(post));
  return { node, comments };
}

let latest = [];
function draw(posts) {
  latest = posts;
  document.querySelector("#none").hidden = posts.length > 0;
  for (const post of posts) {
    const signature = JSON.stringify({ ...post, comments: 0 });
    let known = drawn.get(post.id);
    if (!known || known.signature !== signature) {
      const made = drawPost(post);
      if (known) known.node.replaceWith(made.node);
      known = { ...made, signature };
      drawn.set(post.id, known);
    }
    known.comments.hidden = post.comments.length === 0;
    known.comments.replaceChildren(...ordered(post.comments).map((each) => drawComment(post, each)));
  }
  const wanted = posts.map((post) => drawn.get(post.id).node);
  // Only where the order changed: moving a node would take the focus from what is being written.
  if (wanted.some((node, index) => list.children[index] !== node) || list.children.length !== wanted.length) {
    list.replaceChildren(...wanted);
  }
}

who.addEventListener("change", () => {
  const toChat = document.querySelector("#to-chat");
  toChat.href = toChat.dataset.base + who.value;
  draw(latest);
});
for (const each of document.querySelectorAll("[data-act]")) {
  each.addEventListener("click", () => call(`${api}/${each.dataset.act}`, JSON.parse(each.dataset.body)));
}
document.querySelector("#publish").addEventListener("submit", (event) => {
  event.preventDefault();
  const { kind, picture: photo, text, by } = event.currentTarget.elements;
  const body = { kind: kind.value, text: text.value };
  if (photo.value) body.picture = photo.value;
  if (by && by.value) body.customer = who.value;
  call(`${api}/posts`, body);
});
const stream = new EventSource(`${api}/events`);
stream.addEventListener("message", (event) => draw(JSON.parse(event.data).posts));
for (const control of document.querySelectorAll("main :disabled")) control.disabled = false;
