// Every form of the control page is one call of the control API: data-method, data-path, its fields.
const api = "/control/api";

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.type === "number") return field.value === "" ? undefined : Number(field.value);
  if (field.dataset.json !== undefined) return field.value ? JSON.parse(field.value) : undefined;
  return field.value === "" ? undefined : field.value;
}

async function call(method, path, body) {
  const answer = await fetch(api + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: method === "GET" ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const told = text ? JSON.parse(text) : {};
  return { ok: answer.ok, told };
}

function say(output, ok, told) {
  const words = Object.entries(told).map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  output.textContent = ok ? `Done. ${words.join(" · ")}` : told.problem || "Not done.";
  output.classList.toggle("bad", !ok);
}

async function submit(form, button) {
  const output = form.querySelector("output");
  const body = {};
  let path = (button && button.dataset.path) || form.dataset.path;
  const only = button && button.dataset.only; // a button that sends one field of its form
  const method = (button && button.dataset.method) || form.dataset.method || "POST";
  try {
    for (const field of form.elements) {
      if (!field.name || field.disabled || (only && field.name !== only) || (button && button.dataset.bare !== undefined && !path.includes(`{${field.name}}`))) continue;
      const value = valueOf(field);
      if (path.includes(`{${field.name}}`)) path = path.replace(`{${field.name}}`, encodeURIComponent(value ?? ""));
      else if (value !== undefined) body[field.name] = value;
    }
    const { ok, told } = await call(method, path, body);
    say(output, ok, told);
  } catch (error) {
    say(output, false, { problem: error instanceof SyntaxError ? "That is not JSON." : "The simulator does not answer." });
  }
  refresh();
}

for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, event.submitter);
  });
}
for (const box of document.querySelectorAll("[data-switch]")) {
  box.addEventListener("change", async () => {
    await call("PATCH", "/webhooks", { [box.dataset.switch]: box.checked });
    refresh();
  });
}

function rows(id, items, cells, empty) {
  const body = document.querySelector(id);
  body.replaceChildren(
    ...(items.length ? items : [null]).map((item) => {
      const row = document.createElement("tr");
      for (const text of item ? cells(item) : [empty]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (!item) cell.colSpan = 5;
        row.append(cell);
      }
      return row;
    }),
  );
}

async function refresh() {
  let state;
  try {
    state = (await call("GET", "/state")).told;
  } catch {
    return;
  }
  for (const [name, count] of Object.entries(state.webhooks.counts)) {
    const place = document.querySelector(`#count-${name}`);
    if (place) place.textContent = count;
  }
  for (const box of document.querySelectorAll("[data-switch]")) box.checked = state.webhooks[box.dataset.switch];
  rows("#faults", state.faults, (fault) => [fault.kind, fault.path, fault.when || "before", fault.code ?? fault.seconds ?? "", `${fault.remaining} left`], "Nothing goes wrong.");
  rows("#subscriptions", state.subscriptions, (item) => [item.name, item.fields.join(", "), item.failing_since ? "Failing" : "Well"], "No Page is connected.");
  rows("#calls", state.calls, (item) => [item.method, item.path, item.status, item.code ? `${item.code}${item.subcode ? `/${item.subcode}` : ""}` : "", `${item.milliseconds} ms`], "No call yet.");
}

// Nothing can be pressed before this file listens and the switches show what is set.
await refresh();
for (const control of document.querySelectorAll("main :disabled")) control.disabled = false;
setInterval(() => document.visibilityState === "visible" && refresh(), 2000);
