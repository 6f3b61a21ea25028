"use strict";
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = form.querySelector(".answer");
    const status = form.elements.status;
    const started = performance.now();
    status.className = "";
    status.value = "waiting";
    try {
      const response = await fetch(form.dataset.route, {
        method: "POST",
        headers: { "content-type": form.elements.type.value },
        body: form.elements.body.value,
      });
      answer.textContent = await response.text();
      status.value = `${response.status} in ${Math.round(performance.now() - started)} ms`;
      status.className = response.ok ? "" : "failed";
      answer.hidden = false;
    } catch (error) {
      status.value = String(error);
      status.className = "failed";
    }
  });
}
