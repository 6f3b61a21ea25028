// The page itself: forms, the key, the theme, and whether the server is ready.

function say(form, text) {
  form.querySelector(".note").textContent = text;
}

function showFailure(form, error) {
  const status = form.querySelector(".answer .status");
  status.className = "status failed";
  if (error.name === "AbortError") status.value = `${status.value} · stopped`.replace(/^ · /, "");
  else if (status.value) status.value += " · cut off before its end";
  else status.value = "No answer: the server cannot be reached";
}

async function send(form) {
  let request;
  try {
    request = readRequest(form);
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error;
    say(form, error.message);
    error.field.focus();
    return;
  }
  say(form, "");
  const stop = form.querySelector(".stop");
  const button = form.querySelector(".send");
  const aborted = new AbortController();
  clearAnswer(form);
  form.querySelector(".answer .status").value = "";
  form.setAttribute("aria-busy", "true");
  button.disabled = true;
  stop.hidden = false;
  stop.onclick = () => aborted.abort();
  const { url, method, headers, body } = request;
  try {
    const started = performance.now();
    const all = { ...headers, ...keyHeaders() };
    const response = await fetch(url, { method, headers: all, body, signal: aborted.signal, cache: "no-store" });
    await showAnswer(form, response, started);
  } catch (error) {
    showFailure(form, error);
  } finally {
    form.removeAttribute("aria-busy");
    button.disabled = false;
    stop.hidden = true;
  }
}

async function copyCurl(form) {
  let command;
  try {
    command = writeCurl(readRequest(form));
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error;
    say(form, error.message);
    error.field.focus();
    return;
  }
  try {
    await navigator.clipboard.writeText(command);
    say(form, "Copied.");
  } catch {
    // Browsers let a page write to the clipboard over HTTPS and on this machine only.
    say(form, "");
    clearAnswer(form);
    form.querySelector(".answer .status").value = "";
    form.querySelector(".figures").textContent = "Copy this command:";
    form.querySelector(".shown").append(make("pre", "", command));
  }
}

function preview(content) {
  const place = content.querySelector(".preview");
  for (const image of place.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  place.replaceChildren();
  for (const field of content.querySelectorAll("input[type=file]")) {
    for (const file of field.files) {
      if (!file.type.startsWith("image/")) continue;
      const image = make("img", "");
      image.alt = `Preview of ${file.name}`;
      image.src = URL.createObjectURL(file);
      place.append(image);
    }
  }
  place.hidden = !place.firstChild;
}

function startForm(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.querySelector(".curl").addEventListener("click", () => copyCurl(form));
  form.querySelector(".content-type")?.addEventListener("change", (event) => {
    const contents = form.querySelectorAll(".content");
    contents.forEach((content, index) => (content.hidden = index !== Number(event.target.value)));
  });
  for (const content of form.querySelectorAll(".content")) {
    content.addEventListener("change", (event) => {
      // Not of a text: it changes when the button is pressed, which would move away below the pointer.
      if (event.target.type === "file") preview(content);
    });
  }
}

function startTheme() {
  const button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  function use(theme) {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    localStorage.setItem("jubako-theme", theme);
  }
  const stored = localStorage.getItem("jubako-theme");
  use(themes.includes(stored) ? stored : "auto");
  button.addEventListener("click", () => {
    use(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
  });
}

function startKey() {
  const dialog = document.getElementById("key-dialog");
  const field = document.getElementById("key");
  const button = document.getElementById("open-key");
  function mark() {
    button.textContent = storedKey() ? "API key: set" : "API key";
  }
  mark();
  button.addEventListener("click", () => {
    field.value = storedKey();
    dialog.showModal();
  });
  document.getElementById("close-key").addEventListener("click", () => dialog.close());
  document.getElementById("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) sessionStorage.setItem(KEY_ITEM, field.value.trim());
    else sessionStorage.removeItem(KEY_ITEM);
    mark();
    dialog.close();
  });
  document.getElementById("openapi").addEventListener("click", async (event) => {
    // A link cannot send the key.
    if (!storedKey()) return;
    event.preventDefault();
    const response = await fetch(event.target.href, { headers: keyHeaders() });
    open(URL.createObjectURL(await response.blob()), "_blank");
  });
}

async function showState() {
  const place = document.getElementById("state");
  try {
    const response = await fetch(new URL("readyz", ROOT), { cache: "no-store" });
    place.textContent = response.ok ? "Ready" : "Not ready";
    place.className = `state ${response.ok ? "good" : "failed"}`;
  } catch {
    place.textContent = "Unreachable";
    place.className = "state failed";
  }
}

function startPage() {
  document.querySelectorAll("form.try").forEach(startForm);
  startTheme();
  startKey();
  showState();
}

/** Ask for the page with a key and put it in this one's place; the same scripts and style are in both. */
async function unlock(key) {
  const response = await fetch(ROOT, { headers: { accept: "text/html", ...keyHeaders(key) }, cache: "no-store" });
  if (!response.ok) return `The server answered ${response.status}: this key is not valid here.`;
  sessionStorage.setItem(KEY_ITEM, key);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(page.body);
  startPage();
  return "";
}

function startLock(form) {
  const state = document.getElementById("unlock-state");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      state.textContent = await unlock(form.elements.key.value.trim());
    } catch {
      state.textContent = "The server cannot be reached.";
    }
  });
  // After a reload, the tab still has its key.
  if (storedKey()) unlock(storedKey()).catch(() => {});
}

const lock = document.getElementById("unlock");
if (lock) startLock(lock);
else startPage();
