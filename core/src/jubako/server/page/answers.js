// Answers, shown as they come.

const LONGEST_SHOWN = 1024 * 1024;
const LONGEST_KEPT = 64 * 1024 * 1024;

// HTTP/2 sends no words with a status, and our HTTP/1.1 does not either.
const STATUS_WORDS = { 200: "OK", 201: "Created", 202: "Accepted", 204: "No content", 400: "Bad input", 401: "No valid key",
  403: "Forbidden", 404: "Not found", 408: "Body too late", 409: "Conflict", 413: "Too large", 415: "Wrong media type",
  421: "Other host", 422: "Bad input", 429: "Too many requests", 500: "Service failed", 503: "Not serving", 504: "Too late" };

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function isText(type) {
  return /^(text\/|application\/(.*\+)?(json|xml|yaml|x-ndjson)$)/.test(type) && type !== "image/svg+xml";
}

function jsonBlock(text) {
  const block = make("pre", "");
  try {
    block.append(colourJson(layOutJson(text)));
  } catch {
    block.textContent = text;
  }
  return block;
}

/** Shows server-sent events one by one; see the HTML standard, section 9.2.6. */
class EventList {
  constructor(place) {
    this.list = make("ol", "events");
    this.rest = "";
    place.append(this.list);
  }

  add(text) {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop();
    for (const block of blocks) this.show(block);
  }

  show(block) {
    const data = [];
    let name = "";
    for (const line of block.split("\n")) {
      const [, field, value] = line.match(/^([^:]*):? ?(.*)$/s);
      if (field === "data") data.push(value);
      else if (field === "event") name = value;
    }
    if (!data.length) return;
    const item = make("li", name === "error" ? "failed" : "");
    if (name && name !== "message") item.append(make("span", "chip", name), " ");
    item.append(make("code", "", data.join("\n")));
    this.list.append(item);
  }

  end() {}
}

/** Shows text as it comes, and JSON once it is whole. */
class TextBlock {
  constructor(place, type) {
    this.place = place;
    this.isJson = /[/+]json$/.test(type);
    this.block = make("pre", "");
    this.text = "";
    place.append(this.block);
  }

  add(text) {
    this.text += text;
    if (this.block.textContent.length < LONGEST_SHOWN) this.block.append(text);
  }

  end() {
    if (this.text.length > LONGEST_SHOWN) {
      this.place.append(make("p", "hint", "The rest is not shown; save the answer to see it."));
    } else if (this.isJson && this.text) {
      this.block.replaceWith(jsonBlock(this.text));
    }
  }
}

/** The header of a numpy file: what its array is. */
async function describeNpy(blob) {
  const bytes = new Uint8Array(await blob.slice(0, 4096).arrayBuffer());
  const text = String.fromCharCode(...bytes);
  if (!text.startsWith("\x93NUMPY")) return "";
  const dtype = text.match(/'descr': *'([^']*)'/)?.[1] ?? "?";
  const shape = text.match(/'shape': *(\([^)]*\))/)?.[1] ?? "?";
  return `numpy array of dtype ${dtype} and shape ${shape}. `;
}

async function showBlob(place, type, blob, url) {
  const [family] = type.split("/");
  if (family === "image") {
    const image = make("img", "");
    image.alt = "The image that was answered";
    image.src = url;
    place.append(image);
  } else if (family === "audio" || family === "video") {
    const player = make(family, "");
    player.controls = true;
    player.src = url;
    place.append(player);
  } else {
    const said = await describeNpy(blob);
    place.append(make("p", "hint", `${said}${sizeOf(blob.size)} of ${type || "bytes"}: save it to look at it.`));
  }
}

async function* piecesOf(response) {
  if (!response.body) return;
  const reader = response.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
}

function fileNameOf(response, type) {
  const given = response.headers.get("content-disposition")?.match(/filename="?([^";]+)"?/)?.[1];
  const ending = { plain: "txt", "x-npy": "npy", "event-stream": "txt", "x-ndjson": "ndjson", "problem+json": "json",
    jpeg: "jpg", "octet-stream": "bin" };
  const subtype = type.split("/")[1] ?? "bin";
  return given ?? `answer.${ending[subtype] ?? subtype.replace(/^x-|\+.*$/g, "")}`;
}

/** Show a response below its form while it arrives; resolves when it is whole. */
async function showAnswer(form, response, started) {
  const type = (response.headers.get("content-type") ?? "").split(";")[0].trim();
  const place = form.querySelector(".shown");
  const status = form.querySelector(".answer .status");
  const figures = form.querySelector(".figures");
  status.value = `${response.status} ${STATUS_WORDS[response.status] ?? response.statusText}`.trim();
  status.className = `status ${response.ok ? "good" : "failed"}`;
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  form.querySelector(".headers pre").textContent = lines.join("\n");
  let shown = null;
  if (type === "text/event-stream") shown = new EventList(place);
  else if (isText(type)) shown = new TextBlock(place, type);
  const decoder = new TextDecoder();
  const kept = [];
  let bytes = 0;
  function tell() {
    figures.textContent = `${Math.round(performance.now() - started)} ms · ${sizeOf(bytes)} · ${type || "no body"}`;
  }
  tell();
  for await (const piece of piecesOf(response)) {
    bytes += piece.length;
    if (bytes <= LONGEST_KEPT) kept.push(piece);
    shown?.add(decoder.decode(piece, { stream: true }));
    tell();
  }
  shown?.add(decoder.decode());
  shown?.end();
  if (!bytes || bytes > LONGEST_KEPT) return;
  const blob = new Blob(kept, { type });
  const link = form.querySelector(".save");
  link.href = URL.createObjectURL(blob);
  link.download = fileNameOf(response, type);
  link.hidden = false;
  if (!shown) await showBlob(place, type, blob, link.href);
}

/** Empty the answer of a form, for the next one. */
function clearAnswer(form) {
  form.querySelector(".empty").hidden = true;
  form.querySelector(".arrived").hidden = false;
  const link = form.querySelector(".save");
  if (link.href) URL.revokeObjectURL(link.href);
  link.removeAttribute("href");
  link.hidden = true;
  form.querySelector(".shown").replaceChildren();
  form.querySelector(".figures").textContent = "";
  form.querySelector(".headers pre").textContent = "";
}
