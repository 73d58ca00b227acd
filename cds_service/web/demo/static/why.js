/* How the answer came about: what was decided, what is asked, and every criterion as a tree down to the chart. */

import { element } from "/site/dom.js";

const SAYS = {
  supported: ["good", "Supported"],
  not_supported: ["critical", "Criteria not met"],
  needs_information: ["unknown", "Needs information"],
  governed_elsewhere: ["info", "Governed elsewhere"],
  no_guideline: ["info", "No guideline"],
};
const UNKNOWN = { not_documented: "not on record", not_retrieved: "could not be read", unreadable: "could not be understood" };
const JOINS = { all: "all of", any: "any of", not: "none of", at_least: "at least" };
const TRUTHS = { met: "met", not_met: "not met", unknown: "unknown" };

/** `explained` is the answer of /demo/why; `words` the glossary; `fhir` the base for links into the chart. */
export function renderWhy(reviews, explained, words, fhir) {
  const insides = explained.orders ?? [];
  const left = insides.filter((each) => each.because).map((each) => element("p", { class: "empty" }, `${each.order} was not reviewed: ${each.because}.`));
  const shown = reviews.map((review) => {
    const inside = insides.find((each) => each.order === review.order);
    return renderReview(review, inside, { words, fhir });
  });
  if (!shown.length && !left.length) return [element("p", { class: "empty" }, "No order of this request was reviewed.")];
  return [...shown, ...left];
}

function renderReview(review, inside, at) {
  const { words, fhir } = at;
  const [look, verdict] = SAYS[review.determination] ?? ["info", review.determination];
  const study = words.studies[review.study?.id] ?? review.study?.id ?? review.order;
  return element(
    "div",
    { class: "review" },
    element("div", { class: "verdict" }, element("h3", {}, study, review.study?.code ? ` (${review.study.code})` : ""), element("span", { class: `badge ${look}` }, verdict)),
    listed("What is asked", review.asks_for, (ref) => fact(ref, words, 1)),
    listed("Would change the answer", review.unless, (ref) => fact(ref, words, 0)),
    listed("Still to do", review.steps, (id) => [words.criteria[id] ?? "", " ", criterionLink(id)]),
    listed("Instead", review.alternatives, (each) => alternative(each, words)),
    listed("Could not be read", review.not_read, (type) => [type]),
    listed("Could not be understood", review.unreadable, (reference) => [source(reference, fhir)]),
    listed("Left out: another patient's", review.foreign, (reference) => [reference]),
    criteria(review, inside, at),
    listed("Evidence", review.evidence, (each) => evidence(each, words, fhir)),
    listed("Notes", review.notes, (id) => [words.criteria[id] ?? "", " ", criterionLink(id)]),
    element("p", { class: "quiet" }, "Judged by ", (review.guidelines ?? []).map((each) => `${words.documents[each.id] ?? each.id}, ${each.version}`).join("; ") || "no document"),
    review.edition_note ? element("p", { class: "quiet" }, review.edition_note) : undefined,
  );
}

function listed(title, items, show) {
  if (!items?.length) return undefined;
  return [element("h4", {}, title), element("ul", { class: "plain" }, items.map((item) => element("li", {}, show(item))))];
}

function badge(result) {
  return element("span", { class: `badge ${result}` }, TRUTHS[result]);
}

function criterionLink(id) {
  return element("a", { class: "id", href: `/guidelines/criteria/${id}` }, id);
}

/** [statement, question, unit] of a fact. One that is named without its region means the region ordered. */
function phrase(ref, words) {
  return words.facts[ref] ?? words.facts[`${ref}(requested_region)`];
}

/** `form` 0: the statement, 1: the question. */
function fact(ref, words, form) {
  return [capital(phrase(ref, words)?.[form] ?? ref), " ", element("a", { class: "id", href: `/guidelines/facts/${ref.split("(")[0]}` }, ref)];
}

function alternative(each, words) {
  const name = each.study === "none_yet" ? "No imaging yet" : (words.studies[each.study] ?? each.study);
  const until = each.until ? ` until ${each.until}` : "";
  return [`${name}${until}`, each.code ? ` (${each.code})` : "", " ", criterionLink(each.because)];
}

function evidence(each, words, fhir) {
  const sources = (each.sources ?? []).flatMap((reference) => [" ", source(reference, fhir)]);
  const name = each.fact === "age_months" ? "Age" : capital(phrase(each.fact, words)?.[0] ?? each.fact);
  return [name, ": ", element("strong", {}, value(each.fact, each.value, words)), sources];
}

// -- the trees ----------------------------------------------------------------------------------------------------------

function criteria(review, inside, at) {
  const found = inside?.criteria ?? [];
  if (!found.length) return undefined;
  const blocks = found.map((each, place) => {
    const deciding = each.decided && place < 2;
    return element(
      "li",
      { class: "criterion" },
      element("p", {}, badge(each.result), " ", each.says),
      element("p", { class: "quiet" }, criterionLink(each.id), each.decided ? " · decided" : "", each.consequence ? ` · ${each.consequence}` : ""),
      each.tree && element("details", { open: deciding }, element("summary", {}, "How it was judged"), element("ul", { class: "tree" }, branch(each.tree, at))),
    );
  });
  return [element("h4", {}, "Criteria"), element("ul", { class: "criteria" }, blocks)];
}

function branch(node, at) {
  if (node.kind === "test") return leaf(node, at, "");
  const inner = node.parts[0];
  if (node.kind === "not" && inner.kind === "test" && !inner.parts) return leaf({ ...inner, result: node.result }, at, "not: ");
  const join = node.kind === "at_least" ? `at least ${node.count} of` : JOINS[node.kind];
  return element("li", {}, element("span", { class: "join" }, badge(node.result), " ", join), element("ul", {}, node.parts.map((part) => branch(part, at))));
}

function leaf(node, at, before) {
  const { words } = at;
  const ref = node.facts[0]?.ref ?? node.fact;
  const name = ref === "age_months" ? "Age" : capital(phrase(ref, words)?.[0] ?? phrase(node.fact, words)?.[0] ?? ref);
  const head = element("span", {}, badge(node.result), ` ${before}${before ? name.toLowerCase() : name}`, node.test ? element("strong", {}, ` ${node.test.replaceAll("_", " ")}`) : "");
  const facts = element("span", { class: "read" }, node.facts.map((each) => reading(each, Boolean(node.parts), at)));
  const inside = node.parts && element(
    "details", { open: node.result === "met" && count(node) < 8 },
    element("summary", {}, `made up of ${count(node)} findings`),
    element("ul", {}, node.parts.map((part) => branch(part, at))),
  );
  return element("li", {}, head, facts, inside);
}

/** What was read of one fact. A fact that is made up of others has nothing to read when the chart does not state it. */
function reading(each, derived, { words, fhir }) {
  if (derived && each.why === "not_documented") return undefined;
  const sources = (each.sources ?? []).slice(0, 6).flatMap(({ reference, date }) => [" · ", source(reference, fhir, date)]);
  const shown = each.why ? UNKNOWN[each.why] : value(each.ref, each.value, words);
  return element("span", { class: "quiet" }, shown, each.stated ? ", answered" : "", sources, each.note ? ` (${each.note})` : "");
}

/** A link into the chart, named by kind and day; the whole reference is for those who hear or hover over it. */
function source(reference, fhir, date) {
  const known = /^([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}$/.exec(reference);
  if (!known) return reference;
  const text = date ? `${known[1]} ${date.slice(0, 10)}` : known[1];
  return element("a", { href: `${fhir}/${reference}`, title: reference, "aria-label": `${text}, ${reference}` }, text);
}

function count(node) {
  return (node.parts ?? []).reduce((sum, part) => sum + Math.max(1, count(part)), 0);
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A fact's value in words; ages as people tell them. */
function value(ref, given, words) {
  const unit = phrase(ref, words)?.[2];
  if (ref === "age_months" && typeof given === "number") {
    return given >= 24 ? `${Math.floor(given / 12)} years` : `${Math.floor(given)} ${Math.floor(given) === 1 ? "month" : "months"}`;
  }
  return said(given, unit);
}

/** A value as text; `unit` follows a number. */
function said(value, unit) {
  if (value === true) return "yes";
  if (value === false) return "no";
  if (value === undefined || value === null) return "not known";
  if (Array.isArray(value)) return value.map((each) => said(each)).join(", ");
  if (typeof value === "number") return `${rounded(value)} ${unit ?? ""}`.trim();
  if (typeof value !== "object") return String(value).replaceAll("_", " ");
  const range = value.high === undefined ? `at least ${rounded(value.low)}` : `${rounded(value.low)} to ${rounded(value.high)}`;
  return `${range} ${unit ?? ""}`.trim();
}

function rounded(value) {
  return String(Math.round(value * 10) / 10);
}
