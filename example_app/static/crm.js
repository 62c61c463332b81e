// The user menu closes like every menu does: by a click elsewhere, or Escape.
for (const menu of document.querySelectorAll(".crm-menu")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// The server writes times in UTC; people read their own. The messenger may bring more of them later.
const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
function showLocalTimes() {
  for (const time of document.querySelectorAll("time.crm-time:not([title])")) {
    const moment = new Date(time.dateTime);
    time.textContent = clock.format(moment);
    time.title = moment.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
  }
}
showLocalTimes();
new MutationObserver(showLocalTimes).observe(document.body, { childList: true, subtree: true });
