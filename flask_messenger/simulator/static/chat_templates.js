// What a business can send beside words: cards, receipts, coupons, forms, and their buttons.
import { button, element, isWeb, link, picture } from "./parts.js";

function drawButton(item, post) {
  let node;
  if (item.type === "postback") {
    node = button(item.title, () => post("/postbacks", { title: item.title, payload: item.payload }));
  } else if (item.type === "account_link") {
    node = button("Log in", () => post("/account-links", {}));
  } else if (item.type === "account_unlink") {
    node = button("Log out", () => post("/account-links", { unlink: true }));
  } else if (item.type === "phone_number") {
    node = element("a", "", item.title);
    node.href = `tel:${item.payload}`;
  } else {
    node = link(item.title || item.text || "Open", item.url);
  }
  node.dataset.testid = "chat-button";
  return node;
}

function drawCard(card, post) {
  const node = element("div", "tapcard");
  if (isWeb(card.image_url)) node.append(picture(card.image_url, ""));
  const words = element("div", "words", card.title);
  if (card.subtitle) words.append(element("div", "muted", card.subtitle));
  node.append(words, ...(card.buttons || []).map((item) => drawButton(item, post)));
  return node;
}

function drawCarousel(template, post) {
  const cards = (template.elements || []).map((card) => drawCard(card, post));
  if (cards.length < 2) return cards;
  const row = element("div", "carousel");
  row.tabIndex = 0;
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", `${cards.length} cards`);
  row.append(...cards);
  return [row];
}

function drawMedia(template, post) {
  return (template.elements || []).map((item) => {
    const node = element("div", "tapcard");
    if (isWeb(item.url) && item.media_type === "image") node.append(picture(item.url, "Photo"));
    else node.append(element("div", "words", item.media_type === "video" ? "Video" : "Photo"));
    node.append(...(item.buttons || []).map((each) => drawButton(each, post)));
    return node;
  });
}

function drawReceipt(template) {
  const node = element("div", "tapcard");
  const words = element("div", "words");
  words.append(element("div", "strong", `Order ${template.order_number || ""}`));
  for (const item of template.elements || []) {
    words.append(element("div", "pair", `${item.quantity || 1} × ${item.title} · ${item.price}`));
  }
  const total = template.summary && template.summary.total_cost;
  words.append(element("div", "strong", `Total ${total ?? ""} ${template.currency || ""}`));
  node.append(words);
  if (template.order_url) node.append(link("See the order", template.order_url));
  return [node];
}

function drawCoupon(template, post) {
  const node = drawCard({ ...template, buttons: [] }, post);
  const code = template.coupon_code;
  if (code) {
    node.append(button("Show the code", () => post("/coupons", { coupon_code: code, payload: template.payload || "COUPON" })));
  }
  if (template.coupon_url) node.append(link(template.coupon_url_button_title || "Use it", template.coupon_url));
  return [node];
}

function drawFeedback(template, post) {
  const node = element("div", "tapcard");
  node.append(element("div", "words", template.title));
  const question = template.feedback_screens?.[0]?.questions?.[0] || {};
  const row = element("div", "stars");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", question.title || "Your answer");
  const highest = question.type === "nps" ? 10 : question.type === "ces" ? 7 : 5;
  for (let score = 1; score <= highest; score += 1) {
    const each = button(String(score), () => post("/feedback", { kind: question.type || "csat", question_id: question.id || "q1", score }));
    each.dataset.testid = `feedback-${score}`;
    row.append(each);
  }
  node.append(row);
  return [node];
}

function drawInformation(template, post) {
  const node = element("div", "tapcard");
  node.append(element("div", "words", template.title || "We need your address"));
  node.append(button("Send the address", () => post("/customer-information", {})));
  return [node];
}

function drawGrid(template, post) {
  return (template.elements || []).map((item) => {
    const node = element("div", "tapcard");
    const grid = element("div", "grid");
    for (const each of item.images || []) if (isWeb(each.url)) grid.append(picture(each.url, ""));
    node.append(grid, element("div", "words", item.title), ...(item.buttons || []).map((each) => drawButton(each, post)));
    return node;
  });
}

function drawProducts(template) {
  const products = template.product ? template.product.elements : template.elements || [];
  return products.map((item) => drawCard({ title: item.title || `Product ${item.id}`, subtitle: item.subtitle, image_url: item.image_url }, null));
}

function drawOptIn(template, post) {
  const node = drawCard({ title: template.title, image_url: template.image_url }, post);
  node.append(button("Get messages", () => post("/optins", { payload: template.payload || "NEWS", title: template.title })));
  return [node];
}

const KINDS = {
  media: drawMedia,
  receipt: drawReceipt,
  coupon: drawCoupon,
  customer_feedback: drawFeedback,
  customer_information: drawInformation,
  image_grid: drawGrid,
  product: drawProducts,
  notification_messages: drawOptIn,
};

export function drawTemplate(template, post) {
  if (template.product) return drawProducts(template);
  if (template.template_type === "instant_form") {
    const node = element("div", "tapcard");
    node.append(element("div", "words", "A form"), button("Send it", () => post("/forms", { id: String(template.form_id) })));
    return [node];
  }
  if (template.template_type === "button" || !template.elements) {
    const draw = KINDS[template.template_type];
    return draw ? draw(template, post) : [drawCard({ title: template.text, buttons: template.buttons }, post)];
  }
  return (KINDS[template.template_type] || drawCarousel)(template, post);
}
