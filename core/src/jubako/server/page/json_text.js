"use strict";

// JSON, laid out and coloured without reading its numbers: JavaScript would round large integers and drop "1.0"'s point.

const LINE_WIDTH = 88;
const LONGEST_COLOURED = 256 * 1024;
const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

function layOutJson(text) {
  JSON.parse(text);
  const tokens = text.match(JSON_TOKEN);
  let at = 0;
  function read() {
    const token = tokens[at++];
    if (token !== "{" && token !== "[") return token;
    const close = token === "{" ? "}" : "]";
    const parts = [];
    while (tokens[at] !== close) {
      if (tokens[at] === ",") at++;
      let key = "";
      if (token === "{") {
        key = tokens[at] + ": ";
        at += 2;
      }
      parts.push([key, read()]);
    }
    at++;
    const length = parts.reduce((sum, [key, value]) => sum + key.length + (value.length ?? value.width) + 2, 0);
    return { open: token, close, parts, width: length };
  }
  function write(node, indent) {
    if (typeof node === "string") return node;
    const space = "  ".repeat(indent + 1);
    const fits = node.width + indent * 2 <= LINE_WIDTH;
    const parts = node.parts.map(([key, value]) => key + write(value, fits ? 0 : indent + 1));
    if (fits) return node.open + parts.join(", ") + node.close;
    return `${node.open}\n${space}${parts.join(`,\n${space}`)}\n${"  ".repeat(indent)}${node.close}`;
  }
  return write(read(), 0);
}

function colourJson(text) {
  const shown = document.createDocumentFragment();
  if (text.length > LONGEST_COLOURED) {
    shown.append(text);
    return shown;
  }
  let end = 0;
  for (const match of text.matchAll(JSON_TOKEN)) {
    const [token] = match;
    let kind = "";
    if (token[0] === '"') kind = text[match.index + token.length] === ":" ? "key" : "string";
    else if (/^[-\d]/.test(token)) kind = "number";
    else if (/^[tfn]/.test(token)) kind = "word";
    if (!kind) continue;
    const span = document.createElement("span");
    span.className = `json-${kind}`;
    span.textContent = token;
    shown.append(text.slice(end, match.index), span);
    end = match.index + token.length;
  }
  shown.append(text.slice(end));
  return shown;
}
