// What a form says, as a request of fetch and as a command line of curl.

// The page stands at the root of the service, which may stand below a prefix.
const ROOT = new URL(location.pathname.endsWith("/") ? "." : `${location.pathname}/`, location.href);
const KEY_ITEM = `jubako-key ${ROOT.pathname}`;

class Incomplete extends Error {
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}

function storedKey() {
  return sessionStorage.getItem(KEY_ITEM) ?? "";
}

function keyHeaders(key = storedKey()) {
  return key ? { authorization: `Bearer ${key}` } : {};
}

function contentOf(form) {
  return form.querySelector(".content:not([hidden])");
}

function readPath(form) {
  let path = form.dataset.path.slice(1);
  for (const field of form.querySelectorAll("[data-parameter]")) {
    if (!field.value) throw new Incomplete(`Fill in ${field.dataset.parameter}.`, field);
    path = path.replace(`{${field.dataset.parameter}}`, encodeURIComponent(field.value));
  }
  return new URL(path, ROOT);
}

function readParts(content) {
  const parts = [];
  for (const field of content.querySelectorAll("[data-part]")) {
    const { part: name, type } = field.dataset;
    if (field.type !== "file") {
      parts.push({ name, type, text: field.value });
    } else if (field.files.length) {
      parts.push({ name, type, file: field.files[0] });
    } else if (field.required) {
      throw new Incomplete(`Choose a file for ${name}.`, field);
    }
  }
  return parts;
}

/** What a file is sent as: of images, and where anything is taken, its own type says more than the first of a list. */
function typeOfFile(type, file) {
  if (type.startsWith("image/") || type.includes("*")) return file.type || (type.includes("*") ? "" : type);
  return type || file.type;
}

function multipartBody(parts) {
  const body = new FormData();
  for (const { name, type, text, file } of parts) {
    if (file) body.append(name, new Blob([file], { type: typeOfFile(type, file) }), file.name);
    else if (type) body.append(name, new Blob([text], { type }), name);
    else body.append(name, text);
  }
  return body;
}

/** Read a form: {url, method, headers, body, parts, file}; throws Incomplete if something is missing. */
function readRequest(form) {
  const request = { url: readPath(form), method: form.dataset.method, headers: {}, parts: [] };
  const accept = form.querySelector(".accept");
  // The first is what the service answers anyway.
  if (accept && accept.selectedIndex > 0) request.headers.accept = accept.value;
  const timeout = form.querySelector(".timeout")?.value.trim();
  if (timeout) request.headers["x-request-timeout"] = timeout;
  const content = contentOf(form);
  if (!content) return request;
  const { type, kind } = content.dataset;
  if (kind === "form") {
    request.parts = readParts(content);
    request.body = multipartBody(request.parts);
    return request;
  }
  const field = content.querySelector(".file");
  request.file = field.files[0];
  if (kind === "file" && !request.file) throw new Incomplete("Choose a file.", field);
  request.body = request.file ?? content.querySelector(".body").value;
  const sentAs = kind === "file" ? typeOfFile(type, request.file) : type;
  request.headers["content-type"] = sentAs.includes("*") || !sentAs ? "application/octet-stream" : sentAs;
  return request;
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function curlPart({ name, type, text, file }) {
  const kind = file ? typeOfFile(type, file) : type;
  const value = (file ? file.name : text).replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `-F ${quoted(`${name}=${file ? "@" : ""}"${value}"${kind ? `;type=${kind}` : ""}`)}`;
}

/** Write a request as a command; a key is not written, but taken from the environment. */
function writeCurl(request) {
  const lines = [`curl ${quoted(request.url.href)}`];
  if (storedKey()) lines.push('-H "Authorization: Bearer $API_KEY"');
  for (const [name, value] of Object.entries(request.headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  lines.push(...request.parts.map(curlPart));
  if (request.file) lines.push(`--data-binary ${quoted(`@${request.file.name}`)}`);
  else if (typeof request.body === "string") lines.push(`--data-raw ${quoted(request.body)}`);
  else if (request.method === "POST" && !request.body) lines.push("-X POST");
  return lines.join(" \\\n  ");
}
