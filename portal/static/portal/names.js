// Gives the names that screen readers need to admin controls that have none, also to those made later.
"use strict";
const name = () => {
  for (const control of document.querySelectorAll(".select2-selection[role=combobox]:not([aria-label])")) {
    const field = control.closest(".form-row, .fieldBox, p")?.querySelector("label");
    control.setAttribute("aria-label", field?.textContent.replace(/[:\s]+$/, "") || "Choose");
  }
};
new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
name();
