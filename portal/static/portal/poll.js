// Replaces a fragment by its server-rendered successor until the server answers 286 (done).
"use strict";
for (const place of document.querySelectorAll("[data-poll]")) {
  let pause = 2000;
  const again = () => setTimeout(look, document.hidden ? pause * 4 : pause);
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.poll, {headers: {"X-Fragment": "1"}, redirect: "manual"});
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        place.insertAdjacentHTML("beforeend", '<p class="hint" role="status">Signed out. Load the page again.</p>');
        return;
      }
      if (answer.status === 286) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      const fragment = await answer.text();
      if (place.dataset.shown !== fragment) {
        place.innerHTML = fragment;
        place.dataset.shown = fragment;
      }
      pause = 2000;
    } catch {
      pause = Math.min(pause * 2, 30000);
    }
    again();
  };
  again();
}
