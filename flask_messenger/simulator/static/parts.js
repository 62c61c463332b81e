// Small pieces that the chat and the posts share.
export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

export function button(text, act, className = "") {
  const node = element("button", className, text);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

export function isWeb(url) {
  return /^https?:\/\//i.test(url || "");
}

export function link(text, url, className = "") {
  const node = element("a", className, text);
  if (isWeb(url)) {
    node.href = url;
    node.rel = "noreferrer";
    node.target = "_blank";
  }
  return node;
}

export function picture(url, alt, className = "") {
  const image = element("img", className);
  image.src = url;
  image.alt = alt;
  return image;
}

export function time(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

// One call of the customer's API. What went wrong is shown in #problem; the answer, or null.
export async function call(url, body, method = "POST") {
  const problem = document.querySelector("#problem");
  try {
    const answer = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    const told = text ? JSON.parse(text) : {};
    problem.textContent = answer.ok ? "" : told.problem;
    problem.hidden = answer.ok;
    return answer.ok ? told : null;
  } catch {
    problem.textContent = "Not sent: the simulator does not answer.";
    problem.hidden = false;
    return null;
  }
}
