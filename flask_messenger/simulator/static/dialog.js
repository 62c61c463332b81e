// "All" and "None" above the Pages of the login dialog.
for (const group of document.querySelectorAll("[data-choices]")) {
  for (const button of group.querySelectorAll("[data-tick]")) {
    button.addEventListener("click", () => {
      for (const box of group.querySelectorAll("input[type=checkbox]")) {
        box.checked = button.dataset.tick === "all";
      }
    });
    button.hidden = false; // it does nothing without this file
  }
}
