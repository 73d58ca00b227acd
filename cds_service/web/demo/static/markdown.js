/* The part of CommonMark that cards use: paragraphs, headings, lists, bold, emphasis, code, links. Everything else,
   HTML included, is shown as the text it is. */

import { element, webAddress } from "/site/dom.js";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const ITEM = /^(?:[-*+]|\d+[.)])\s+/;

export function renderMarkdown(text) {
  return text.replaceAll("\r\n", "\n").split(/\n\s*\n/).filter((block) => block.trim()).flatMap(renderBlock);
}

function renderBlock(block) {
  const made = [];
  let items = null;
  let paragraph = [];
  const endParagraph = () => {
    if (paragraph.length) made.push(element("p", {}, renderInline(paragraph.join(" "))));
    paragraph = [];
  };
  for (const line of block.split("\n").map((each) => each.trim())) {
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (ITEM.test(line)) {
      endParagraph();
      if (!items) made.push((items = element(/^\d/.test(line) ? "ol" : "ul")));
      items.append(element("li", {}, renderInline(line.replace(ITEM, ""))));
    } else if (heading) {
      endParagraph();
      items = null;
      made.push(element("h4", {}, renderInline(heading[2])));
    } else if (items) {
      items.lastChild.append(" ", ...renderInline(line)); // a list item that goes on
    } else {
      paragraph.push(line);
    }
  }
  endParagraph();
  return made;
}

/** Texts and elements of one line. Tried at each place, in this order; what fits none is text. */
function renderInline(text) {
  const made = [];
  let plain = "";
  const flush = () => {
    if (plain) made.push(plain);
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const mark = readMark(rest);
    if (mark.node) {
      flush();
      made.push(mark.node);
    } else {
      plain += mark.text;
    }
    at += mark.length;
  }
  flush();
  return made;
}

function readMark(rest) {
  let found;
  if ((found = /^\\([!-/:-@[-`{-~])/.exec(rest))) return { text: found[1], length: 2 };
  if ((found = /^&(#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-z]+);/.exec(rest))) {
    return { text: decodeEntity(found), length: found[0].length };
  }
  if ((found = /^`([^`]+)`/.exec(rest))) return { node: element("code", {}, found[1]), length: found[0].length };
  if ((found = /^\*\*((?:\\.|[^\\])+?)\*\*/.exec(rest))) {
    return { node: element("strong", {}, renderInline(found[1])), length: found[0].length };
  }
  if ((found = /^([*_])((?:\\.|[^\\*_])+?)\1/.exec(rest))) {
    return { node: element("em", {}, renderInline(found[2])), length: found[0].length };
  }
  if ((found = /^\[((?:\\.|[^\\\]])+)\]\((\S+?)\)/.exec(rest))) {
    const href = webAddress(found[2]);
    const words = renderInline(found[1]);
    const node = href ? element("a", { href, rel: "noopener noreferrer", target: "_blank" }, words) : element("span", {}, words);
    return { node, length: found[0].length };
  }
  return { text: rest[0], length: 1 };
}

function decodeEntity([whole, name]) {
  if (!name.startsWith("#")) return ENTITIES[name] ?? whole;
  const point = name[1] === "x" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
}
